"""What is counted for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from leadqual.services.calls import SYSTEM, Call
from leadqual.services.serving import Serving

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
