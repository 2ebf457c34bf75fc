"""Answers to give again."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Text, bindparam, delete, select

from leadqual.store.statements.definitions import Statement, Statements
from leadqual.store.statements.inserts import upsert_into
from leadqual.store.tables_operations import IDEMPOTENCY
from leadqual.store.types import UtcTime

_OLD: Final = bindparam("old", type_=UtcTime)


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


STATEMENTS: Final[Statements] = {
    "find": select(*IDEMPOTENCY.c).where(
        IDEMPOTENCY.c.scope == bindparam("of_scope", type_=Text),
        IDEMPOTENCY.c.key == bindparam("of_key", type_=Text),
    ),
    "save": _save,
    "prune": delete(IDEMPOTENCY).where(IDEMPOTENCY.c.at < _OLD),
}
