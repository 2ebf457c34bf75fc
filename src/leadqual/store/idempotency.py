"""Answers to give again for the same idempotency key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Text, bindparam, delete, select

from leadqual.errors import BusyError
from leadqual.store.phrases import lock
from leadqual.store.prepared import Link, Prepared, Statement
from leadqual.store.records import IdempotentAnswer
from leadqual.store.tables_operations import IDEMPOTENCY
from leadqual.store.types import UtcTime
from leadqual.store.upsert import upsert_into

KEPT_FOR: Final = timedelta(days=7)
"""How long an answer is kept; after that the key counts as new."""

_OLD: Final = bindparam("old", type_=UtcTime)
_FIND: Final = Prepared(
    select(*IDEMPOTENCY.c).where(
        IDEMPOTENCY.c.scope == bindparam("of_scope", type_=Text),
        IDEMPOTENCY.c.key == bindparam("of_key", type_=Text),
    )
)
_PRUNE: Final = Prepared(delete(IDEMPOTENCY).where(IDEMPOTENCY.c.at < _OLD))


def _save(dialect: str) -> Statement:
    """Return an insert that replaces an answer only when that one is too old to be given."""
    names = [column.name for column in IDEMPOTENCY.c]
    statement = upsert_into(IDEMPOTENCY, dialect).values({
        name: bindparam(name, type_=IDEMPOTENCY.c[name].type) for name in names
    })
    return statement.on_conflict_do_update(
        index_elements=[IDEMPOTENCY.c.scope, IDEMPOTENCY.c.key],
        set_={name: statement.excluded[name] for name in ("body_hash", "response_json", "at")},
        where=IDEMPOTENCY.c.at <= _OLD,
    )


_SAVE: Final = Prepared(_save)


class IdempotencyRepository:
    """Keep what was answered, in the transaction of what was done."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def find(self, key: str, scope: str) -> IdempotentAnswer | None:
        """Return what was answered under a key, however long ago.

        In a writing transaction no other process can use the same key until it ends.
        """
        lock(self._link, f"once:{scope}:{key}")
        row = self._link.first(_FIND, of_scope=scope, of_key=key)
        return None if row is None else IdempotentAnswer(*row)

    def save(
        self, key: str, scope: str, *, body_hash: str, response_json: str, at: datetime
    ) -> IdempotentAnswer:
        """Keep an answer; one that is older than `KEPT_FOR` is replaced.

        Raises
        ------
        BusyError
            When the key was used at this very moment by another process.
        """
        answer = IdempotentAnswer(scope, key, body_hash, response_json, at)
        n_saved = self._link.count(
            _SAVE,
            scope=scope,
            key=key,
            body_hash=body_hash,
            response_json=response_json,
            at=at,
            old=at - KEPT_FOR,
        )
        if n_saved == 0:
            raise BusyError(
                "another request with this Idempotency-Key is being answered; send it again"
            )
        return answer

    def prune(self, *, before: datetime) -> int:
        """Forget answers older than a time; return how many."""
        return self._link.count(_PRUNE, old=before)
