"""What one caller may take: bytes per body, seconds to send it, requests per minute."""

from __future__ import annotations

import asyncio
import math
import re
import time
import types
from collections.abc import Generator, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.asgi import header_of
from api.errors import TOO_LARGE, TOO_MANY, TOO_SLOW, ProblemError, problem_answer
from leadqual.errors import ConfigError

BODY_SECONDS: Final = 30.0
MAX_CALLERS: Final = 10_000

_RATE: Final = re.compile(r"([1-9]\d*)\s*(?:/|per)\s*([1-9]\d*)?\s*(second|minute|hour|day)s?")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


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
        await self.app(scope, _counted(receive, limit), send)


def _too_large(limit: int) -> str:
    return f"this call takes at most {limit} bytes; send less at a time"


def _counted(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that stops at the limit and at the deadline."""
    n_bytes = 0
    is_complete = False
    deadline = time.monotonic() + BODY_SECONDS

    async def receive_counted() -> Message:
        nonlocal n_bytes, is_complete
        if is_complete:
            return await receive()
        message = await _receive_until(receive, deadline)
        if message["type"] == "http.request":
            n_bytes += len(message.get("body", b""))
            is_complete = not message.get("more_body", False)
        if n_bytes > limit:
            raise ProblemError(TOO_LARGE, _too_large(limit))
        return message

    return receive_counted


async def _receive_until(receive: Receive, deadline: float) -> Message:
    """Return the next message, or raise when it comes too late.

    Most bodies are there with the head: then nothing waits and no timer is set, which costs more
    than all else here.
    """
    begun = receive().__await__()
    try:
        waited_for = next(begun)
    except StopIteration as finished:
        message: Message = finished.value
        return message
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await _rest(begun, waited_for)
    except TimeoutError as error:
        raise ProblemError(TOO_SLOW, f"it took over {BODY_SECONDS:.0f} seconds") from error


@types.coroutine
def _rest(
    begun: Generator[Any, Any, Message], waited_for: object
) -> Generator[object, Any, Message]:
    """Await what was begun by hand and waits for something."""
    yield waited_for
    return (yield from begun)


class RateLimit:
    """Count the requests of each caller over windows of time, in the memory of this process.

    A window begins with a caller's first request.

    Parameters
    ----------
    rate : str
        Such as `120/minute` or `5 per 2 hours`.

    Raises
    ------
    ConfigError
        When it is not written like that.
    """

    def __init__(self, rate: str) -> None:
        found = _RATE.fullmatch(rate)
        if found is None:
            raise ConfigError(
                "LEADQUAL_KEY_RATE and LEADQUAL_FORM_RATE are written as a number per second, "
                "minute, hour or day, such as 120/minute"
            )
        n_units, unit = int(found[2] or 1), found[3]
        self._n_allowed = int(found[1])
        self._seconds = n_units * _SECONDS[unit]
        self._words = f"{self._n_allowed} per {n_units} {unit}"
        self._windows: dict[str, tuple[float, int]] = {}

    def admit(self, caller: str) -> None:
        """Count one request.

        Raises
        ------
        ProblemError
            429 with Retry-After when the caller is over its rate.
        """
        now = time.monotonic()
        ends_at, n_requests = self._windows.get(caller, (0.0, 0))
        if now >= ends_at:
            ends_at, n_requests = now + self._seconds, 0
            self._forget(now)
        self._windows[caller] = (ends_at, n_requests + 1)
        if n_requests >= self._n_allowed:
            seconds = max(1, math.ceil(ends_at - now))
            raise ProblemError(
                TOO_MANY,
                f"the limit is {self._words}; try again in {seconds} s",
                headers={"Retry-After": str(seconds)},
            )

    def _forget(self, now: float) -> None:
        """Drop windows that are over, and above `MAX_CALLERS` the oldest: memory stays bounded."""
        if len(self._windows) < MAX_CALLERS:
            return
        self._windows = {who: w for who, w in self._windows.items() if w[0] > now}
        while len(self._windows) >= MAX_CALLERS:
            del self._windows[next(iter(self._windows))]
