"""Messages to the outside."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Integer, Text, and_, bindparam, delete, func, select, update

from leadqual.store.statements.definitions import Statements
from leadqual.store.statements.inserts import insertion
from leadqual.store.tables_operations import OUTBOX
from leadqual.store.types import BigId, UtcTime

_AT: Final = bindparam("moment", type_=UtcTime)
_ERROR: Final = bindparam("error", type_=Text)
_IS_WAITING: Final = and_(OUTBOX.c.delivered_at.is_(None), OUTBOX.c.given_up_at.is_(None))
_READY: Final = (
    select(*OUTBOX.c)
    .where(_IS_WAITING, OUTBOX.c.due_at <= _AT)
    .order_by(OUTBOX.c.due_at, OUTBOX.c.message_id)
    .limit(bindparam("n", type_=Integer))
)
_TRIED: Final = (
    update(OUTBOX)
    .where(OUTBOX.c.message_id == bindparam("id", type_=BigId), _IS_WAITING)
    .values(n_attempts=OUTBOX.c.n_attempts + 1)
)

STATEMENTS: Final[Statements] = {
    "insert": insertion(OUTBOX),
    "due": _READY,
    "due_locked": _READY.with_for_update(skip_locked=True),
    "delivered": _TRIED.values(delivered_at=_AT, last_error=None),
    "failed": _TRIED.values(due_at=_AT, last_error=_ERROR),
    "given_up": _TRIED.values(given_up_at=_AT, last_error=_ERROR),
    "oldest": select(func.min(OUTBOX.c.due_at)).where(_IS_WAITING),
    "prune": delete(OUTBOX).where(OUTBOX.c.created_at < _AT),
}
