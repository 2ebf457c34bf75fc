"""What our layers read of a request without Starlette's objects, and messages handed on."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Message, Receive, Scope


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
