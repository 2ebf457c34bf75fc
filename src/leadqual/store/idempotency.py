"""Answers to give again for the same idempotency key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from leadqual.errors import BusyError
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import IdempotentAnswer

KEPT_FOR: Final = timedelta(days=7)
"""How long an answer is kept; after that the key counts as new."""

_FIND: Final = Prepared("idempotency.find")
_SAVE: Final = Prepared("idempotency.save")
_PRUNE: Final = Prepared("idempotency.prune")


class IdempotencyRepository:
    """Keep what was answered, in the transaction of what was done."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def find(self, key: str, scope: str) -> IdempotentAnswer | None:
        """Return what was answered under a key, however long ago.

        In a writing transaction no other process can use the same key until it ends.
        """
        self._link.lock(f"once:{scope}:{key}")
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
