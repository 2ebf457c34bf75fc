"""A process that posts leads over raw keep-alive connections and measures the answers.

Commands come in as JSON lines, results go out as JSON lines; see `Load`. A client of a library
costs more than the servers that are to be measured.
"""

from __future__ import annotations

import asyncio
import json
import math
import selectors
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

import uvloop

GOOD: Final = frozenset({b"200", b"201"})
MAX_LATE: Final = 2.0
"""An open loop ends after this many times its planned length, whatever is still to be sent."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


@dataclass(frozen=True, slots=True)
class Load:
    """What to send where.

    Without `rate` each connection sends when it got its answer (closed loop). With one, requests
    are due at a constant rate whatever the server does, each goes out on the first free
    connection, and its latency counts from when it was due (open loop).
    """

    port: int
    path: str
    n_connections: int
    seconds: float
    key: str = ""
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What came back. Latencies in milliseconds; `n_created` were answered with 201.

    `cpu_us` is what an answer cost the server's process on a processor, in microseconds: what
    other processes do hardly moves it. The client does not know it.
    """

    n_answers: int
    n_created: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float = math.nan


class Requests:
    """Leads nobody sent before: in each lap through the file other people with other ids.

    Parameters
    ----------
    bodies : Path
        Leads as JSON, one per line.
    """

    def __init__(self, bodies: Path) -> None:
        self._bodies = bodies.read_bytes().splitlines()
        self._n_sent = 0

    def next_body(self) -> bytes:
        """Return the next body."""
        lap, number = divmod(self._n_sent, len(self._bodies))
        self._n_sent += 1
        body = self._bodies[number]
        if lap == 0:
            return body
        mark = b"%d" % lap
        return body.replace(b'"live-', b'"live%s-' % mark).replace(b"@", b".%s@" % mark)


@dataclass(slots=True)
class Run:
    """One load under way."""

    load: Load
    requests: Requests
    head: bytes
    started: float = 0.0
    ended: float = 0.0
    n_due: int = 0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[bytes] = field(default_factory=Counter)

    def next_due(self, now: float) -> float | None:
        """Return when the next request is due, or None when no more are to be sent."""
        rate, seconds = self.load.rate, self.load.seconds
        if rate is None:
            return now if now < self.started + seconds else None
        due = self.started + self.n_due / rate
        self.n_due += 1
        is_over = due >= self.started + seconds or now >= self.started + MAX_LATE * seconds
        return None if is_over else due

    def next_request(self) -> bytes:
        """Return the bytes of the next request."""
        body = self.requests.next_body()
        return b"%s%d\r\n\r\n%s" % (self.head, len(body), body)


class Connection(asyncio.Protocol):
    """Send one request after another on one connection until its run is over."""

    def __init__(self, run: Run, loop: asyncio.AbstractEventLoop) -> None:
        self._run = run
        self._loop = loop
        self._due = 0.0
        self._received = b""
        self.over: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _: Exception | None) -> None:
        """End the run: a server that closes a connection is not measured further."""
        if not self.over.done():
            self.over.set_exception(RuntimeError("the server closed a connection"))

    def go_on(self) -> None:
        """Send the next request when it is due, or end."""
        now = time.perf_counter()
        due = self._run.next_due(now)
        if due is None:
            if not self.over.done():
                self.over.set_result(None)
            return
        self._due = due
        if due > now:
            self._loop.call_later(due - now, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._transport.write(self._run.next_request())

    def data_received(self, data: bytes) -> None:
        """Take a piece of an answer; when it is whole, note it and go on."""
        self._received = self._received + data if self._received else data
        end = self._received.find(_END_OF_HEAD)
        if end < 0:
            return
        if len(self._received) < end + len(_END_OF_HEAD) + _body_length(self._received[:end]):
            return
        now = self._run.ended = time.perf_counter()
        self._run.latencies.append(now - self._due)
        self._run.statuses[self._received[9:12]] += 1
        self._received = b""
        self.go_on()


def _body_length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(_LENGTH) + len(_LENGTH)
    end = lowered.find(b"\r\n", start)
    return int(lowered[start:] if end < 0 else lowered[start:end])


async def measure(load: Load, requests: Requests) -> Measured:
    """Send a load and return what came back.

    Raises
    ------
    RuntimeError
        An answer was neither 200 nor 201, or there was none.
    """
    loop = asyncio.get_running_loop()
    run = Run(load, requests, _head(load))
    opened = [
        await loop.create_connection(lambda: Connection(run, loop), "127.0.0.1", load.port)
        for _ in range(load.n_connections)
    ]
    connections = [connection for _, connection in opened]
    run.started = time.perf_counter()
    for connection in connections:
        connection.go_on()
    await asyncio.gather(*(connection.over for connection in connections))
    for transport, _ in opened:
        transport.close()
    return _summarise(run)


def _head(load: Load) -> bytes:
    """Return the head of every request, up to the length of its body."""
    lines = [
        f"POST {load.path} HTTP/1.1",
        f"Host: 127.0.0.1:{load.port}",
        "Content-Type: application/json",
        *([f"Authorization: Bearer {load.key}"] if load.key else []),
        "Content-Length: ",
    ]
    return "\r\n".join(lines).encode()


def _summarise(run: Run) -> Measured:
    bad = {status.decode(): n for status, n in run.statuses.items() if status not in GOOD}
    if bad or not run.latencies:
        raise RuntimeError(f"{run.load.path} answered {bad or 'nothing'}; 200 or 201 is expected")
    ordered = sorted(run.latencies)
    n_answers = len(ordered)
    return Measured(
        n_answers=n_answers,
        n_created=run.statuses[b"201"],
        per_second=n_answers / (run.ended - run.started),
        p50_ms=1e3 * ordered[n_answers // 2],
        p99_ms=1e3 * ordered[min(n_answers - 1, round(0.99 * n_answers))],
    )


def _loop_of(load: Load) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the faster loop, or for a schedule the one whose clock is finer than 1 ms."""
    if load.rate is None:
        return uvloop.new_event_loop
    return lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())


def results(requests: Requests, commands: Iterator[str]) -> Iterator[str]:
    """Yield the result of each command."""
    for line in commands:
        load = Load(**json.loads(line))
        with asyncio.Runner(loop_factory=_loop_of(load)) as runner:
            yield json.dumps(asdict(runner.run(measure(load, requests))))


def main() -> None:
    """Serve commands from standard input; the file of bodies is the argument."""
    for line in results(Requests(Path(sys.argv[1])), sys.stdin):
        print(line, flush=True)


if __name__ == "__main__":
    main()
