"""RawLead to Lead: one spelling for everything, derived fields filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeVar

from pydantic import BaseModel

from leadqual.leads.addresses import (
    EmailAddress,
    clean_email,
    clean_phone,
    is_free_mail,
    registrable_domain,
)
from leadqual.leads.countries import country_code
from leadqual.leads.schema import (
    AttributeValue,
    Company,
    Contact,
    FieldReason,
    Lead,
    Motion,
    RawLead,
    Rejected,
)
from leadqual.leads.titles import read_department, read_seniority, read_title

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

_Section = TypeVar("_Section", bound=BaseModel)


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
    problems: list[FieldReason] = []
    created_at = _created_at(raw.created_at, now.astimezone(UTC))
    if isinstance(created_at, FieldReason):
        problems.append(created_at)
    email = clean_email(raw.contact.email) if raw.contact.email else None
    if raw.contact.email and email is None:
        problems.append(FieldReason("contact.email", "is not a valid e-mail address"))
    contact, company = _contact(raw.contact, email), _company(raw.company)
    if require_contact and not (raw.contact.email or contact.phone or company.domain):
        problems.append(_unreachable(raw))
    if problems or isinstance(created_at, FieldReason):
        return Rejected(tuple(problems))
    source = _source(raw.source)
    return Lead.model_construct(
        source=source,
        motion=raw.motion or default_motion(source),
        created_at=created_at,
        external_id=raw.external_id or None,
        email_domain=email.domain if email else None,
        is_free_mail=is_free_mail(email.domain) if email else None,
        contact=contact,
        company=company,
        interest=_without_empty(raw.interest),
        engagement=raw.engagement,
        campaign=_without_empty(raw.campaign),
        consent=_without_empty(raw.consent),
        attributes=_attributes(raw.attributes),
    )


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


def _contact(raw: Contact, email: EmailAddress | None) -> Contact:
    """Return the contact with e-mail, phone, country, seniority and department read."""
    if not raw.model_fields_set:
        return raw
    title = read_title(raw.job_title) if raw.job_title else None
    seniority = read_seniority(raw.seniority) if raw.seniority else None
    department = read_department(raw.department) if raw.department else None
    return Contact.model_construct(
        email=email.address if email else None,
        full_name=raw.full_name or None,
        job_title=raw.job_title or None,
        seniority=seniority or (title.seniority if title else None),
        department=department or (title.department if title else None),
        phone=clean_phone(raw.phone) if raw.phone else None,
        country=country_code(raw.country) if raw.country else None,
    )


def _company(raw: Company) -> Company:
    """Return the company with its registrable domain and country code."""
    if not raw.model_fields_set:
        return raw
    return raw.model_copy(
        update={
            "name": raw.name or None,
            "industry": raw.industry or None,
            "domain": registrable_domain(raw.domain) if raw.domain else None,
            "country": country_code(raw.country) if raw.country else None,
        }
    )


def _without_empty(part: _Section) -> _Section:
    """Return a section with None for empty text."""
    empty = {name: None for name in part.model_fields_set if getattr(part, name) == ""}
    return part.model_copy(update=empty) if empty else part


def _attributes(raw: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Return the attributes that have a value."""
    return {name: value for name, value in raw.items() if value is not None and value != ""}


def _unreachable(raw: RawLead) -> FieldReason:
    """Say what is missing; a phone number or domain may be there and be unreadable."""
    if raw.contact.phone:
        return FieldReason("contact.phone", "is no telephone number, and nothing else was given")
    if raw.company.domain:
        return FieldReason("company.domain", "is no domain name, and nothing else was given")
    return FieldReason(
        "contact", "needs one way to reach the person: contact.email, contact.phone, company.domain"
    )
