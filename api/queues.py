"""`/v1/queues` and the actions on one lead: list, claim, release, snooze."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.answers import QueueAnswer, QueueItem, problems
from api.auth import GuardedRoute, KeyGuard, Reading, Services, Writing
from api.leads import LeadId
from leadqual.routing.decision import Queue
from leadqual.services.calls import Scope
from leadqual.services.queues import MAX_PAGE, QueueSummary

router = APIRouter(route_class=GuardedRoute, tags=["queues"])


class QueuesAnswer(BaseModel):
    """Every queue that exists for the caller."""

    queues: list[QueueSummary]


class Release(BaseModel):
    """Which claim is given back."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[int, Field(ge=0, le=2**63 - 1, examples=[1])]


class Snooze(Release):
    """Which claim is put off, and until when."""

    until: Annotated[AwareDatetime, Field(examples=["2026-11-22T09:00:00Z"])]


@router.get(
    "/v1/queues",
    operation_id="listQueues",
    summary="List the queues and how much waits in them",
    dependencies=[Depends(KeyGuard(Scope.QUEUE_WORK))],
    responses=problems(),
)
async def list_queues(serving: Services, call: Reading) -> QueuesAnswer:
    """Return the depth of every queue."""
    summaries = await run_in_threadpool(serving.queues.summaries, call=call)
    return QueuesAnswer(queues=list(summaries))


@router.get(
    "/v1/queues/{queue}",
    operation_id="listQueue",
    summary="List one queue, best first",
    dependencies=[Depends(KeyGuard(Scope.QUEUE_WORK))],
    responses=problems(404),
)
async def list_queue(
    *,
    queue: Queue,
    serving: Services,
    call: Reading,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=200, pattern=r"^[\x21-\x7e]*$")] = None,
) -> QueueAnswer:
    """Return leads in the order in which they are worth working."""
    page = await run_in_threadpool(
        serving.queues.page, queue, call=call, limit=limit, cursor=cursor
    )
    return QueueAnswer.of(page)


@router.post(
    "/v1/queues/{queue}/claim",
    operation_id="claimNext",
    summary="Claim the best free lead of a queue",
    response_model=QueueItem,
    dependencies=[Depends(KeyGuard(Scope.QUEUE_WORK))],
    responses={204: {"description": "The queue is empty"}, **problems(404)},
)
async def claim_next(queue: Queue, serving: Services, call: Writing) -> QueueItem | Response:
    """Return the claimed lead with `lease_until` and `token`."""
    answer = await run_in_threadpool(serving.working.claim_next, queue, call=call)
    return Response(status_code=204) if answer.value is None else QueueItem.of(answer.value)


@router.post(
    "/v1/leads/{lead_id}/claim",
    operation_id="claimLead",
    summary="Claim one lead",
    dependencies=[Depends(KeyGuard(Scope.QUEUE_WORK))],
    responses=problems(404, 409),
)
async def claim_lead(lead_id: LeadId, serving: Services, call: Writing) -> QueueItem:
    """Return the lead with `lease_until` and `token`; 409 while somebody else holds it."""
    answer = await run_in_threadpool(serving.working.claim, lead_id, call=call)
    return QueueItem.of(answer.value)


@router.post(
    "/v1/leads/{lead_id}/release",
    operation_id="releaseLead",
    summary="Give a claimed lead back",
    dependencies=[Depends(KeyGuard(Scope.QUEUE_WORK))],
    responses=problems(404, 409, has_body=True),
)
async def release_lead(
    *, lead_id: LeadId, body: Annotated[Release, Body()], serving: Services, call: Writing
) -> QueueItem:
    """Return the lead, free again; 409 when the lease was lost."""
    answer = await run_in_threadpool(serving.working.release, lead_id, token=body.token, call=call)
    return QueueItem.of(answer.value)


@router.post(
    "/v1/leads/{lead_id}/snooze",
    operation_id="snoozeLead",
    summary="Put a claimed lead off",
    dependencies=[Depends(KeyGuard(Scope.QUEUE_WORK))],
    responses=problems(404, 409, has_body=True),
)
async def snooze_lead(
    *, lead_id: LeadId, body: Annotated[Snooze, Body()], serving: Services, call: Writing
) -> QueueItem:
    """Return the lead, out of the list until the given time; 409 when the lease was lost."""
    answer = await run_in_threadpool(
        serving.working.snooze, lead_id, token=body.token, until=body.until, call=call
    )
    return QueueItem.of(answer.value)
