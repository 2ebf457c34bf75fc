"""The service, or the floor, with a heartbeat in its event loop.

A callback that is due every millisecond runs late by as long as something else kept the loop:
our own Python, waiting for the interpreter's lock, a pause of the garbage collector, or the
machine's other processes. `GET /begin` begins, `GET /end` tells how late and ends it: a heart that
goes on would slow whoever is measured next.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.peers.asgi import answer
from benchmarks.peers.floor import app_from_environment as floor_from_environment

BEGIN: Final = "/begin"
END: Final = "/end"
_BEAT_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True)
class Lateness:
    """How long the loop was kept from a beat, in ms: from all but one in 1,000, and at most.

    `work_ms` is the most that the loop's own thread did on a processor between two beats: what is
    above that was waiting, for the interpreter or for the machine.
    """

    n_beats: int
    p999_ms: float
    largest_ms: float
    work_ms: float


class Watched:
    """An application that notes how late its event loop is.

    Parameters
    ----------
    app : ASGIApp
        The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._next: asyncio.TimerHandle | None = None
        self._late: list[float] = []
        self._last = self._worked = self._most_work = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but what is about the heart."""
        path = scope["path"] if scope["type"] == "http" else None
        if path == BEGIN:
            self._begin(asyncio.get_running_loop())
            await answer(send, 200, b"{}")
        elif path == END:
            await answer(send, 200, json.dumps(asdict(self._end())).encode())
        else:
            await self.app(scope, receive, send)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._late, self._most_work = [], 0.0
        self._last, self._worked = time.perf_counter(), time.thread_time()
        self._next = loop.call_later(_BEAT_SECONDS, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self._late.append(now - self._last - _BEAT_SECONDS)
        self._most_work = max(self._most_work, worked - self._worked)
        self._last, self._worked = now, worked
        self._next = loop.call_later(_BEAT_SECONDS, self._beat, loop)

    def _end(self) -> Lateness:
        """Stop, and return what was found."""
        if self._next is not None:
            self._next.cancel()
        ordered = sorted(self._late) or [0.0]
        return Lateness(
            n_beats=len(ordered),
            p999_ms=1e3 * ordered[round(0.999 * (len(ordered) - 1))],
            largest_ms=1e3 * ordered[-1],
            work_ms=1e3 * self._most_work,
        )


def app_from_environment() -> Watched:
    """Return the service of the deployment that the environment describes."""
    from api.main import app_from_environment as service_from_environment

    return Watched(service_from_environment())


def watched_floor() -> Watched:
    """Return the floor on the database that the environment names: what the machine itself does."""
    return Watched(floor_from_environment())
