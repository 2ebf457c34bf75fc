"""A lead as a row of its table."""

from __future__ import annotations

from datetime import datetime

from leadqual.leads.schema import Lead
from leadqual.store.records import NewLead


def dump_lead(lead: Lead) -> str:
    """Return JSON that reads back as an equal lead; what is not known is left out."""
    if None in lead.attributes.values():
        return lead.model_dump_json(exclude_defaults=True)  # keeps them, for twice the time
    return lead.model_dump_json(exclude_none=True)


def lead_row(
    lead: Lead, *, lead_id: str, feed: str, received_at: datetime, is_history: bool = False
) -> dict[str, object]:
    """Return the values of a lead's first row."""
    return {
        "lead_id": lead_id,
        "feed": feed,
        "email": lead.contact.email,
        "lead_json": dump_lead(lead),
        "received_at": received_at,
        "touched_at": received_at,
        "n_touches": 1,
        "is_history": is_history,
        "erased_at": None,
    }


def new_lead_row(new: NewLead) -> dict[str, object]:
    """Return the values of the first row of a lead of many."""
    return lead_row(
        new.lead,
        lead_id=new.lead_id,
        feed=new.feed,
        received_at=new.received_at,
        is_history=new.is_history,
    )
