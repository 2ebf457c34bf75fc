"""Outcome events: append-only facts from which all else is derived."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from leadqual.leads.schema import Message


class OutcomeType(StrEnum):
    """What happened to a lead."""

    CONTACTED = "contacted"
    MEETING_BOOKED = "meeting_booked"
    CONTACT_LATER = "contact_later"
    NO_RESPONSE = "no_response"
    DISQUALIFIED = "disqualified"
    HANDED_OFF = "handed_off"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WON = "won"
    LOST = "lost"
    BAD_DATA = "bad_data"
    DUPLICATE = "duplicate"
    SPAM = "spam"
    DO_NOT_CONTACT = "do_not_contact"


class Reason(StrEnum):
    """Why a lead was disqualified, rejected or lost; DESIGN section 4 says what each tells."""

    BAD_FIT = "bad_fit"
    NO_AUTHORITY = "no_authority"
    NO_NEED = "no_need"
    NO_BUDGET = "no_budget"
    TIMING = "timing"
    COMPETITOR = "competitor"
    UNREACHABLE = "unreachable"
    OTHER = "other"


EXCLUDED_FROM_TRAINING: Final = frozenset({
    OutcomeType.SPAM,
    OutcomeType.BAD_DATA,
    OutcomeType.DUPLICATE,
    OutcomeType.DO_NOT_CONTACT,
})
"""A lead with one of these says nothing about fit, authority, budget or conversion."""

TAKES_REASON: Final = frozenset({OutcomeType.DISQUALIFIED, OutcomeType.REJECTED, OutcomeType.LOST})


class OutcomeEvent(BaseModel):
    """One fact about one lead.

    `lead_id` is the store's id, or the external id of the lead in an imported history.
    `occurred_at` is when it happened in the world, `recorded_at` when we learned of it; both
    None only in an imported history that has no outcome times.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lead_id: str
    type: OutcomeType
    actor: str | None = None
    occurred_at: AwareDatetime | None = None
    recorded_at: AwareDatetime | None = None
    reason: Reason | None = None
    amount_usd: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] | None = None
    note: Message | None = None
