"""What one caller may take: bytes per body, seconds to send it, requests per minute."""

from __future__ import annotations

import time
from collections.abc import Mapping

from starlette.requests import Request

from api.asgi import (
    BODY_SECONDS,
    ASGIApp,
    Message,
    Receive,
    Scope,
    Send,
    header_of,
    receive_in_time,
)
from api.direct import handed_over
from api.errors import TOO_LARGE, TOO_MANY, TOO_SLOW, ProblemError, problem_answer
from api.rates import RateLimit


class BodyLimit:
    """Refuse bodies that are too large or too slow, before anything reads or parses them.

    Parameters
    ----------
    app : ASGIApp
        The application behind it.
    default_bytes : int
        The limit of every path that `bytes_of` does not name.
    bytes_of : mapping of str to int
        Limits of single paths.
    """

    def __init__(self, app: ASGIApp, *, default_bytes: int, bytes_of: Mapping[str, int]) -> None:
        self.app = app
        self.default_bytes = default_bytes
        self.bytes_of = bytes_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 at once where the declared length is too large, else count what comes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.bytes_of.get(scope["path"], self.default_bytes)
        declared = header_of(scope, b"content-length") or b"0"
        if declared.isdigit() and int(declared[:20]) > limit:
            answer = problem_answer(Request(scope), TOO_LARGE, detail=_too_large(limit))
            await answer(scope, receive, send)
            return
        handed = handed_over(scope)
        started = time.perf_counter() if handed is None else handed.started
        await self.app(scope, _counted(receive, limit, started=started), send)


def _too_large(limit: int) -> str:
    return f"this call takes at most {limit} bytes; send less at a time"


def _counted(receive: Receive, limit: int, *, started: float) -> Receive:
    """Return a `receive` that stops at the limit and at the deadline."""
    n_bytes = 0
    is_complete = False

    async def receive_counted() -> Message:
        nonlocal n_bytes, is_complete
        if is_complete:
            return await receive()
        try:
            message = await receive_in_time(receive, started=started)
        except TimeoutError as error:
            raise ProblemError(TOO_SLOW, f"it took over {BODY_SECONDS:.0f} seconds") from error
        if message["type"] == "http.request":
            n_bytes += len(message.get("body", b""))
            is_complete = not message.get("more_body", False)
        if n_bytes > limit:
            raise ProblemError(TOO_LARGE, _too_large(limit))
        return message

    return receive_counted


def count_request(rate: RateLimit, caller: str) -> None:
    """Count one request.

    Raises
    ------
    ProblemError
        429 with Retry-After when the caller is over its rate.
    """
    seconds = rate.wait_of(caller)
    if seconds:
        raise ProblemError(
            TOO_MANY,
            f"the limit is {rate.words}; try again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )
