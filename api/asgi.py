"""What our own layers share: the types of ASGI, and how to read a request without a framework."""

from __future__ import annotations

import asyncio
import time
import types
from collections.abc import Awaitable, Callable, Generator, MutableMapping, Sequence
from typing import Any, Final

BODY_SECONDS: Final = 30.0
"""How long a body may take, from the beginning of the request."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def header_of(scope: Scope, name: bytes) -> bytes | None:
    """Return the first header of a name in lower case, or None.

    Starlette's `Headers` builds an object and decodes every name for each look-up.
    """
    for found, value in scope["headers"]:
        if found == name:
            return bytes(value)
    return None


def replayed(messages: Sequence[Message], receive: Receive) -> Receive:
    """Return a `receive` that gives messages once more that were read before, then new ones."""
    waiting = list(reversed(messages))

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


async def receive_in_time(receive: Receive, *, started: float) -> Message:
    """Return the next message of a request that began at `started` (`time.perf_counter`).

    Most bodies are there with the head: then nothing waits and no timer is set, which costs more
    than all else here.

    Raises
    ------
    TimeoutError
        When it is not there `BODY_SECONDS` after the beginning.
    """
    begun = receive().__await__()
    try:
        waited_for = next(begun)
    except StopIteration as finished:
        message: Message = finished.value
        return message
    async with asyncio.timeout(started + BODY_SECONDS - time.perf_counter()):
        return await _rest(begun, waited_for)


@types.coroutine
def _rest(
    begun: Generator[Any, Any, Message], waited_for: object
) -> Generator[object, Any, Message]:
    """Await what was begun by hand and waits for something."""
    yield waited_for
    return (yield from begun)
