"""`/healthz`, `/readyz`, `/metrics`: for load balancers, operators and Prometheus."""

from __future__ import annotations

import ipaddress
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool

from api.answers import Health
from api.auth import Guard, GuardedRoute, KeyGuard, Public, Services
from leadqual.services import calls
from leadqual.services.calls import SYSTEM, Call
from leadqual.services.health import Readiness
from leadqual.services.serving import Serving

router = APIRouter(route_class=GuardedRoute, tags=["operations"])

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """Hold the figures of one application; nothing is shared between two of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._children: dict[tuple[str, str | None, int], tuple[Counter, Histogram]] = {}
        self.requests = Counter(
            "leadqual_requests_total",
            "Requests by method, route and status",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "leadqual_request_seconds",
            "Seconds from the first byte in to the last byte out",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.depth = Gauge(
            "leadqual_queue_leads",
            "Leads by queue and state",
            ["queue", "state"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "leadqual_writes_waiting", "Writes that wait for a commit", registry=self.registry
        )
        self.ready = Gauge("leadqual_ready", "1 when leads can be accepted", registry=self.registry)
        self.degraded = Gauge(
            "leadqual_degraded_reasons",
            "Things that are not as they should be; see /readyz",
            registry=self.registry,
        )

    def count(self, *, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count one answered request.

        Parameters
        ----------
        route : str or None
            The path of the route as it was declared; None where none matched.
        """
        if method not in _METHODS:
            method = "other"
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            name = _UNMATCHED if route is None else route
            children = self._children[key] = (
                self.requests.labels(method, name, str(status)),
                self.seconds.labels(method, name),
            )
        children[0].inc()
        children[1].observe(seconds)

    def look(self, serving: Serving) -> None:
        """Read the gauges; blocks on the database."""
        now = serving.clock()
        readiness = serving.health.readiness(now=now)
        self.ready.set(readiness.is_ready)
        self.degraded.set(len(readiness.degraded))
        self.waiting.set(readiness.n_waiting_writes)
        if not readiness.is_ready:
            return
        for summary in serving.queues.summaries(call=Call(principal=SYSTEM, now=now)):
            self.depth.labels(summary.queue.value, "open").set(summary.n_open)
            self.depth.labels(summary.queue.value, "claimed").set(summary.n_claimed)
            self.depth.labels(summary.queue.value, "snoozed").set(summary.n_snoozed)
            self.depth.labels(summary.queue.value, "overdue").set(summary.n_overdue)


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
    found: Metrics = request.app.state.metrics
    await run_in_threadpool(found.look, serving)
    return Response(generate_latest(found.registry), media_type=CONTENT_TYPE_LATEST)
