"""The outermost application: plain requests of direct calls are answered here, all others behind.

FastAPI looks for the route, reads the body, solves dependencies and checks the answer in many
times what the work behind takes. So a request that could not be plainer passes here once: its
key, its rate, its body and the call itself, then the headers of every answer. Whatever is unusual
or goes wrong is handed over with what was done already; each refusal is written there, and
nowhere else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Final

from api.asgi import ASGIApp, Receive, Scope, Send, receive_in_time, replayed
from api.direct import DIRECT_CALLS, IDEMPOTENCY_KEY, Answer, DirectCall, Handed, hand_over
from api.dressing import FRESH, request_id_of, security_headers
from api.keys import presented_key, verify_key
from api.rates import RateLimit
from api.reading import read_plain_lead
from api.tally import Tally
from api.turns import Turns
from leadqual.leads.schema import Rejected
from leadqual.services.calls import Call, Principal
from leadqual.services.idempotent import Once
from leadqual.services.serving import Serving

_JSON: Final = b"application/json"
_JSON_TYPE: Final = (b"content-type", _JSON)
_MAX_DIGITS: Final = 20
_PLAIN_KEY: Final = re.compile(IDEMPOTENCY_KEY.encode())


class Front:
    """Answer plain requests of direct calls; hand all others over.

    Parameters
    ----------
    serving : Serving
        The services.
    behind : ASGIApp
        The whole application, which answers the direct calls as well.
    tally : Tally
        Where answers are counted.
    key_rate : RateLimit
        How often a key may call; counted in both.
    """

    def __init__(
        self, serving: Serving, *, behind: ASGIApp, tally: Tally, key_rate: RateLimit
    ) -> None:
        self._serving = serving
        self._behind = behind
        self._tally = tally
        self._turns = Turns()
        self._key_rate = key_rate
        self._max_bytes = serving.settings.max_body_bytes
        self._calls = {call.path: call for call in DIRECT_CALLS}
        self._headers = [*security_headers(is_https=serving.settings.secure_cookies), FRESH]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it be answered."""
        if scope["type"] == "http" and scope["method"] == "POST":
            call = self._calls.get(scope["path"])
            if call is not None:
                await self._answer(scope, receive, send, call=call)
                return
        await self._behind(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, *, call: DirectCall
    ) -> None:
        handed = Handed(call, time.perf_counter())
        await self._turns.begin()
        headers = dict(reversed(scope["headers"]))  # the first of a name counts
        try:
            answer = await self._try(handed, headers, receive)
        except Exception as error:  # noqa: BLE001 - answered, or logged without its message, behind
            handed.outcome, answer = error, None
        if answer is None:
            hand_over(scope, handed)
            await self._behind(scope, replayed(handed.messages, receive), send)
            return
        status, body = answer
        start = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-length", b"%d" % len(body)),
                _JSON_TYPE,
                (b"x-request-id", request_id_of(headers.get(b"x-request-id"))),
                *self._headers,
            ],
        }
        await send(start)
        await send({"type": "http.response.body", "body": body})
        seconds = time.perf_counter() - handed.started
        self._tally.note(call.path, status=status, seconds=seconds)

    async def _try(
        self, handed: Handed, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Answer | None:
        """Return the answer to a plain request, None for all others; both note what was done."""
        key = presented_key(headers.get(b"authorization"))
        if key is None or not self._is_plain(headers):
            return None
        principal = await verify_key(self._serving, key)
        handed.call.rule.check(principal)
        if self._key_rate.wait_of(principal.name):
            return None
        handed.principal = principal
        body = await self._read(receive, handed)
        raw = None if body is None else read_plain_lead(body)
        if body is None or raw is None:
            return None
        call = self._call(handed.call, principal, headers=headers, body=body)
        if call is None:
            return None
        origin = headers.get(b"origin")
        answer = await handed.call.act(
            self._serving,
            raw,
            call=call,
            origin=None if origin is None else origin.decode("latin-1"),
        )
        if isinstance(answer, Rejected):
            handed.outcome = answer
            return None
        return answer

    def _is_plain(self, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a body is declared as JSON, and not as larger than it may be."""
        declared = headers.get(b"content-type", b"")
        if declared != _JSON and declared.partition(b";")[0].strip().lower() != _JSON:
            return False
        length = headers.get(b"content-length", b"0")
        return len(length) <= _MAX_DIGITS and length.isdigit() and int(length) <= self._max_bytes

    async def _read(self, receive: Receive, handed: Handed) -> bytes | None:
        """Return a body that comes in one piece and in time, and is not too large, else None."""
        try:
            message = await receive_in_time(receive, started=handed.started)
        except TimeoutError:
            return None
        handed.messages.append(message)
        if message["type"] != "http.request" or message.get("more_body", False):
            return None
        body: bytes = message.get("body", b"")
        return body if len(body) <= self._max_bytes else None

    def _call(
        self,
        direct: DirectCall,
        principal: Principal,
        *,
        headers: Mapping[bytes, bytes],
        body: bytes,
    ) -> Call | None:
        """Return who calls and when, or None when the idempotency key is to be refused."""
        now = self._serving.clock()
        key = headers.get(b"idempotency-key") if direct.is_writing else None
        if key is None:
            return Call(principal, now)
        if _PLAIN_KEY.fullmatch(key) is None:
            return None
        scope = f"{principal.name}:POST {direct.path}"
        return Call(principal, now, Once.of(key.decode(), scope=scope, body=body))
