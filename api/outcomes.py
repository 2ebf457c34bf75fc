"""`/v1/leads/{id}/outcomes` and `/v1/outcomes/batch`: what became of leads."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.concurrency import run_in_threadpool

from api.answers import OutcomeBatchAnswer, OutcomeBatchResult, problems
from api.auth import GuardedRoute, KeyGuard, Services, Writing
from api.leads import LeadId
from leadqual.services.calls import Scope
from leadqual.services.intake import MAX_BATCH
from leadqual.services.outcomes import Outcome, RecordedOutcome

router = APIRouter(route_class=GuardedRoute, tags=["outcomes"])

BATCH_PATH: Final = "/v1/outcomes/batch"

_EXAMPLES: Final = {
    "handed off": {"value": {"type": "handed_off", "token": 1, "note": "wants a demo on Tuesday"}},
    "not qualified": {"value": {"type": "disqualified", "reason": "no_budget", "token": 1}},
    "won": {"value": {"type": "won", "amount_usd": 24000}},
}
_ROWS: Final = {
    "type": "array",
    "maxItems": MAX_BATCH,
    "items": {"$ref": "#/components/schemas/OutcomeOf"},
}


class OutcomeBatch(BaseModel):
    """Outcomes, each of a lead named by `lead_id` or `external_id`; each is judged alone."""

    model_config = ConfigDict(extra="forbid")

    outcomes: Annotated[list[Any], Field(max_length=MAX_BATCH), WithJsonSchema(_ROWS)]


@router.post(
    "/v1/leads/{lead_id}/outcomes",
    operation_id="recordOutcome",
    summary="Record what became of a lead",
    status_code=201,
    dependencies=[Depends(KeyGuard(Scope.OUTCOMES_WRITE))],
    responses={
        200: {"model": RecordedOutcome, "description": "A replay under the same idempotency key"},
        **problems(404, 409, has_body=True),
    },
)
async def record_outcome(
    *,
    lead_id: LeadId,
    outcome: Annotated[Outcome, Body(openapi_examples=_EXAMPLES)],
    response: Response,
    serving: Services,
    call: Writing,
) -> RecordedOutcome:
    """Append one event and move the lead on; 409 names the types that its state allows."""
    answer = await run_in_threadpool(serving.outcomes.record, lead_id, outcome, call=call)
    if answer.replayed:
        response.status_code = 200
    return answer.value


@router.post(
    BATCH_PATH,
    operation_id="recordOutcomes",
    summary="Record up to 1,000 outcomes",
    dependencies=[Depends(KeyGuard(Scope.OUTCOMES_WRITE))],
    responses=problems(has_body=True),
)
async def record_outcomes(
    batch: OutcomeBatch, serving: Services, call: Writing
) -> OutcomeBatchAnswer:
    """Append an event per usable row; say of each other row what is wrong with it."""
    rows = await run_in_threadpool(serving.outcomes.record_many, batch.outcomes, call=call)
    return OutcomeBatchAnswer(results=[OutcomeBatchResult.of(row) for row in rows])
