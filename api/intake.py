"""`POST /v1/leads`: take one lead in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Request, Response

from api.answers import ACCEPTED_EXAMPLE, FormAccepted, field_problems, problems
from api.auth import KeyGuard, Writing, serving_of
from api.direct import DirectRoute, JsonAnswer
from api.errors import INVALID, ProblemError, count_fields
from leadqual.leads.schema import RawLead, Rejected
from leadqual.services.calls import Call, PrincipalKind, Scope
from leadqual.services.intake import IntakeResult, IntakeStatus

router = APIRouter(route_class=DirectRoute, tags=["leads"])

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
    response_model=IntakeResult | FormAccepted,
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
    call: Writing,
) -> Response:
    """Store, score and route one lead. The answer comes after the commit.

    The same person (by e-mail) within 30 days becomes a new touch on the same lead. A form key
    gets `lead_id` and `status` only.
    """
    if call.principal.kind is PrincipalKind.FORM_KEY:
        return await _take_form(raw, request, call)
    result = await serving_of(request).intake.take(raw, call=call)
    if isinstance(result, Rejected):
        raise unusable(result)
    return JsonAnswer(result.json, status=201 if result.status is IntakeStatus.CREATED else 200)


async def _take_form(raw: RawLead, request: Request, call: Call) -> Response:
    """Take in what a page's script sent with a form key."""
    fields = raw.model_dump(mode="json", exclude_unset=True)
    receipt = await asyncio.wrap_future(
        serving_of(request).forms.submit(fields, call=call, origin=request.headers.get("origin"))
    )
    if isinstance(receipt, Rejected):
        raise unusable(receipt)
    answer = FormAccepted(lead_id=receipt.lead_id, status=receipt.status)
    return JsonAnswer(answer.model_dump_json().encode(), status=201)
