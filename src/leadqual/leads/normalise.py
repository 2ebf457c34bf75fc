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
from leadqual.leads.schema import MAX_TEXT, FieldReason, Lead, Motion, RawLead, Rejected
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
    values = _known(raw.__dict__)
    for name in (*SECTIONS, "attributes"):
        part = values[name]
        values[name] = _known(part.__dict__ if isinstance(part, BaseModel) else part)
    return normalise_values(values, now=now, require_contact=require_contact)


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
    problems: list[FieldReason] = []
    created_at = _created_at(values.get("created_at"), now.astimezone(UTC))
    if isinstance(created_at, FieldReason):
        problems.append(created_at)
        created_at = now
    source = _read(_source, values.get("source")) or values.get("source")
    clean: dict[str, Any] = {**values, "created_at": created_at}
    if source is not None:
        clean["source"] = source
        clean.setdefault("motion", default_motion(source))
    if "contact" in clean:
        problems += _read_contact(clean)
    if "company" in clean:
        _read_company(clean)
    if require_contact and not _is_reachable(clean):
        problems.append(_unreachable(values))
    return _checked(clean, problems)


def _checked(clean: Mapping[str, Any], problems: list[FieldReason]) -> Lead | Rejected:
    """Return the lead, unless there are problems or its bounds do not hold."""
    try:
        lead = Lead.model_validate(clean)
    except ValidationError as error:
        return Rejected((*problems, *field_reasons(error)))
    return Rejected(tuple(problems)) if problems else lead


def _read(reader: Callable[[str], _T], text: object) -> _T | None:
    """Read a text; what is too long for its field is left for validation to refuse."""
    return reader(text) if isinstance(text, str) and 0 < len(text) <= MAX_TEXT else None


def default_motion(source: str) -> Motion:
    """Return the motion of a lead whose source did not say: inbound unless known otherwise."""
    is_outbound = source in OUTBOUND_SOURCES or source.startswith("outbound_")
    return Motion.OUTBOUND if is_outbound else Motion.INBOUND


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


def _read_contact(clean: dict[str, Any]) -> list[FieldReason]:
    """Fill in e-mail, phone, country, seniority and department as read, and the mail domain."""
    contact = clean["contact"] = dict(clean["contact"])
    title = _read(read_title, contact.get("job_title")) or _NO_TITLE
    contact["seniority"] = _read(read_seniority, contact.get("seniority")) or title.seniority
    contact["department"] = _read(read_department, contact.get("department")) or title.department
    contact["phone"] = _read(clean_phone, contact.get("phone"))
    contact["country"] = _read(country_code, contact.get("country"))
    given = contact.get("email")
    email = _read(clean_email, given)
    if email is None:
        return [FieldReason("contact.email", "is not a valid e-mail address")] if given else []
    contact["email"] = email.address
    clean["email_domain"] = email.domain
    clean["is_free_mail"] = is_free_mail(email.domain)
    return []


def _read_company(clean: dict[str, Any]) -> None:
    """Fill in registrable domain and country as read."""
    company = clean["company"] = dict(clean["company"])
    company["domain"] = _read(registrable_domain, company.get("domain"))
    company["country"] = _read(country_code, company.get("country"))


def _known(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is neither None nor empty text."""
    return {name: value for name, value in part.items() if value is not None and value != ""}


def _is_reachable(clean: Mapping[str, Any]) -> bool:
    """Return whether anything is left to reach the person by; a bad e-mail is told apart."""
    contact, company = clean.get("contact") or {}, clean.get("company") or {}
    return bool(contact.get("email") or contact.get("phone") or company.get("domain"))


def _unreachable(values: Mapping[str, Any]) -> FieldReason:
    """Say what is missing; a phone number or domain may be there and be unreadable."""
    if (values.get("contact") or {}).get("phone"):
        return FieldReason("contact.phone", "is no telephone number, and nothing else was given")
    if (values.get("company") or {}).get("domain"):
        return FieldReason("company.domain", "is no domain name, and nothing else was given")
    return FieldReason(
        "contact", "needs one way to reach the person: contact.email, contact.phone, company.domain"
    )
