"""Only check the body with pydantic: on FastAPI, and under `/bare` on bare ASGI."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from benchmarks.peers.asgi import answer, read_body
from leadqual.leads.schema import RawLead

BARE = "/bare"
_fastapi = FastAPI()


@_fastapi.post("/")
async def validate(lead: RawLead) -> dict[str, str]:
    """Return the source, as proof that the body was read."""
    return {"source": lead.source}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Validate with or without FastAPI."""
    if scope["type"] != "http" or scope["path"] != BARE:
        await _fastapi(scope, receive, send)
        return
    try:
        RawLead.model_validate_json(await read_body(receive))
    except ValidationError:
        await answer(send, 422, b"{}")
        return
    await answer(send, 200, b'{"status":"valid"}')
