"""`/healthz`, `/readyz`, `/metrics`: for load balancers, operators and Prometheus."""

from __future__ import annotations

import ipaddress

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool

from api.answers import Health
from api.auth import Guard, GuardedRoute, KeyGuard, Public, Services
from api.metrics import Metrics
from api.tally import Tally
from leadqual.services import calls
from leadqual.services.health import Readiness

router = APIRouter(route_class=GuardedRoute, tags=["operations"])


class Internal(Guard):
    """Let callers on this machine in, and keys that may read reports."""

    def __init__(self) -> None:
        self.keys = KeyGuard(calls.Scope.REPORTS_READ)

    async def admit(self, request: Request) -> None:
        """Admit loopback addresses, ask everybody else for a key."""
        host = request.client.host if request.client else ""
        try:
            is_local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            is_local = False
        if not is_local:
            await self.keys.admit(request)


@router.get(
    "/healthz",
    operation_id="health",
    summary="Whether the process runs",
    dependencies=[Depends(Public("load balancers have no key, and it says nothing"))],
)
async def healthz() -> Health:
    """Answer without looking at anything."""
    return Health()


@router.get(
    "/readyz",
    operation_id="readiness",
    summary="Whether leads can be accepted, and what is degraded",
    responses={503: {"model": Readiness, "description": "Leads cannot be accepted now"}},
    dependencies=[Depends(Public("load balancers have no key, and it names no data"))],
)
async def readyz(serving: Services, response: Response) -> Readiness:
    """Return what works and what does not; 503 only when leads cannot be accepted."""
    readiness = await run_in_threadpool(serving.health.readiness, now=serving.clock())
    if not readiness.is_ready:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return readiness


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
    dependencies=[Depends(Internal())],
)
async def metrics(request: Request, serving: Services) -> Response:
    """Return counters and gauges in the text format of Prometheus."""
    tally: Tally = request.app.state.tally
    tally.flush()
    found: Metrics = request.app.state.metrics
    await run_in_threadpool(found.look, serving)
    return Response(generate_latest(found.registry), media_type=CONTENT_TYPE_LATEST)
