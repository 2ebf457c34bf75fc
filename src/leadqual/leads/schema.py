"""The canonical lead, and what sources may send.

`RawLead` is permissive about meaning (any spelling of a country) and strict about form
(no unknown field, no NaN, no NUL, bounded sizes). `Lead` is what `normalise` makes of it:
frozen, clean, with derived fields filled in. Both have the shape of CONTRACT "Lead".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)
from pydantic_core import PydanticCustomError

from leadqual.leads.text_enum import TextEnum

MAX_ATTRIBUTES: Final = 200
MAX_TEXT: Final = 500
MAX_MESSAGE: Final = 10_000
MAX_COUNT: Final = 2**31 - 1
MAX_USD: Final = 1e15

Scalar = str | float | int | bool | None
"""What one attribute or one feature value may be."""


class Motion(TextEnum):
    """How the lead came to us; decides between the MRR and the SDR queue."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


def _scalar(value: object) -> object:
    """Refuse what is no scalar, and integers that a 64-bit column would round or refuse."""
    if isinstance(value, bool) or value is None or isinstance(value, (float, str)):
        return value
    if not isinstance(value, int):
        raise PydanticCustomError(
            "scalar_type", "must be text, a number, true, false or null; not a list or an object"
        )
    if not -(2**63) <= value < 2**63:
        raise PydanticCustomError("scalar_size", "must be a whole number of at most 64 bits")
    return value


# As a pattern the check runs inside pydantic's core: a validator in Python made parsing a
# lead 2.5 times slower. Unpaired surrogates are refused by the core itself.
_NO_NUL: Final = r"^[^\x00]*$"

Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=_NO_NUL)]
Message = Annotated[str, Field(max_length=MAX_MESSAGE, pattern=_NO_NUL)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Usd = Annotated[float, Field(ge=0, le=MAX_USD, allow_inf_nan=False)]
AttributeName = Annotated[str, Field(min_length=1, max_length=100, pattern=_NO_NUL)]
AttributeValue = Annotated[
    StrictBool
    | StrictInt
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    | Annotated[StrictStr, Field(max_length=MAX_MESSAGE, pattern=_NO_NUL)]
    | None,
    BeforeValidator(_scalar),
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Contact(_Part):
    """The person. In a `Lead`: e-mail lower-case, country ISO 3166 alpha-2."""

    email: Text | None = None
    full_name: Text | None = None
    job_title: Text | None = None
    seniority: Text | None = None
    department: Text | None = None
    phone: Text | None = None
    country: Text | None = None


class Company(_Part):
    """The organisation. In a `Lead`: `domain` is the registrable domain, lower-case."""

    name: Text | None = None
    domain: Text | None = None
    industry: Text | None = None
    n_employees: Count | None = None
    annual_revenue_usd: Usd | None = None
    country: Text | None = None
    is_customer: bool | None = None


class Interest(_Part):
    """What the lead said it wants, in its own words and figures."""

    product: Text | None = None
    message: Message | None = None
    budget_usd: Usd | None = None
    timeline_days: Count | None = None
    is_decision_maker: bool | None = None


class Engagement(_Part):
    """Counts up to the prediction moment; never read later."""

    n_visits: Count | None = None
    n_page_views: Count | None = None
    n_emails_opened: Count | None = None
    n_emails_clicked: Count | None = None
    seconds_on_site: Count | None = None
    n_downloads: Count | None = None


class Campaign(_Part):
    """Where the visit came from."""

    utm_source: Text | None = None
    utm_medium: Text | None = None
    utm_campaign: Text | None = None
    utm_term: Text | None = None
    utm_content: Text | None = None
    landing_page: Text | None = None
    referrer: Text | None = None
    gclid: Text | None = None


class Consent(_Part):
    """What the person agreed to, and to which text."""

    marketing: bool | None = None
    text_version: Text | None = None


class RawLead(_Part):
    """A lead as a source sends it (JSON body of `POST /v1/leads`, one mapped row)."""

    source: Annotated[Text, Field(min_length=1)]
    external_id: Text | None = None
    motion: Motion | None = None
    created_at: AwareDatetime | None = None
    contact: Contact = Contact()
    company: Company = Company()
    interest: Interest = Interest()
    engagement: Engagement = Engagement()
    campaign: Campaign = Campaign()
    consent: Consent = Consent()
    attributes: Annotated[
        dict[AttributeName, AttributeValue], Field(max_length=MAX_ATTRIBUTES)
    ] = {}


class Lead(_Part):
    """A lead after normalisation: what every later stage reads.

    Empty strings are None. `email_domain` is the registrable domain of the e-mail,
    `is_free_mail` whether that domain gives mailboxes to anybody (None without e-mail).
    """

    source: Annotated[Text, Field(min_length=1)]
    motion: Motion
    created_at: AwareDatetime
    external_id: Text | None = None
    email_domain: str | None = None
    is_free_mail: bool | None = None
    contact: Contact = Contact()
    company: Company = Company()
    interest: Interest = Interest()
    engagement: Engagement = Engagement()
    campaign: Campaign = Campaign()
    consent: Consent = Consent()
    attributes: Annotated[
        dict[AttributeName, AttributeValue], Field(max_length=MAX_ATTRIBUTES)
    ] = {}


@dataclass(frozen=True, slots=True)
class FieldReason:
    """Say what is wrong with one field, without repeating its value."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot become a lead: kept, listed and repairable."""

    reasons: tuple[FieldReason, ...]
