"""Flat names for the fields of a lead: the columns that the feature stage reads."""

from __future__ import annotations

from typing import Final

from leadqual.leads.schema import Lead, Scalar

PERSONAL_FIELDS: Final = frozenset({
    "contact.email",
    "contact.full_name",
    "contact.phone",
    "campaign.gclid",
})
"""Fields that identify a person: never a feature, never in a snapshot or a log."""

_SECTIONS: Final = ("contact", "company", "interest", "engagement", "campaign", "consent")


def flatten_lead(lead: Lead) -> dict[str, Scalar]:
    """Return the snapshot of a lead: one scalar per field known at this moment.

    Names are `source`, `motion`, `created_at` (ISO 8601, UTC), `email_domain`,
    `is_free_mail`, `<section>.<field>` and `attributes.<name>`. Fields that are None and
    `PERSONAL_FIELDS` are left out, so a snapshot can be stored and trained on.
    """
    flat: dict[str, Scalar] = {
        "source": lead.source,
        "motion": lead.motion.value,
        "created_at": lead.created_at.isoformat(),
    }
    if lead.email_domain is not None:
        flat["email_domain"] = lead.email_domain
    if lead.is_free_mail is not None:
        flat["is_free_mail"] = lead.is_free_mail
    for section in _SECTIONS:
        for field, value in getattr(lead, section):
            name = f"{section}.{field}"
            if value is not None and name not in PERSONAL_FIELDS:
                flat[name] = value
    for name, value in lead.attributes.items():
        if value is not None:
            flat[f"attributes.{name}"] = value
    return flat
