"""`/v1/leads/batch`: up to 1,000 leads at once; one bad row spoils no other."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.concurrency import run_in_threadpool

from api.answers import BatchAnswer, BatchResult, problems
from api.auth import GuardedRoute, KeyGuard, Services, Writing
from leadqual.services.calls import Scope
from leadqual.services.intake import MAX_BATCH

router = APIRouter(route_class=GuardedRoute, tags=["leads"])

PATH: Final = "/v1/leads/batch"

_ROWS: Final = {
    "type": "array",
    "maxItems": MAX_BATCH,
    "items": {"$ref": "#/components/schemas/RawLead"},
}


class LeadBatch(BaseModel):
    """Leads as `POST /v1/leads` takes them; each is judged alone."""

    model_config = ConfigDict(extra="forbid")

    leads: Annotated[list[Any], Field(max_length=MAX_BATCH), WithJsonSchema(_ROWS)]


@router.post(
    PATH,
    operation_id="createLeads",
    summary="Take up to 1,000 leads in",
    dependencies=[Depends(KeyGuard(Scope.LEADS_WRITE))],
    responses=problems(has_body=True),
)
async def create_leads(batch: LeadBatch, serving: Services, call: Writing) -> BatchAnswer:
    """Store, score and route each usable lead; name the fields to repair of each other one."""
    rows = await run_in_threadpool(serving.intake.accept_many, batch.leads, call=call)
    return BatchAnswer(results=[BatchResult.of(row) for row in rows])
