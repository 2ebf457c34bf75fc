"""What the calls answer: one model per contract shape, with examples for the documentation."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.errors import FieldProblem, field_path
from leadqual.leads.schema import FieldReason
from leadqual.qualify.score import LeadScore, ReasonCode
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Decision, Queue
from leadqual.services.intake import BatchRow, IntakeStatus
from leadqual.services.outcomes import OutcomeRow, RecordedOutcome, RowStatus
from leadqual.services.queues import QueuePage, QueueRow

SCORE_EXAMPLE: Final[dict[str, Any]] = {
    "p_fit": 0.81,
    "p_authority": 0.44,
    "p_budget": 0.67,
    "p_conversion": 0.062,
    "expected_value_usd": 1480.0,
    "grade": "A",
    "percentile": 93,
    "heads": {"fit": "yes", "authority": "unknown", "budget": "yes"},
    "heads_scored_by": {"fit": "model", "authority": "model", "budget": "model"},
    "reasons": [
        {
            "head": "fit",
            "direction": "up",
            "feature": "company.industry",
            "text": "Industry is Logistics: such leads fit 71 % of the time (average 42 %)",
            "weight": 0.9,
        }
    ],
    "scored_by": "model",
    "model_version": "2026-11-21-1",
    "scored_at": "2026-11-21T10:15:00Z",
}
DECISION_EXAMPLE: Final[dict[str, Any]] = {
    "queue": "mrr",
    "grade": "A",
    "rank": 0.93,
    "approach": "call_now",
    "ask_next": "authority",
    "due_at": "2026-11-21T10:20:00Z",
    "why": ["inbound leads go to the MRR queue"],
    "assigned_to": None,
    "explored": False,
    "propensity": 1.0,
    "standard_version": 3,
    "order_key": 7.3,
}
LEAD_ID_EXAMPLE: Final = "019aa3b5c4007d0c1f2e3a4b5c6d7e8f"
ACCEPTED_EXAMPLE: Final[dict[str, Any]] = {
    "lead_id": LEAD_ID_EXAMPLE,
    "status": "created",
    "created": True,
    "score": SCORE_EXAMPLE,
    "decision": DECISION_EXAMPLE,
}
_PROBLEM_TEXTS: Final = {
    400: "the body is not JSON, or nested too deeply",
    401: "no key, or one that is unknown, expired or revoked",
    403: "the key lacks the scope, or the origin is not listed",
    404: "no such record",
    408: "the body did not arrive in time",
    409: "the state does not allow it (`allowed` says what it does), or the lease was lost",
    413: "the body is too large",
    415: "the body is not declared as JSON",
    422: "fields need repair (`errors` lists them), or the idempotency key had another body",
    429: "too many requests; Retry-After says when to go on",
    503: "the database does not answer; Retry-After says when to try again",
}
_WITH_BODY: Final = (400, 408, 413, 415, 422)


def problems(*statuses: int, has_body: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of problem answers: those given, and those of every call."""
    wanted = {401, 403, 422, 429, 503, *statuses, *(_WITH_BODY if has_body else ())}
    reference = {"$ref": "#/components/schemas/Problem"}
    media = {"application/problem+json": {"schema": reference}}
    return {
        status: {"description": _PROBLEM_TEXTS[status], "content": media}
        for status in sorted(wanted)
    }


class FormAccepted(BaseModel):
    """All that a form key is told: nothing about the score, nothing about who is known."""

    lead_id: str = Field(examples=[LEAD_ID_EXAMPLE])
    status: str = Field(examples=["accepted"])


class Scored(BaseModel):
    """A score and a decision for a lead that was not stored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"score": SCORE_EXAMPLE, "decision": DECISION_EXAMPLE}]}
    )

    score: LeadScore
    decision: Decision


ROW: Final = "row"
"""What a batch names where a row as a whole is to blame (it is no object, say)."""


class BatchResult(BaseModel):
    """What became of one lead of a batch."""

    index: int = Field(ge=0)
    status: IntakeStatus
    lead_id: str | None = None
    score: LeadScore | None = None
    decision: Decision | None = None
    errors: list[FieldProblem] | None = None

    @classmethod
    def of(cls, row: BatchRow) -> BatchResult:
        """Make the answer from what the service returned."""
        result = row.result
        return cls(
            index=row.index,
            status=row.status,
            lead_id=result.lead_id if result else None,
            score=result.score if result else None,
            decision=result.decision if result else None,
            errors=field_problems(row.reasons, whole=ROW) or None,
        )


class BatchAnswer(BaseModel):
    """One result per lead, in the order they were sent."""

    results: list[BatchResult]


def field_problems(reasons: tuple[FieldReason, ...], *, whole: str = "body") -> list[FieldProblem]:
    """Return rejected fields as they stand in a problem document.

    Parameters
    ----------
    whole : str
        What is named where no single field is to blame.
    """
    return [
        FieldProblem(field=field_path((reason.field or whole).split(".")), reason=reason.reason)
        for reason in reasons
    ]


class QueueItem(BaseModel):
    """One lead in a queue."""

    lead_id: str = Field(examples=[LEAD_ID_EXAMPLE])
    queue: Queue
    state: ItemState
    rank: float = Field(ge=0, le=1, description="0 to 1, higher first")
    name: str | None
    job_title: str | None
    company: str | None
    country: str | None
    source: str
    created_at: datetime
    due_at: datetime | None
    is_overdue: bool
    score: LeadScore
    reasons: list[ReasonCode]
    decision: Decision
    ask: str | None = Field(description="the question to ask next, in words")
    allowed: list[str] = Field(description="outcome types that the present state allows")
    claimed_by: str | None
    lease_until: datetime | None
    token: int | None = Field(description="send it with every action; only the holder sees it")
    snoozed_until: datetime | None
    handed_to: str | None
    owner_rep: str | None

    @classmethod
    def of(cls, row: QueueRow) -> QueueItem:
        """Make the answer from what the service returned."""
        named = {name: getattr(row, name) for name in cls.model_fields if name not in _DERIVED}
        return cls(**named, reasons=list(row.score.reasons), allowed=list(row.allowed))


_DERIVED: Final = frozenset({"reasons", "allowed"})


class QueueAnswer(BaseModel):
    """A stretch of a ranked queue, best first."""

    queue: Queue
    items: list[QueueItem]
    next_cursor: str | None = Field(
        description="send it as `cursor` for what follows; null at the end"
    )

    @classmethod
    def of(cls, page: QueuePage) -> QueueAnswer:
        """Make the answer from what the service returned."""
        return cls(
            queue=page.queue,
            items=[QueueItem.of(row) for row in page.rows],
            next_cursor=page.next_cursor,
        )


class OutcomeBatchResult(BaseModel):
    """What became of one outcome of a batch."""

    index: int = Field(ge=0)
    status: RowStatus
    event: RecordedOutcome | None = None
    errors: list[FieldProblem] | None = None
    allowed: list[str] | None = None

    @classmethod
    def of(cls, row: OutcomeRow) -> OutcomeBatchResult:
        """Make the answer from what the service returned."""
        return cls(
            index=row.index,
            status=row.status,
            event=row.recorded,
            errors=field_problems(row.reasons, whole=ROW) or None,
            allowed=list(row.allowed) or None,
        )


class OutcomeBatchAnswer(BaseModel):
    """One result per outcome, in the order they were sent."""

    results: list[OutcomeBatchResult]


class Health(BaseModel):
    """Whether the process runs."""

    status: Literal["ok"] = "ok"
