"""`/v1/leads`: take one lead in, read it, read its history, erase it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from api.answers import ACCEPTED_EXAMPLE, FormAccepted, field_problems, problems
from api.auth import GuardedRoute, KeyGuard, Reading, Services, Writing
from api.errors import INVALID, ProblemError, count_fields
from leadqual.leads.schema import RawLead, Rejected
from leadqual.services.calls import PrincipalKind, Scope
from leadqual.services.intake import IntakeResult, IntakeStatus
from leadqual.services.lead_records import LeadHistory, LeadView

router = APIRouter(route_class=GuardedRoute, tags=["leads"])

LeadId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["019aa3b5c4007d0c1f2e"])]

LEAD_EXAMPLES: Final = {
    "webinar": {
        "summary": "A lead from a webinar",
        "value": {
            "external_id": "hs-1",
            "source": "webinar",
            "contact": {
                "email": "ada@hafen-logistik.example",
                "full_name": "Ada Beispiel",
                "job_title": "Leiterin Einkauf",
                "country": "DE",
            },
            "company": {
                "name": "Hafen Logistik",
                "domain": "hafen-logistik.example",
                "industry": "Logistics",
                "n_employees": 120,
            },
            "interest": {"product": "pro", "message": "Please call me", "timeline_days": 60},
            "engagement": {"n_visits": 3, "n_page_views": 14},
            "attributes": {"plan_interest": "pro"},
        },
    },
    "smallest": {
        "summary": "The least that is needed: a source and a way to reach the person",
        "value": {"source": "web_form", "contact": {"email": "ada@hafen-logistik.example"}},
    },
}


def unusable(rejected: Rejected, headers: Mapping[str, str] | None = None) -> ProblemError:
    """Return the problem for a lead that cannot be used."""
    fields = field_problems(rejected.reasons)
    return ProblemError(INVALID, count_fields(len(fields)), fields=fields, headers=headers)


@router.post(
    "/v1/leads",
    operation_id="createLead",
    summary="Take a lead in",
    status_code=201,
    dependencies=[Depends(KeyGuard(Scope.LEADS_WRITE, takes_form_key=True))],
    responses={
        201: {"content": {"application/json": {"example": ACCEPTED_EXAMPLE}}},
        200: {
            "model": IntakeResult | FormAccepted,
            "description": "Known already: a replay, or a new touch on the same lead",
        },
        **problems(has_body=True),
    },
)
async def create_lead(
    *,
    raw: Annotated[RawLead, Body(openapi_examples=LEAD_EXAMPLES)],
    request: Request,
    response: Response,
    serving: Services,
    call: Writing,
) -> IntakeResult | FormAccepted:
    """Store, score and route one lead. The answer comes after the commit.

    The same person (by e-mail) within 30 days becomes a new touch on the same lead. A form key
    gets `lead_id` and `status` only.
    """
    if call.principal.kind is PrincipalKind.FORM_KEY:
        response.status_code = 201
        fields = raw.model_dump(mode="json", exclude_unset=True)
        receipt = await asyncio.wrap_future(
            serving.forms.submit(fields, call=call, origin=request.headers.get("origin"))
        )
        if isinstance(receipt, Rejected):
            raise unusable(receipt)
        return FormAccepted(lead_id=receipt.lead_id, status=receipt.status)
    result = await asyncio.wrap_future(serving.intake.accept(raw, call=call))
    if isinstance(result, Rejected):
        raise unusable(result)
    if result.status is not IntakeStatus.CREATED:
        response.status_code = 200
    return result


@router.get(
    "/v1/leads/{lead_id}",
    operation_id="getLead",
    summary="Read one lead",
    dependencies=[Depends(KeyGuard(Scope.LEADS_READ))],
    responses=problems(404),
)
async def get_lead(lead_id: LeadId, serving: Services, call: Reading) -> LeadView:
    """Return the lead with its latest score and decision; `lead` is null after erasure."""
    return await run_in_threadpool(serving.leads.get, lead_id, call=call)


@router.get(
    "/v1/leads/{lead_id}/history",
    operation_id="getLeadHistory",
    summary="Read everything that happened to a lead",
    dependencies=[Depends(KeyGuard(Scope.LEADS_READ))],
    responses=problems(404),
)
async def get_history(lead_id: LeadId, serving: Services, call: Reading) -> LeadHistory:
    """Return every touch, score, decision and event, each with model and standard version."""
    return await run_in_threadpool(serving.leads.history, lead_id, call=call)


@router.delete(
    "/v1/leads/{lead_id}",
    operation_id="eraseLead",
    summary="Erase a person",
    status_code=204,
    dependencies=[Depends(KeyGuard(Scope.ADMIN))],
    responses=problems(404),
)
async def erase_lead(lead_id: LeadId, serving: Services, call: Reading) -> None:
    """Remove the person's data and leave a keyed mark, so that they are not added again."""
    await run_in_threadpool(serving.leads.erase, lead_id, call=call)
