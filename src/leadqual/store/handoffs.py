"""Briefs from reps to AEs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from leadqual.queue.handoff import Handoff
from leadqual.store.json_text import dump
from leadqual.store.prepared import Link, Prepared

_INSERT: Final = Prepared("handoffs.insert")
_LATEST: Final = Prepared("handoffs.latest")
_LATEST_MANY: Final = Prepared("handoffs.latest_many")


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
