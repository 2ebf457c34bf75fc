"""The audit log and where its chain ends."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Integer, Text, bindparam, select, update

from leadqual.store.statements.definitions import Statements
from leadqual.store.statements.inserts import insertion
from leadqual.store.tables_operations import AUDIT, AUDIT_HEAD
from leadqual.store.types import BigId

_HEAD: Final = select(AUDIT_HEAD.c.number, AUDIT_HEAD.c.entry_hash)
_ENTRIES: Final = select(
    AUDIT.c.number,
    AUDIT.c.at,
    AUDIT.c.actor,
    AUDIT.c.action,
    AUDIT.c.subject,
    AUDIT.c.detail_json,
    AUDIT.c.entry_hash,
).limit(bindparam("n", type_=Integer))

STATEMENTS: Final[Statements] = {
    "read_head": _HEAD,
    "lock_head": _HEAD.with_for_update(),
    "move_head": update(AUDIT_HEAD).values(
        number=bindparam("number", type_=BigId), entry_hash=bindparam("entry_hash", type_=Text)
    ),
    "insert": insertion(AUDIT),
    "after": _ENTRIES.where(AUDIT.c.number > bindparam("after", type_=BigId)).order_by(
        AUDIT.c.number
    ),
    "newest": _ENTRIES.order_by(AUDIT.c.number.desc()),
}
