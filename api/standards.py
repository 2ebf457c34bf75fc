"""`/v1/standards`: the written, versioned standard of "qualified"."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.answers import problems
from api.auth import GuardedRoute, KeyGuard, Reading, Services, Writing
from leadqual.leads.schema import Message
from leadqual.services.calls import Scope
from leadqual.services.standards import StandardView

router = APIRouter(route_class=GuardedRoute, tags=["standards"])


class Proposal(BaseModel):
    """A standard as YAML, as `leadqual standard show` prints it."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Message, Field(min_length=1)]


class StandardsAnswer(BaseModel):
    """Every version, newest first."""

    standards: list[StandardView]


@router.get(
    "/v1/standards",
    operation_id="listStandards",
    summary="List the versions of the standard",
    dependencies=[Depends(KeyGuard(Scope.POLICY_WRITE))],
    responses=problems(),
)
async def list_standards(serving: Services, call: Reading) -> StandardsAnswer:
    """Return every version with its text, its owner and whether it counts now."""
    return StandardsAnswer(
        standards=list(await run_in_threadpool(serving.standards.list, call=call))
    )


@router.post(
    "/v1/standards",
    operation_id="proposeStandard",
    summary="Propose a new version of the standard",
    status_code=201,
    dependencies=[Depends(KeyGuard(Scope.POLICY_WRITE))],
    responses={
        200: {"model": StandardView, "description": "A replay under the same idempotency key"},
        **problems(has_body=True),
    },
)
async def propose_standard(
    *, proposal: Proposal, response: Response, serving: Services, call: Writing
) -> StandardView:
    """Store a version that does not count yet; 422 lists everything wrong with it."""
    answer = await run_in_threadpool(serving.standards.propose, proposal.text, call=call)
    if answer.replayed:
        response.status_code = 200
    return answer.value


@router.post(
    "/v1/standards/{version}/activate",
    operation_id="activateStandard",
    summary="Make a version of the standard the one that counts",
    dependencies=[Depends(KeyGuard(Scope.POLICY_WRITE))],
    responses=problems(404),
)
async def activate_standard(
    version: Annotated[int, Path(ge=0, le=2**31 - 1)], serving: Services, call: Writing
) -> StandardView:
    """Activate a version; every server follows within two seconds."""
    answer = await run_in_threadpool(serving.standards.activate, version, call=call)
    return answer.value
