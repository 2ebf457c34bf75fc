"""`POST /v1/leads`: take one lead in."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Request, Response

from api.answers import ACCEPTED_EXAMPLE, FormAccepted, problems
from api.auth import GuardedRoute, KeyGuard, Services, Writing, unusable
from api.direct import TAKE_LEAD, Answer
from leadqual.leads.schema import RawLead, Rejected
from leadqual.services.intake import IntakeResult

router = APIRouter(route_class=GuardedRoute, tags=["leads"])

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


@router.post(
    TAKE_LEAD.path,
    operation_id="createLead",
    summary="Take a lead in",
    status_code=201,
    response_model=IntakeResult | FormAccepted,
    dependencies=[Depends(KeyGuard.by(TAKE_LEAD.rule))],
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
    serving: Services,
    call: Writing,
) -> Response:
    """Store, score and route one lead. The answer comes after the commit.

    The same person (by e-mail) within 30 days becomes a new touch on the same lead. A form key
    gets `lead_id` and `status` only.
    """
    origin = request.headers.get("origin")
    return as_response(await TAKE_LEAD.act(serving, raw, call=call, origin=origin))


def as_response(answer: Answer | Rejected) -> Response:
    """Return the answer of a direct call; raise the problem where the lead cannot be used."""
    if isinstance(answer, Rejected):
        raise unusable(answer)
    status, body = answer
    return Response(body, status, media_type="application/json")
