"""The fields of a lead by dotted name, with the kind of value each takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel

from leadqual.leads.schema import Campaign, Company, Consent, Contact, Engagement, Interest


class Kind(StrEnum):
    """What a cell is read as."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    BOOL = "bool"
    TIME = "time"
    ANY = "any"


SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "contact": Contact,
    "company": Company,
    "interest": Interest,
    "engagement": Engagement,
    "campaign": Campaign,
    "consent": Consent,
}
"""The sections of a lead, in the order of CONTRACT."""

UNITS: Final[Mapping[str, float]] = {
    "cents": 0.01,
    "percent": 0.01,
    "thousand": 1e3,
    "million": 1e6,
    "minutes": 60.0,
    "hours": 3600.0,
    "weeks": 7.0,
    "months": 30.44,
    "years": 365.25,
}
"""Names for factors to the unit of a field: seconds on site, days of timeline, US dollars."""

_KINDS: Final[Mapping[Any, Kind]] = {
    str: Kind.TEXT,
    int: Kind.COUNT,
    float: Kind.NUMBER,
    bool: Kind.BOOL,
    datetime: Kind.TIME,
}


def _kind(annotation: object) -> Kind:
    """Return the kind of an `Annotated[...] | None`."""
    for member in get_args(annotation) or (annotation,):
        plain = get_args(member)[0] if get_origin(member) is Annotated else member
        if plain in _KINDS:
            return _KINDS[plain]
    return Kind.TEXT


LEAD_FIELDS: Final[Mapping[str, Kind]] = {
    "external_id": Kind.TEXT,
    "created_at": Kind.TIME,
    "source": Kind.TEXT,
} | {
    f"{section}.{name}": _kind(field.annotation)
    for section, model in SECTIONS.items()
    for name, field in model.model_fields.items()
}
"""Every field a mapping may fill, but for `motion` and `attributes`, which have own places."""

EVENT_CELLS: Final[Mapping[str, Kind]] = {
    "type": Kind.TEXT,
    "occurred_at": Kind.TIME,
    "recorded_at": Kind.TIME,
    "reason": Kind.TEXT,
    "amount_usd": Kind.NUMBER,
    "actor": Kind.TEXT,
    "note": Kind.TEXT,
}
"""What a mapping may fill of an outcome event."""
