"""`/v1/score`: what a lead would get, without storing it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response

from api.answers import Scored, problems
from api.auth import GuardedRoute, KeyGuard, Reading, Services
from api.direct import SCORE_LEAD
from api.intake import LEAD_EXAMPLES, as_response
from leadqual.leads.schema import RawLead

router = APIRouter(route_class=GuardedRoute, tags=["leads"])


@router.post(
    SCORE_LEAD.path,
    operation_id="scoreLead",
    summary="Score a lead without storing it",
    response_model=Scored,
    dependencies=[Depends(KeyGuard.by(SCORE_LEAD.rule))],
    responses=problems(has_body=True),
)
async def score_lead(
    *,
    raw: Annotated[RawLead, Body(openapi_examples=LEAD_EXAMPLES)],
    serving: Services,
    call: Reading,
) -> Response:
    """Return score and decision. Nothing is stored, so an idempotency key changes nothing."""
    return as_response(await SCORE_LEAD.act(serving, raw, call=call, origin=None))
