"""What a bare ASGI application needs: its body, its answer, its end."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

_HEADERS = [(b"content-type", b"application/json")]


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def answer(send: Send, status: int, body: bytes) -> None:
    """Send a whole answer."""
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def live_and_die(receive: Receive, send: Send) -> None:
    """Say yes to start and stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def is_lifespan(scope: Scope) -> bool:
    """Return whether this is about the server's life rather than a request."""
    return bool(scope["type"] == "lifespan")
