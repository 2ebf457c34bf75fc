"""The outermost layer: request ids, security headers, metrics, and no exception that tells much."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable
from http import HTTPStatus

from starlette.requests import Request

from api.asgi import ASGIApp, Message, Receive, Scope, Send, header_of
from api.direct import handed_over
from api.dressing import FRESH, UNCHANGED, request_id_of, security_headers
from api.errors import BROKEN, problem_answer
from api.metrics import Metrics

RawHeaders = Iterable[tuple[bytes, bytes]]
"""Headers as ASGI hands them over: names in lower case."""


class Envelope:
    """Give each request an id, each answer its headers, each surprise a plain 500; count them all.

    Parameters
    ----------
    app : ASGIApp
        The application behind it.
    is_https : bool
        Whether browsers shall insist on HTTPS from now on.
    metrics : Metrics
        Where requests are counted, by their route and never by their path: paths carry ids.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.headers = security_headers(is_https=is_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        handed = handed_over(scope)
        started = time.perf_counter() if handed is None else handed.started
        request_id = request_id_of(header_of(scope, b"x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        status: int | None = None

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._dress(message.get("headers", ()), request_id, scope)
            await send(message)

        try:
            await self.app(scope, receive, send_dressed)
        except Exception as error:  # noqa: BLE001 - the last line: no message may reach log or caller
            _log_without_values(error, request_id.decode())
            if status is not None:
                raise RuntimeError("failed after the answer had begun") from None
            answer = problem_answer(Request(scope), BROKEN, detail=None)
            await answer(scope, receive, send_dressed)
        finally:
            self._count(scope, status or int(HTTPStatus.INTERNAL_SERVER_ERROR), started)

    def _dress(
        self, headers: RawHeaders, request_id: bytes, scope: Scope
    ) -> list[tuple[bytes, bytes]]:
        """Return headers with ours, but for those that the answer has set itself."""
        dressed = [pair for pair in headers if pair[0] != b"x-request-id"]
        given = {name for name, _ in dressed}
        dressed.append((b"x-request-id", request_id))
        dressed += [pair for pair in self.headers if pair[0] not in given]
        if b"cache-control" not in given:
            dressed.append(_caching(scope["path"]))
        return dressed

    def _count(self, scope: Scope, status: int, started: float) -> None:
        route = scope.get("route")
        self.metrics.count(
            method=scope["method"],
            route=None if route is None else getattr(route, "path", None),
            status=status,
            seconds=time.perf_counter() - started,
        )


def _caching(path: str) -> tuple[bytes, bytes]:
    """Return how long browsers may keep what is at a path."""
    return UNCHANGED if path.startswith("/static") else FRESH


def _log_without_values(error: Exception, request_id: str) -> None:
    """Log where it happened and of what class, but no message: it may quote a lead."""
    # It draws tracebacks and tables when imported; most processes never fail.
    import structlog

    frames = traceback.extract_tb(error.__traceback__)
    structlog.get_logger("leadqual.api").error(
        "request failed",
        status=int(HTTPStatus.INTERNAL_SERVER_ERROR),
        request_id=request_id,
        error=type(error).__name__,
        at=[f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames[-6:]],
    )
