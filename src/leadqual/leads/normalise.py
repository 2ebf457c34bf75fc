"""RawLead to Lead: one spelling for everything, derived fields filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from leadqual.leads.addresses import clean_email, clean_phone, is_free_mail, registrable_domain
from leadqual.leads.countries import country_code
from leadqual.leads.fields import SECTIONS
from leadqual.leads.parse import field_reasons
from leadqual.leads.records import make_record
from leadqual.leads.schema import (
    MAX_TEXT,
    Company,
    Contact,
    FieldReason,
    Lead,
    Motion,
    RawLead,
    Rejected,
)
from leadqual.leads.titles import Title, read_department, read_seniority, read_title

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""No lead is older: an earlier time is a date that was never filled in."""

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far ahead of ours the clock of a source may run."""

OUTBOUND_SOURCES: Final = frozenset({
    "bought_list",
    "cold_call",
    "cold_calling",
    "cold_email",
    "data_provider",
    "list_purchase",
    "outbound",
    "prospecting",
    "purchased_list",
    "scouting",
    "sdr_outreach",
})
"""Sources that we went out to find; also every name that starts with `outbound_`."""

_NO_TITLE: Final = Title(None, None)
_INBOUND: Final = Motion.INBOUND
_OUTBOUND: Final = Motion.OUTBOUND
_T = TypeVar("_T")


def normalise(raw: RawLead, *, now: datetime, require_contact: bool = True) -> Lead | Rejected:
    """Return the canonical lead, or every reason why there is none.

    Parameters
    ----------
    raw : RawLead
        What a source sent.
    now : datetime, aware
        The moment of receipt: `created_at` where the source gave none, and its upper bound.
    require_contact : bool
        Reject a lead that leaves no way to reach the person. False for past leads, which
        are learned from and not called.

    Returns
    -------
    Lead or Rejected
        Empty text becomes None. A country, phone number or domain that cannot be read becomes
        None as well: a lead is worth more than a field. A malformed e-mail address or an
        impossible time rejects the lead. Normalising a lead again changes nothing.
    """
    given = raw.__dict__
    source = _source(given["source"])
    if len(source) > MAX_TEXT:  # folding case may lengthen a text
        return normalise_values(_as_values(raw), now=now, require_contact=require_contact)
    clean: dict[str, Any] = {
        "source": source,
        "motion": given["motion"] or default_motion(source),
        "created_at": given["created_at"],
        "external_id": given["external_id"] or None,
        "email_domain": None,
        "is_free_mail": None,
        "contact": _without_blanks(given["contact"]),
        "company": _without_blanks(given["company"]),
        "interest": given["interest"],
        "engagement": given["engagement"],
        "campaign": given["campaign"],
        "consent": given["consent"],
        "attributes": _known(given["attributes"]),
    }
    problems = _clean(clean, now=now, require_contact=require_contact)
    if problems:
        return Rejected(tuple(problems))
    clean["contact"] = make_record(Contact, clean["contact"])
    clean["company"] = make_record(Company, clean["company"])
    for name in _WITH_TEXTS:
        if "" in clean[name].__dict__.values():
            clean[name] = make_record(SECTIONS[name], _without_blanks(clean[name]))
    return make_record(Lead, clean)


def _as_values(raw: RawLead) -> dict[str, Any]:
    """Return a raw lead as `normalise_values` takes it."""
    values = _known(raw.__dict__)
    for name in (*SECTIONS, "attributes"):
        part = values[name]
        values[name] = _known(part.__dict__ if isinstance(part, BaseModel) else part)
    return values


_WITH_TEXTS: Final = ("interest", "campaign", "consent")
"""Sections of which nothing is read, but which may hold empty text."""


def _without_blanks(part: BaseModel) -> dict[str, Any]:
    """Return the fields of a section, None for empty text."""
    values = part.__dict__
    if "" in values.values():
        return {name: None if value == "" else value for name, value in values.items()}
    return values.copy()


def normalise_values(
    values: Mapping[str, Any], *, now: datetime, require_contact: bool = True
) -> Lead | Rejected:
    """Check and normalise in one pass, for rows of a table; otherwise as `normalise`.

    Building a `RawLead` first would cost as much again, per row.

    Parameters
    ----------
    values : mapping
        Shape of CONTRACT "Lead", each value of the Python type of its field, texts trimmed and
        not empty; bounds need not hold. Unknown sections and fields are rejected. A country,
        phone number or domain that cannot be read is dropped before its form is checked.
    """
    source = _read(_source, values.get("source")) or values.get("source")
    clean: dict[str, Any] = dict(values)
    if source is not None:
        clean["source"] = source
        clean.setdefault("motion", default_motion(source))
    for section in ("contact", "company"):
        if section in clean:
            clean[section] = dict(clean[section])
    problems = _clean(clean, now=now, require_contact=require_contact)
    return _checked(clean, problems)


def _clean(clean: dict[str, Any], *, now: datetime, require_contact: bool) -> list[FieldReason]:
    """Fill in what is read from other fields; return why there is no lead, if so."""
    problems = []
    contact, company = clean.get("contact"), clean.get("company")
    given = contact and contact.get("phone"), company and company.get("domain")
    now = now if now.tzinfo is UTC else now.astimezone(UTC)
    created_at = _created_at(clean.get("created_at"), now)
    if isinstance(created_at, FieldReason):
        problems.append(created_at)
        created_at = now
    clean["created_at"] = created_at
    if contact is not None:
        problems += _read_contact(contact, clean)
    if company is not None:
        company["domain"] = _read(registrable_domain, given[1])
        company["country"] = _read(country_code, company.get("country"))
    if require_contact and not _is_reachable(contact, company):
        problems.append(_unreachable(*given))
    return problems


def _checked(clean: Mapping[str, Any], problems: list[FieldReason]) -> Lead | Rejected:
    """Return the lead, unless there are problems or its bounds do not hold."""
    try:
        lead = Lead.model_validate(clean)
    except ValidationError as error:
        return Rejected((*problems, *field_reasons(error)))
    return Rejected(tuple(problems)) if problems else lead


def _read(reader: Callable[[str], _T], text: object) -> _T | None:
    """Read a text; what is too long for its field is left for validation to refuse."""
    if not text or not isinstance(text, str):  # the first is said faster, and is most common
        return None
    return reader(text) if len(text) <= MAX_TEXT else None


@lru_cache(maxsize=4_096)
def default_motion(source: str) -> Motion:
    """Return the motion of a lead whose source did not say: inbound unless known otherwise."""
    is_outbound = source in OUTBOUND_SOURCES or source.startswith("outbound_")
    return _OUTBOUND if is_outbound else _INBOUND


@lru_cache(maxsize=4_096)
def _source(text: str) -> str:
    """Return one spelling per source: "Trade Show" and "trade-show" are the same."""
    return "_".join(text.casefold().replace("-", " ").replace("_", " ").split()) or text


def _created_at(given: datetime | None, now: datetime) -> datetime | FieldReason:
    """Return the time in UTC, or why it cannot be."""
    if given is None:
        return now
    # Years at the ends of the calendar cannot be moved to UTC.
    if not EARLIEST.year - 1 <= given.year <= now.year + 1:
        is_early = given.year < now.year
    else:
        given = given.astimezone(UTC)
        if EARLIEST <= given <= now + CLOCK_TOLERANCE:
            return given
        is_early = given < EARLIEST
    limit = "is before 1990" if is_early else "is in the future"
    return FieldReason("created_at", f"{limit}; expected when the lead came in")


def _read_contact(contact: dict[str, Any], clean: dict[str, Any]) -> list[FieldReason]:
    """Fill in e-mail, phone, country, seniority and department as read, and the mail domain."""
    look = contact.get
    title = _read(read_title, look("job_title")) or _NO_TITLE
    contact["seniority"] = _read(read_seniority, look("seniority")) or title.seniority
    contact["department"] = _read(read_department, look("department")) or title.department
    contact["phone"] = _read(clean_phone, look("phone"))
    contact["country"] = _read(country_code, look("country"))
    given = look("email")
    email = _read(clean_email, given)
    if email is None:
        return [FieldReason("contact.email", "is not a valid e-mail address")] if given else []
    contact["email"] = email.address
    clean["email_domain"] = email.domain
    clean["is_free_mail"] = is_free_mail(email.domain)
    return []


def _known(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is neither None nor empty text."""
    values = part.values()
    if None in values or "" in values:
        return {name: value for name, value in part.items() if value is not None and value != ""}
    return {**part}


def _is_reachable(contact: Mapping[str, Any] | None, company: Mapping[str, Any] | None) -> bool:
    """Return whether there is an e-mail address, a phone number or a domain."""
    if contact and (contact.get("email") or contact.get("phone")):
        return True
    return bool(company and company.get("domain"))


def _unreachable(phone: object, domain: object) -> FieldReason:
    """Say what is missing; a phone number or domain may be there and be unreadable."""
    if phone:
        return FieldReason("contact.phone", "is no telephone number, and nothing else was given")
    if domain:
        return FieldReason("company.domain", "is no domain name, and nothing else was given")
    return FieldReason(
        "contact", "needs one way to reach the person: contact.email, contact.phone, company.domain"
    )
