"""Bare ASGI that answers what it got: the cost of client, server and sockets."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from benchmarks.peers.asgi import answer, is_lifespan, live_and_die, read_body


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body of the request."""
    if is_lifespan(scope):
        await live_and_die(receive, send)
        return
    await answer(send, 200, await read_body(receive))
