"""Flat names for the fields of a lead: the columns that the feature stage reads."""

from __future__ import annotations

from typing import Final

from leadqual.leads.fields import SECTIONS
from leadqual.leads.schema import Lead, Motion, Scalar

PERSONAL_FIELDS: Final = frozenset({
    "contact.email",
    "contact.full_name",
    "contact.phone",
    "campaign.gclid",
})
"""Fields that identify a person: never a feature, never in a snapshot or a log."""

_KEPT: Final = tuple(
    (
        section,
        tuple(
            (field, f"{section}.{field}")
            for field in model.model_fields
            if f"{section}.{field}" not in PERSONAL_FIELDS
        ),
    )
    for section, model in SECTIONS.items()
)


_MOTIONS: Final = {motion: motion.value for motion in Motion}


def flatten_lead(lead: Lead) -> dict[str, Scalar]:
    """Return the snapshot of a lead: one scalar per field known at this moment.

    Names are `source`, `motion`, `created_at` (ISO 8601, UTC), `email_domain`,
    `is_free_mail`, `<section>.<field>` and `attributes.<name>`. Fields that are None and
    `PERSONAL_FIELDS` are left out, so a snapshot can be stored and trained on.
    """
    parts = lead.__dict__
    flat: dict[str, Scalar] = {
        "source": parts["source"],
        "motion": _MOTIONS[parts["motion"]],
        "created_at": parts["created_at"].isoformat(),
    }
    for name in ("email_domain", "is_free_mail"):
        if parts[name] is not None:
            flat[name] = parts[name]
    for section, fields in _KEPT:
        values = parts[section].__dict__
        for field, name in fields:
            value = values[field]
            if value is not None:
                flat[name] = value
    for name, value in parts["attributes"].items():
        if value is not None:
            flat[f"attributes.{name}"] = value
    return flat
