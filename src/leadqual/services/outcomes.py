"""What came of a lead: dispositions, hand-offs, AE answers, wins and losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from leadqual.leads.schema import FieldReason, Text
from leadqual.outcomes.events import OutcomeType, Reason
from leadqual.queue.states import ItemState
from leadqual.services.calls import Call
from leadqual.services.idempotent import Answer


class Outcome(BaseModel):
    """One outcome as a rep, an AE or a CRM reports it (body of `POST …/outcomes`).

    `token` is the fencing token of the claim, needed while somebody holds the lead;
    `until` is when a lead of type `contact_later` comes back (default: tomorrow);
    `handed_to` names the AE of a hand-off (None: any AE).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: OutcomeType
    reason: Reason | None = None
    amount_usd: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] | None = None
    occurred_at: AwareDatetime | None = None
    note: Annotated[str, Field(max_length=10_000)] | None = None
    token: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    until: AwareDatetime | None = None
    handed_to: Text | None = None


class OutcomeOf(Outcome):
    """One row of `POST /v1/outcomes/batch`: an outcome of a lead named by either id."""

    lead_id: Text | None = None
    external_id: Text | None = None
    feed: Text = "api"


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """An event that is on disk, and where the lead stands after it (None: in no queue)."""

    event_id: str
    lead_id: str
    type: OutcomeType
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    state: ItemState | None


class RowStatus(StrEnum):
    """What became of one row of an outcome batch."""

    RECORDED = "recorded"
    REPLAYED = "replayed"
    REJECTED = "rejected"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of one outcome of a batch; `allowed` says what its state does allow."""

    index: int
    status: RowStatus
    recorded: RecordedOutcome | None = None
    reasons: tuple[FieldReason, ...] = ()
    allowed: tuple[str, ...] = ()


class Outcomes:
    """Record outcomes. Every method needs `outcomes:write` and blocks until committed.

    Methods
    -------
    record(lead_id, outcome, *, call) -> Answer[RecordedOutcome]
    record_many(payloads, *, call) -> list[OutcomeRow]
    """

    def record(self, lead_id: str, outcome: Outcome, *, call: Call) -> Answer[RecordedOutcome]:
        """Append one event and move the queue item with it.

        Raises
        ------
        NotFoundError
            When there is no such lead, or none that the caller may see.
        ConflictError
            When the state of the lead forbids it; `allowed` says what it does allow.
        StaleTokenError
            When the caller's lease was lost.
        PermissionDeniedError
            When the caller's role does not report this type.
        InputError
            When a reason or an amount is missing or out of place, or the time is in the future.
        """
        raise AssertionError

    def record_many(self, payloads: Sequence[object], *, call: Call) -> list[OutcomeRow]:
        """Record up to 1,000 outcomes (`OutcomeOf` bodies); one bad row spoils no other."""
        raise AssertionError
