"""Rows to leads as JSON text, a field at a time, for those who store them and look no further.

A lead of a table is mostly values that stood in earlier rows too. What a value adds to the text
of a lead is found out once, from a lead that has this field and nothing else, and put together
for each row. A row with a value that no lead can have is read as a row. The text is the same as
that of the lead which `LeadReader.read` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from operator import add
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from leadqual.leads.addresses import clean_email, is_free_mail
from leadqual.leads.fields import LEAD_FIELDS, SECTIONS
from leadqual.leads.normalise import CLOCK_TOLERANCE, EARLIEST, normalise_values
from leadqual.leads.projection import LeadReader, MappedField
from leadqual.leads.quantities import Unreadable
from leadqual.leads.rows import Row
from leadqual.leads.schema import MAX_ATTRIBUTES, MAX_TEXT, Lead, Rejected

_REMEMBERED: Final = 50_000
_JOINT: Final = frozenset({"contact.seniority", "contact.department"})
"""Fields that the job title also fills: a mapping with one of them is read row by row."""

_ORDER: Final = {name: place for place, name in enumerate(LEAD_FIELDS)}
_NORMALISED: Final = frozenset({
    "contact.job_title",
    "contact.phone",
    "contact.country",
    "company.domain",
    "company.country",
})


class LeadText(NamedTuple):
    """A lead as it is stored."""

    external_id: str | None
    email: str | None
    phone: str | None
    created_at: datetime
    text: str


class _Part(NamedTuple):
    """What a cell adds: to its section, to the lead itself, and a value that is needed apart."""

    inside: str = ""
    outside: str = ""
    value: Any = None


class LeadTexts:
    """Reads rows as texts; `now` as in `LeadReader.read`."""

    def __init__(self, reader: LeadReader, *, now: datetime) -> None:
        self._reader = reader
        self._now = now
        # In the order in which a lead is written; attributes stay in that of the mapping.
        fields = sorted(reader.fields, key=lambda field: _ORDER.get(field.name, len(_ORDER)))
        self._fields = [_FieldTexts(field, now) for field in fields]
        labels = [field.leaf for field in reader.fields if field.section == "attributes"]
        names = {field.name for field in reader.fields}
        self._is_by_field = (
            names.isdisjoint(_JOINT)
            and "created_at" in names
            and len(labels) <= MAX_ATTRIBUTES
            and all(0 < len(label) <= 100 and label.isprintable() for label in labels)
            and all(label == label.strip() for label in labels)
        )

    def read(self, rows: Sequence[Row]) -> list[LeadText | Rejected]:
        """Return for each row the text of its lead, or why there is none."""
        if not self._is_by_field:
            return [self._read_row(row) for row in rows]
        parts: dict[str, list[list[_Part | None]]] = {}
        apart: dict[str, list[_Part | None]] = {}
        for one in self._fields:
            found = one.read([row.cells.get(one.column) for row in rows])
            apart[one.name] = found
            parts.setdefault(one.section, []).append(found)
        bad = {
            place for found in apart.values() for place, part in enumerate(found) if part is None
        }
        bad.update(place for place, row in enumerate(rows) if row.problem is not None)
        ids = [self._reader.read_id(row) for row in rows]
        bad.update(place for place, one in enumerate(ids) if not _is_plain(one))
        sections = {name: _joined(parts.get(name, ()), len(rows)) for name in _SECTIONS}
        nothing: list[_Part | None] = [_Part()] * len(rows)
        emails = apart.get("contact.email", nothing)
        phones = apart.get("contact.phone", nothing)
        motions = apart.get("motion", nothing)
        found_rows: list[LeadText | Rejected] = []
        for place, (row, lead_id, email, phone, motion, source, at, *inner) in enumerate(
            zip(
                rows, ids, emails, phones, motions, apart["source"], apart["created_at"],
                *sections.values(), strict=True,
            )
        ):  # fmt: skip
            if place in bad or not (email and phone and motion and source and at):
                found_rows.append(self._read_row(row))
                continue
            told = motion.outside or source.value
            named = f'"external_id":{_quoted(lead_id)}'
            top = ",".join(filter(None, (source.outside, told, at.outside, named, email.outside)))
            rest = ",".join(map(add, _OPENED, inner))
            found_rows.append(
                LeadText(lead_id, email.value, phone.value, at.value, f"{{{top},{rest}}}")
            )
        return found_rows

    def _read_row(self, row: Row) -> LeadText | Rejected:
        lead = self._reader.read(row, now=self._now)
        if isinstance(lead, Rejected):
            return lead
        return LeadText(
            lead.external_id,
            lead.contact.email,
            lead.contact.phone,
            lead.created_at,
            lead.model_dump_json(exclude_none=True),
        )


_SECTIONS: Final = (*SECTIONS, "attributes")
_OPENED: Final = tuple(f'"{name}":' for name in _SECTIONS)


def _joined(parts: Iterable[list[_Part | None]], n_rows: int) -> list[str]:
    """Return the text of a section for each row."""
    texts = [[part.inside if part is not None else "" for part in found] for found in parts]
    if not texts:
        return ["{}"] * n_rows
    return [f"{{{','.join(filter(None, some))}}}" for some in zip(*texts, strict=True)]


class _FieldTexts:
    """What the cells of one column add to the texts of their leads."""

    def __init__(self, field: MappedField, now: datetime) -> None:
        self.name = field.name
        self.section = field.section
        self.column = field.reader.column
        self._leaf = field.leaf
        self._read_cell = field.reader.read_cell
        self._now = now
        self._known: dict[object, _Part | None] = {}
        special: dict[str, Callable[[Any], _Part | None]] = {
            "contact.email": self._email,
            "created_at": self._time,
        }
        self._ask: Callable[[Any], _Part | None] = special.get(field.name, self._value)

    def read(self, cells: Sequence[object]) -> list[_Part | None]:
        """Return what each cell adds, None where no lead can have it."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        known = self._known
        if not set(map(type, cells)) <= {str, type(None)}:
            return [self._part((type(cell), cell), cell) for cell in cells]
        return [known[cell] if cell in known else self._part(cell, cell) for cell in cells]

    def _part(self, key: object, cell: object) -> _Part | None:
        if key in self._known:
            return self._known[key]
        value = self._read_cell(cell)
        if isinstance(value, Unreadable):
            part: _Part | None = None
        elif value is None:
            part = None if self.name in {"source", "created_at"} else _Part()
        else:
            part = self._ask(value)
        self._known[key] = part
        return part

    def _value(self, value: object) -> _Part | None:
        """Ask the rules about a lead that has this field alone."""
        is_text = isinstance(value, str) and _is_plain(value)
        if is_text and self.section and self.name not in _NORMALISED:
            return _Part(f"{_quoted(self._leaf)}:{_quoted(value)}")
        own = {self.section: {self._leaf: value}} if self.section else {self._leaf: value}
        lead = normalise_values({"source": "web", **own}, now=self._now, require_contact=False)
        if not isinstance(lead, Lead):
            return None
        if self.name == "source":
            return _Part(
                outside=_inner({"source": lead.source}), value=_inner({"motion": lead.motion.value})
            )
        if self.name == "motion":
            return _Part(outside=_inner({"motion": lead.motion.value}))
        if self.section == "attributes":
            return _Part(_inner(lead.attributes))
        text = getattr(lead, self.section).model_dump_json(exclude_none=True)
        return _Part(text[1:-1], value=lead.contact.phone)

    def _email(self, value: object) -> _Part | None:
        """Read an address, nearly each of which is another."""
        found = clean_email(value) if isinstance(value, str) and len(value) <= MAX_TEXT else None
        if found is None or not found.address.isprintable():
            return None
        told = {"email_domain": found.domain, "is_free_mail": is_free_mail(found.domain)}
        return _Part(f'"email":{_quoted(found.address)}', _inner(told), found.address)

    def _time(self, value: object) -> _Part | None:
        """Read a time of creation, nearly each of which is another."""
        if not isinstance(value, datetime) or not EARLIEST.year <= value.year <= self._now.year + 1:
            return None
        at = value.astimezone(UTC)
        if not EARLIEST <= at <= self._now + CLOCK_TOLERANCE:
            return None
        text = at.isoformat().removesuffix("+00:00")
        return _Part(outside=f'"created_at":"{text}Z"', value=at)


def _inner(values: object) -> str:
    """Return the members of an object as JSON, without its braces."""
    return to_json(values).decode()[1:-1]


def _quoted(text: object) -> str:
    """Return a text as JSON."""
    return to_json(text).decode()


def _is_plain(text: str | None) -> bool:
    """Return whether a text is stored as it is, without asking the rules."""
    return text is not None and 0 < len(text) <= MAX_TEXT and text.isprintable()
