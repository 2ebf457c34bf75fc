"""Public web forms: flat fields in, nothing about the score out."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from leadqual.errors import PermissionDeniedError
from leadqual.leads.parse import parse_raw
from leadqual.leads.schema import FieldReason, Rejected
from leadqual.services.calls import Call, Principal, PrincipalKind
from leadqual.services.intake import Intake

HONEYPOT: Final = "website_url"
"""A field people do not see; a lead that fills it goes to quarantine."""

DEFAULT_SOURCE: Final = "web_form"

_PLACES: Final[Mapping[str, str]] = {
    "email": "contact.email",
    "full_name": "contact.full_name",
    "name": "contact.full_name",
    "job_title": "contact.job_title",
    "phone": "contact.phone",
    "country": "contact.country",
    "company": "company.name",
    "domain": "company.domain",
    "industry": "company.industry",
    "n_employees": "company.n_employees",
    "annual_revenue_usd": "company.annual_revenue_usd",
    "product": "interest.product",
    "message": "interest.message",
    "budget_usd": "interest.budget_usd",
    "timeline_days": "interest.timeline_days",
    "is_decision_maker": "interest.is_decision_maker",
    "utm_source": "campaign.utm_source",
    "utm_medium": "campaign.utm_medium",
    "utm_campaign": "campaign.utm_campaign",
    "utm_term": "campaign.utm_term",
    "utm_content": "campaign.utm_content",
    "landing_page": "campaign.landing_page",
    "referrer": "campaign.referrer",
    "gclid": "campaign.gclid",
    "marketing_consent": "consent.marketing",
    "consent_text_version": "consent.text_version",
}
"""Names as they stand in HTML forms, and where they belong in a lead."""

_SECTIONS: Final = frozenset({
    "contact",
    "company",
    "interest",
    "engagement",
    "campaign",
    "consent",
    "attributes",
})
_NOT_FROM_THE_PUBLIC: Final = frozenset({
    "external_id",
    "created_at",
    "motion",
    "company.is_customer",
})
"""These decide identity and routing, so an anonymous visitor may not set them."""


@dataclass(frozen=True, slots=True)
class FormReceipt:
    """All that a public form is told; the same whether the person was known or not.

    `lead_id` is the id of the lead only where the person is new. Else it is an id of the same
    looks that names nothing: the real one begins with the time at which the person first came.
    """

    lead_id: str
    status: str = "accepted"


class Forms:
    """Take leads from public forms.

    Parameters
    ----------
    intake : Intake
        Where the leads go.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def submit(
        self, fields: Mapping[str, object], *, call: Call, origin: str | None
    ) -> Future[FormReceipt | Rejected]:
        """Take one posted form; the future resolves after COMMIT.

        Parameters
        ----------
        fields : mapping
            Either a lead as in the API, or flat names as in an HTML form: `email`, `full_name`
            (or `first_name` and `last_name`), `job_title`, `phone`, `company`, `message`,
            `utm_source`… or dotted (`company.name`). Empty values and names that start with `_`
            are ignored; other names become attributes.
        call : Call
            Its principal must be a form key (`Keys.verify`).
        origin : str or None
            The `Origin` header. A key with listed origins refuses others, and none.

        Raises
        ------
        PermissionDeniedError
            At once, when the key is no form key or the origin is not listed.
        BusyError
            At once, when too much is waiting to be written.
        """
        _check_origin(call.principal, origin)
        forbidden = _forbidden(fields)
        if forbidden:
            return _resolved(Rejected(forbidden))
        raw = parse_raw(lead_payload(fields))
        if isinstance(raw, Rejected):
            return _resolved(raw)
        reason = "filled the hidden field of the form" if fields.get(HONEYPOT) else None
        feed = call.principal.name
        return _receipt_of(self._intake.accept_unseen(raw, call=call, feed=feed, quarantine=reason))


def lead_payload(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the API's shape of a lead from the flat fields of a form.

    Examples
    --------
    >>> payload = lead_payload({"email": "ada@example.com", "company": "Ada Ltd", "plan": "pro"})
    >>> payload["contact"], payload["company"], payload["attributes"]
    ({'email': 'ada@example.com'}, {'name': 'Ada Ltd'}, {'plan': 'pro'})
    """
    payload: dict[str, object] = {"source": DEFAULT_SOURCE}
    sections: dict[str, dict[str, object]] = {}
    for place, value in _placed(fields):
        section, _, field = place.partition(".")
        if field:
            sections.setdefault(section, {})[field] = value
        else:
            payload[section] = value
    return payload | sections


def _placed(fields: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return where each given field belongs, with its value."""
    placed: list[tuple[str, object]] = []
    names = [fields.get("first_name"), fields.get("last_name")]
    full_name = " ".join(name for name in names if isinstance(name, str) and name.strip())
    if full_name and not fields.get("full_name"):
        placed.append(("contact.full_name", full_name))
    for name, value in fields.items():
        is_noise = name.startswith("_") or name in {HONEYPOT, "first_name", "last_name"}
        if is_noise or value is None or value == "":
            continue
        if name in _SECTIONS and isinstance(value, Mapping):
            placed.extend((f"{name}.{field}", inner) for field, inner in value.items())
        else:
            placed.append((_place(name), value))
    return placed


def _place(name: str) -> str:
    """Return the dotted place of one flat form field."""
    section, _, field = name.partition(".")
    if name == "source" or (field and section in _SECTIONS):
        return name
    return _PLACES.get(name, f"attributes.{name}")


def _forbidden(fields: Mapping[str, object]) -> tuple[FieldReason, ...]:
    """Return a reason for each field that a public form may not set."""
    company = fields.get("company")
    given = set(fields) | (
        {f"company.{name}" for name in company} if isinstance(company, Mapping) else set()
    )
    return tuple(
        FieldReason(name, "cannot be set by a public form; leave it out")
        for name in sorted(given & _NOT_FROM_THE_PUBLIC)
    )


def _check_origin(principal: Principal, origin: str | None) -> None:
    if principal.kind is not PrincipalKind.FORM_KEY:
        raise PermissionDeniedError(
            "forms take form keys (lq_pk_…) only; use POST /v1/leads with a secret key"
        )
    if principal.origins and origin not in principal.origins:
        raise PermissionDeniedError(
            "this form key may not be used from this page; add the page's origin to the key"
        )


def _resolved(rejected: Rejected) -> Future[FormReceipt | Rejected]:
    future: Future[FormReceipt | Rejected] = Future()
    future.set_result(rejected)
    return future


def _receipt_of(accepted: Future[str | Rejected]) -> Future[FormReceipt | Rejected]:
    """Return a future with the receipt of a lead that was taken in."""
    receipt: Future[FormReceipt | Rejected] = Future()
    receipt.set_running_or_notify_cancel()  # the lead is on its way: too late to cancel

    def pass_on(done: Future[str | Rejected]) -> None:
        error = done.exception()
        if error is not None:
            receipt.set_exception(error)
            return
        told = done.result()
        receipt.set_result(told if isinstance(told, Rejected) else FormReceipt(told))

    accepted.add_done_callback(pass_on)
    return receipt
