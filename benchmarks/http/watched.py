"""The service, or the floor, with a heartbeat in its event loop.

A callback that is due every millisecond runs late by as long as something else kept the loop:
our own Python, waiting for the interpreter's lock, a pause of the garbage collector, or the
machine's other processes. `GET /beats` tells how late, and forgets it.
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

PATH: Final = "/beats"
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
        self._late: list[float] = []
        self._last: float | None = None
        self._worked = self._most_work = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but the question how late the loop was."""
        if self._last is None:
            self._beat(asyncio.get_running_loop())
        if scope["type"] == "http" and scope["path"] == PATH:
            await answer(send, 200, json.dumps(asdict(self._lateness())).encode())
        else:
            await self.app(scope, receive, send)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        if self._last is not None:
            self._late.append(now - self._last - _BEAT_SECONDS)
            self._most_work = max(self._most_work, worked - self._worked)
        self._last, self._worked = now, worked
        loop.call_later(_BEAT_SECONDS, self._beat, loop)

    def _lateness(self) -> Lateness:
        """Return what was found since the last time."""
        ordered = sorted(self._late) or [0.0]
        most_work, self._late, self._most_work = self._most_work, [], 0.0
        return Lateness(
            n_beats=len(ordered),
            p999_ms=1e3 * ordered[round(0.999 * (len(ordered) - 1))],
            largest_ms=1e3 * ordered[-1],
            work_ms=1e3 * most_work,
        )


def app_from_environment() -> Watched:
    """Return the service of the deployment that the environment describes."""
    from api.main import app_from_environment as service_from_environment

    return Watched(service_from_environment())


def watched_floor() -> Watched:
    """Return the floor on the database that the environment names: what the machine itself does."""
    return Watched(floor_from_environment())
