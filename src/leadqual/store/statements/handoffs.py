"""Briefs from reps to AEs."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Text, bindparam, func, select

from leadqual.store.statements.definitions import Statement, Statements
from leadqual.store.statements.inserts import insertion
from leadqual.store.statements.phrases import listed
from leadqual.store.tables import HANDOFFS


def _latest_many(dialect: str) -> Statement:
    newest = (
        select(func.max(HANDOFFS.c.handoff_id))
        .where(HANDOFFS.c.lead_id.in_(listed(dialect, "ids")))
        .group_by(HANDOFFS.c.lead_id)
    )
    return select(HANDOFFS.c.lead_id, HANDOFFS.c.brief_json).where(
        HANDOFFS.c.handoff_id.in_(newest)
    )


STATEMENTS: Final[Statements] = {
    "insert": insertion(HANDOFFS),
    "latest": (
        select(HANDOFFS.c.brief_json)
        .where(HANDOFFS.c.lead_id == bindparam("id", type_=Text))
        .order_by(HANDOFFS.c.handoff_id.desc())
        .limit(1)
    ),
    "latest_many": _latest_many,
}
