"""What removes a person."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Delete, Table, Text, bindparam, delete, select, update

from leadqual.store.lead_rows import FEW_MARKS
from leadqual.store.statements.definitions import Statements
from leadqual.store.statements.inserts import insertion
from leadqual.store.statements.phrases import first_rows
from leadqual.store.tables import (
    EVENTS,
    EXTERNAL_IDS,
    HANDOFFS,
    ITEMS,
    LEADS,
    RESCORE,
    SCORES,
    SUPPRESSIONS,
    TOUCHES,
)
from leadqual.store.tables_operations import OUTBOX

_ID: Final = bindparam("id", type_=Text)


def _removal(table: Table) -> Delete:
    return delete(table).where(table.c.lead_id == _ID)


STATEMENTS: Final[Statements] = {
    "same_email": select(LEADS.c.lead_id, LEADS.c.lead_json).where(
        LEADS.c.email == bindparam("email")
    ),
    "mark": insertion(SUPPRESSIONS, is_idempotent=True),
    "first_marks": first_rows(select(SUPPRESSIONS.c.mark), FEW_MARKS + 1),
    "find_mark": select(SUPPRESSIONS.c.mark).where(SUPPRESSIONS.c.mark == bindparam("marked")),
    "empty_lead": (
        update(LEADS)
        .where(LEADS.c.lead_id == _ID)
        .values(
            lead_json=bindparam("lead_json", type_=Text),
            email=None,
            erased_at=bindparam("erased_at", type_=LEADS.c.erased_at.type),
        )
    ),
    "forget_notes": (
        update(EVENTS).where(EVENTS.c.lead_id == _ID, EVENTS.c.note.is_not(None)).values(note=None)
    ),
    "close_item": (
        update(ITEMS)
        .where(ITEMS.c.lead_id == _ID, ITEMS.c.finished_at.is_(None))
        .values(
            state="closed",
            claimed_by=None,
            wakes_at=None,
            finished_at=bindparam("finished_at", type_=ITEMS.c.finished_at.type),
        )
    ),
    "remove_touches": _removal(TOUCHES),
    "remove_scores": _removal(SCORES),
    "remove_rescore": _removal(RESCORE),
    "remove_handoffs": _removal(HANDOFFS),
    "remove_outbox": _removal(OUTBOX),
    "remove_external_ids": _removal(EXTERNAL_IDS),
}
