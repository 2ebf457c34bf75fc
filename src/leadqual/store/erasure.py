"""Remove a person and leave only what knows them again, under a key."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from leadqual.leads.schema import Lead
from leadqual.store.audit import AuditRepository
from leadqual.store.lead_rows import dump_lead
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import LeadRecord
from leadqual.store.suppressions import mark_of

_SAME_EMAIL: Final = Prepared("erasure.same_email")
_MARK: Final = Prepared("erasure.mark")
_EMPTY: Final = Prepared("erasure.empty_lead")
_FORGET_NOTES: Final = Prepared("erasure.forget_notes")
_CLOSE: Final = Prepared("erasure.close_item")
_REMOVALS: Final = (
    Prepared("erasure.remove_touches"),
    Prepared("erasure.remove_scores"),
    Prepared("erasure.remove_rescore"),
    Prepared("erasure.remove_handoffs"),
    Prepared("erasure.remove_outbox"),
    Prepared("erasure.remove_external_ids"),
)


def erase_person(
    link: Link, record: LeadRecord, *, at: datetime, actor: str, suppression_key: bytes
) -> tuple[str, ...]:
    """Erase a lead and every other lead with the same e-mail address; return their ids."""
    leads = {record.lead_id: record.lead}
    email = record.lead.contact.email
    if email is not None:
        for lead_id, text in link.run(_SAME_EMAIL, email=email):
            leads[lead_id] = Lead.model_validate_json(text)
    for lead_id, lead in leads.items():
        for identity in (lead.contact.email, lead.contact.phone):
            if identity is not None:
                link.run(_MARK, mark=mark_of(identity, suppression_key), at=at)
        _erase(link, lead_id, lead, at=at)
        AuditRepository(link).append(
            "lead.erased", actor=actor, subject=f"lead:{lead_id}", at=at, detail={}
        )
    return tuple(leads)


def _erase(link: Link, lead_id: str, lead: Lead, *, at: datetime) -> None:
    """Keep of one lead only when it was made, how it came and what came of it."""
    rest = Lead(source=lead.source, motion=lead.motion, created_at=lead.created_at)
    link.run(_CLOSE, id=lead_id, finished_at=at)
    for removal in _REMOVALS:
        link.run(removal, id=lead_id)
    link.run(_FORGET_NOTES, id=lead_id)
    link.run(_EMPTY, id=lead_id, lead_json=dump_lead(rest), erased_at=at)
