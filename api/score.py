"""`/v1/score`: what a lead would get, without storing it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends
from starlette.concurrency import run_in_threadpool

from api.answers import Scored, problems
from api.auth import GuardedRoute, KeyGuard, Reading, Services
from api.leads import LEAD_EXAMPLES, unusable
from leadqual.leads.schema import RawLead, Rejected
from leadqual.services.calls import Scope

router = APIRouter(route_class=GuardedRoute, tags=["leads"])


@router.post(
    "/v1/score",
    operation_id="scoreLead",
    summary="Score a lead without storing it",
    dependencies=[Depends(KeyGuard(Scope.LEADS_READ))],
    responses=problems(has_body=True),
)
async def score_lead(
    raw: Annotated[RawLead, Body(openapi_examples=LEAD_EXAMPLES)], serving: Services, call: Reading
) -> Scored:
    """Return score and decision. Nothing is stored, so an idempotency key changes nothing."""
    preview = await run_in_threadpool(serving.intake.preview, raw, call=call)
    if isinstance(preview, Rejected):
        raise unusable(preview)
    return Scored(score=preview.score, decision=preview.decision)
