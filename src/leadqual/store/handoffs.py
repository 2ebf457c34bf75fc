"""Briefs from reps to AEs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Text, bindparam, func, select

from leadqual.queue.handoff import Handoff
from leadqual.store.phrases import dump, listed
from leadqual.store.prepared import Link, Prepared, Statement, insertion
from leadqual.store.tables import HANDOFFS

_INSERT: Final = insertion(HANDOFFS)
_LATEST: Final = Prepared(
    select(HANDOFFS.c.brief_json)
    .where(HANDOFFS.c.lead_id == bindparam("id", type_=Text))
    .order_by(HANDOFFS.c.handoff_id.desc())
    .limit(1)
)


def _latest_many(dialect: str) -> Statement:
    newest = (
        select(func.max(HANDOFFS.c.handoff_id))
        .where(HANDOFFS.c.lead_id.in_(listed(dialect, "ids")))
        .group_by(HANDOFFS.c.lead_id)
    )
    return select(HANDOFFS.c.lead_id, HANDOFFS.c.brief_json).where(
        HANDOFFS.c.handoff_id.in_(newest)
    )


_LATEST_MANY: Final = Prepared(_latest_many)


class HandoffRepository:
    """Store and read briefs; they go with the lead when it is erased."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def save(self, brief: Handoff) -> None:
        """Store one brief beside earlier ones. Raises `ConflictError` for an unknown lead."""
        self._link.run(_INSERT, lead_id=brief.lead_id, brief_json=brief.model_dump_json())

    def latest(self, lead_id: str) -> Handoff | None:
        """Return the newest brief of a lead."""
        row = self._link.first(_LATEST, id=lead_id)
        return None if row is None else Handoff.model_validate_json(row[0])

    def latest_many(self, lead_ids: Collection[str]) -> dict[str, Handoff]:
        """Return the newest brief by lead; leads without one are left out."""
        rows = self._link.run(_LATEST_MANY, ids=dump(list(lead_ids)))
        return {lead_id: Handoff.model_validate_json(brief) for lead_id, brief in rows}
