"""What to do with a scored lead (CONTRACT "score and decision")."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from leadqual.leads.text_enum import TextEnum


class Queue(TextEnum):
    """Where a lead waits. Reps work the first three; the others are kept and auditable."""

    MRR = "mrr"
    SDR = "sdr"
    ACCOUNT_MANAGER = "account_manager"
    NURTURE = "nurture"
    DISQUALIFIED_BY_SCORE = "disqualified_by_score"
    QUARANTINE = "quarantine"


class Approach(TextEnum):
    """How to work the lead; qualification decides it."""

    CALL_NOW = "call_now"
    CALL = "call"
    ASK = "ask"
    ENRICH = "enrich"
    NURTURE = "nurture"
    ACCOUNT_MANAGER = "account_manager"
    REVIEW = "review"
    NONE = "none"


class Decision(BaseModel):
    """Where a lead goes, how urgent it is and why.

    `rank` in [0, 1] orders a queue (higher first): expected value times urgency; `why` says
    in words how it came about. `order_key` is the database sort key of the queue (higher first):
    log expected value plus recency, so the order of two leads never changes while they wait and
    an index can serve it. `propensity` is the probability with which this lead was
    queued by chance (1.0 where no chance was involved); `ask_next` the head to ask about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue: Queue
    grade: str
    rank: Annotated[float, Field(ge=0.0, le=1.0)]
    approach: Approach
    ask_next: str | None
    due_at: AwareDatetime | None
    why: tuple[str, ...]
    assigned_to: str | None = None
    explored: bool = False
    propensity: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    standard_version: int
    order_key: float = 0.0
