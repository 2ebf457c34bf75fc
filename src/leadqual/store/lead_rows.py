"""A lead as a row of its table."""

from __future__ import annotations

from typing import Final

from leadqual.leads.records import dump_record
from leadqual.leads.schema import Lead
from leadqual.store.records import NewLead

FEW_MARKS: Final = 100
"""As many marks of erased persons are read whole; one of more is looked up."""


def dump_lead(lead: Lead) -> str:
    """Return JSON that reads back as an equal lead; what is not known is left out."""
    if None in lead.attributes.values():
        return lead.model_dump_json(exclude_defaults=True)  # keeps them, for twice the time
    return dump_record(lead, has_none=False)


def lead_row(new: NewLead) -> dict[str, object]:
    """Return the values of a lead's first row."""
    return {
        "lead_id": new.lead_id,
        "feed": new.feed,
        "email": new.lead.contact.email,
        "lead_json": dump_lead(new.lead),
        "received_at": new.received_at,
        "touched_at": new.received_at,
        "n_touches": 1,
        "is_history": False,
        "erased_at": None,
    }
