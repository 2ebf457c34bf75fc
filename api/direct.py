"""The calls that websites wait for: plain requests go straight to their endpoint.

FastAPI looks for the route, reads the body, solves dependencies and checks the answer in about
ten times as long as the work behind takes it. A `DirectRoute` is declared and documented like any
other, and `DirectPaths` stands in front of FastAPI: the same guard, then the same endpoint with the
same arguments. A request that is not plain goes on to FastAPI as if nothing had been read; all
refusals of bodies and headers are written there, and nowhere else.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.asgi import header_of, replayed
from api.auth import ADMITTED, IDEMPOTENCY_KEY, GuardedRoute, call_of, make_call, read_call_of
from api.errors import answer_error
from api.reading import read_plain_lead
from api.strict import StrictRequest
from leadqual.errors import LeadqualError
from leadqual.services.calls import Call

Endpoint = Callable[..., Awaitable[Response]]

_JSON: Final = b"application/json"
_PLAIN_KEY: Final = re.compile(IDEMPOTENCY_KEY.encode())
_ARGUMENTS: Final = {"raw", "request", "call"}


class JsonAnswer(Response):
    """An answer that is JSON already.

    Parameters
    ----------
    body : bytes
        The JSON text.
    status : int
        The status code.
    """

    def __init__(self, body: bytes, *, status: int = 200) -> None:
        # Not Starlette's own: that one encodes, looks headers up and costs as much as a parse.
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", _JSON)]


class DirectRoute(GuardedRoute):
    """A route on a fixed path that takes one lead as `raw`, the `request` and the `call`.

    Raises
    ------
    TypeError
        While the application is built, when it has no guard, a path with parameters, or an
        endpoint with other arguments.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:  # noqa: ANN401 - those of APIRoute
        super().__init__(path, endpoint, **options)
        if self.param_convertors or set(inspect.signature(endpoint).parameters) != _ARGUMENTS:
            raise TypeError(
                f"{path} cannot be called directly: that takes a fixed path and an endpoint with "
                f"the arguments {', '.join(sorted(_ARGUMENTS))}"
            )
        calls = {dependant.call for dependant in self.dependant.dependencies}
        if not calls & {call_of, read_call_of}:
            raise TypeError(f"{path} takes a call that is neither writing nor reading")
        self._is_writing = call_of in calls

    async def answer(self, request: StrictRequest, read: list[Message]) -> Response | None:
        """Return the answer to a plain request, or None for all others.

        Parameters
        ----------
        request : StrictRequest
            The request, of which nothing was read.
        read : list
            Gets the messages that were read of it.
        """
        scope = request.scope
        try:
            await self.guard.admit(request)
            scope[ADMITTED] = self.guard
            body = await _read_plain(scope, request.receive, read)
            raw = None if body is None else read_plain_lead(body)
            call = None if body is None else self._plain_call(request, body)
            if raw is None or call is None:
                return None
            endpoint: Endpoint = self.endpoint
            return await endpoint(raw=raw, request=request, call=call)
        except (LeadqualError, HTTPException) as error:
            return await answer_error(request, error)

    def _plain_call(self, request: StrictRequest, body: bytes) -> Call | None:
        """Return the call, or None when its idempotency key is to be refused."""
        key = header_of(request.scope, b"idempotency-key") if self._is_writing else None
        if key is None:
            return make_call(request)
        if _PLAIN_KEY.fullmatch(key) is None:
            return None
        return make_call(request, key=key.decode(), body=body)


async def _read_plain(scope: Scope, receive: Receive, read: list[Message]) -> bytes | None:
    """Return a body that is declared as JSON and comes whole, else None."""
    declared = header_of(scope, b"content-type") or b""
    if declared != _JSON and declared.partition(b";")[0].strip().lower() != _JSON:
        return None
    message = await receive()
    read.append(message)
    if message["type"] != "http.request" or message.get("more_body", False):
        return None
    body: bytes = message.get("body", b"")
    return body


class DirectPaths:
    """Stand in front of the application and answer plain requests of direct routes.

    Parameters
    ----------
    app : ASGIApp
        The application behind it, which has the same routes.
    routes : iterable of DirectRoute
        The routes.
    """

    def __init__(self, app: ASGIApp, *, routes: Iterable[DirectRoute]) -> None:
        self.app = app
        self.routes = {
            (method, route.path): route for route in routes for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        is_http = scope["type"] == "http"
        route = self.routes.get((scope["method"], scope["path"])) if is_http else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route
        read: list[Message] = []
        answer = await route.answer(StrictRequest(scope, receive), read)
        if answer is None:
            await self.app(scope, replayed(read, receive), send)
        else:
            await answer(scope, receive, send)
