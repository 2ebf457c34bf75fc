"""The outermost layer: request ids, security headers, and no exception that tells too much."""

from __future__ import annotations

import re
import secrets
import traceback
from http import HTTPStatus
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BROKEN, problem_answer

CONTENT_SECURITY_POLICY: Final = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
))
"""No inline script or style, nothing from elsewhere: lead fields are written by strangers."""

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
_log = structlog.get_logger("leadqual.api")


class Envelope:
    """Give each request an id, each answer its headers, and each surprise a plain 500.

    Parameters
    ----------
    app : ASGIApp
        The application behind it.
    is_https : bool
        Whether browsers shall insist on HTTPS from now on.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self.app = app
        self.headers = dict(_HEADERS)
        if is_https:
            self.headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.match(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        has_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", _caching(scope["path"]))
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - the last line: no message may reach log or caller
            _log_without_values(error, request_id)
            if has_started:
                raise RuntimeError("failed after the answer had begun") from None
            answer = problem_answer(Request(scope), BROKEN, detail=None)
            await answer(scope, receive, send_with_headers)


def _caching(path: str) -> str:
    """Let browsers keep files that are the same for everybody, if they ask whether they changed."""
    return "no-cache" if path.startswith("/static") else "no-store"


def _log_without_values(error: Exception, request_id: str) -> None:
    """Log where it happened and of what class, but no message: it may quote a lead."""
    frames = traceback.extract_tb(error.__traceback__)
    _log.error(
        "request failed",
        status=int(HTTPStatus.INTERNAL_SERVER_ERROR),
        request_id=request_id,
        error=type(error).__name__,
        at=[f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames[-6:]],
    )
