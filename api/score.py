"""`/v1/score`: what a lead would get, without storing it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response

from api.answers import Scored, problems
from api.auth import KeyGuard, Reading, serving_of
from api.direct import DirectRoute, JsonAnswer
from api.intake import LEAD_EXAMPLES, unusable
from leadqual.leads.schema import RawLead, Rejected
from leadqual.services.calls import Scope

router = APIRouter(route_class=DirectRoute, tags=["leads"])


@router.post(
    "/v1/score",
    operation_id="scoreLead",
    summary="Score a lead without storing it",
    response_model=Scored,
    dependencies=[Depends(KeyGuard(Scope.LEADS_READ))],
    responses=problems(has_body=True),
)
async def score_lead(
    *,
    raw: Annotated[RawLead, Body(openapi_examples=LEAD_EXAMPLES)],
    request: Request,
    call: Reading,
) -> Response:
    """Return score and decision. Nothing is stored, so an idempotency key changes nothing."""
    preview = await serving_of(request).previews.ask(raw, call=call)
    if isinstance(preview, Rejected):
        raise unusable(preview)
    return JsonAnswer(preview.as_json())
