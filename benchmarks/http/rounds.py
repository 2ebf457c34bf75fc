"""Interleaved rounds over all servers, and what the client measured in each."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

from benchmarks.http import watched
from benchmarks.http.client import Load, Measured
from benchmarks.http.recording import record_rows
from benchmarks.http.watched import Lateness
from benchmarks.peers.floor import DATABASE
from benchmarks.peers.validate import BARE
from benchmarks.serving import (
    ROOT,
    Command,
    Deployment,
    free_port,
    leadqual_command,
    started,
    uvicorn_command,
    wait_until_listening,
)

SHARE_OF_CAPACITY: Final = 0.5
"""Open loops ask for this share of what the slower of the service and the peer can do."""


class Server(StrEnum):
    """A process that is measured."""

    LEADQUAL = "leadqual"
    FLOOR = "floor"
    SAME_ROWS = "same_rows"
    VALIDATE = "validate"
    ECHO = "echo"
    NAIVE = "naive"
    WATCHED = "watched"
    WATCHED_FLOOR = "watched_floor"


@dataclass(frozen=True, slots=True)
class Peer:
    """One path of one server."""

    name: str
    server: Server
    path: str = "/"


LEADS: Final = Peer("leadqual POST /v1/leads", Server.LEADQUAL, "/v1/leads")
SCORE: Final = Peer("leadqual POST /v1/score", Server.LEADQUAL, "/v1/score")
SAME_ROWS: Final = Peer("floor of the same rows", Server.SAME_ROWS)
"""What the service writes for a lead, into its schema, by the bare driver."""

FLOOR: Final = Peer("floor of the body alone", Server.FLOOR)
"""The bytes of the request, into one table: the harder reading of the same words."""

VALIDATE: Final = Peer("pydantic only, FastAPI", Server.VALIDATE)
BARE_VALIDATE: Final = Peer("pydantic only, bare ASGI", Server.VALIDATE, BARE)
ECHO: Final = Peer("echo, bare ASGI", Server.ECHO)
NAIVE: Final = Peer("naive FastAPI + DataFrame", Server.NAIVE, "/predict")
PEERS: Final = (LEADS, SCORE, SAME_ROWS, FLOOR, VALIDATE, BARE_VALIDATE, ECHO, NAIVE)

WATCHED_LEADS: Final = Peer("leadqual POST /v1/leads", Server.WATCHED, "/v1/leads")
WATCHED_SCORE: Final = Peer("leadqual POST /v1/score", Server.WATCHED, "/v1/score")
WATCHED_FLOOR: Final = Peer(
    "floor of the body, which hardly blocks: the machine", Server.WATCHED_FLOOR
)
WATCHED: Final = (WATCHED_LEADS, WATCHED_SCORE, WATCHED_FLOOR)
"""Where the event loop has a heartbeat: servers of their own, so that the others have none."""

_TAKES_KEY: Final = frozenset({Server.LEADQUAL, Server.WATCHED})
_OF_A_PROCESS: Final = 2
"""Makes a process id a clock: see `clock_getcpuclockid` in the C library."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: seconds per run, runs per figure, seconds of warming up per peer.

    Each run begins with a load of `ahead_seconds` that does not count: six other servers ran
    since the last one, and their first requests would find cold caches.
    """

    connections: tuple[int, ...] = (1, 16, 64)
    watched_connections: tuple[int, ...] = (16, 64)
    closed_seconds: float = 2.0
    open_seconds: float = 1.5
    n_rounds: int = 5
    warm_seconds: float = 1.0
    ahead_seconds: float = 0.2


QUICK: Final = Effort(
    connections=(1, 16),
    watched_connections=(16,),
    closed_seconds=0.1,
    open_seconds=0.1,
    n_rounds=1,
    warm_seconds=0.05,
    ahead_seconds=0.01,
)

Runs = dict[Peer, list[Measured]]
"""What was measured of each peer, one result per round."""


Beats = dict[Peer, list[Lateness]]
"""How late event loops were, one result per round."""


@dataclass(frozen=True)
class Results:
    """Everything that was measured, by the number of connections; rates are per second."""

    closed: dict[int, Runs] = field(default_factory=dict)
    opened: dict[int, Runs] = field(default_factory=dict)
    rates: dict[int, dict[Peer, float]] = field(default_factory=dict)
    beats: dict[int, Beats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    port: int
    pid: int

    def processor_seconds(self) -> float:
        """Return the processor time that its process took so far, of all threads; Linux only."""
        return time.clock_gettime((~self.pid << 3) | _OF_A_PROCESS)

    def watch(self) -> None:
        """Begin to note how late the loop of a watched server is."""
        self._ask(watched.BEGIN)

    def lateness(self) -> Lateness:
        """Return how late the loop of a watched server was since then, and watch no longer."""
        return Lateness(**self._ask(watched.END))

    def _ask(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as found:
            return cast("dict[str, Any]", json.load(found))


class Client:
    """The client's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def measure(self, load: Load) -> Measured:
        """Send a load and return what was measured.

        Raises
        ------
        RuntimeError
            The client ended: an answer was wrong, see its message above.
        """
        sink, source = self._process.stdin, self._process.stdout
        if sink is None or source is None:
            raise RuntimeError("the client was started without pipes")
        sink.write(json.dumps(asdict(load)) + "\n")
        sink.flush()
        line = source.readline()
        if not line:
            raise RuntimeError(f"the client ended while it measured {load.path}; see above")
        return Measured(**json.loads(line))


@contextmanager
def client_process(bodies: Path) -> Iterator[Client]:
    """Run a client over a file of leads until the block ends."""
    command = (sys.executable, "-m", "benchmarks.http.client", str(bodies))
    with subprocess.Popen(  # noqa: S603 - our own module
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Client(process)


def _commands(ports: Mapping[Server, int]) -> Iterator[tuple[Server, Command]]:
    """Yield how each server is started."""
    for server in (Server.VALIDATE, Server.ECHO, Server.NAIVE):
        yield server, uvicorn_command(f"benchmarks.peers.{server.value}:app", ports[server])
    for server, factory in (
        (Server.FLOOR, "benchmarks.peers.floor:app_from_environment"),
        (Server.SAME_ROWS, "benchmarks.peers.same_rows:app_from_environment"),
        (Server.WATCHED_FLOOR, f"{watched.__name__}:watched_floor"),
    ):
        yield server, uvicorn_command(factory, ports[server], is_factory=True)
    yield Server.LEADQUAL, leadqual_command(ports[Server.LEADQUAL])
    of_watched = f"{watched.__name__}:app_from_environment"
    yield Server.WATCHED, leadqual_command(ports[Server.WATCHED], app=of_watched)


@contextmanager
def serve_all(deployment: Deployment, floor_url: str | None) -> Iterator[Mapping[Server, Running]]:
    """Run every server until the block ends."""
    ports = {server: free_port() for server in Server}
    environment = {**deployment.environment, **record_rows(deployment)}
    if floor_url is not None:
        environment[DATABASE] = floor_url
    with ExitStack() as stack:
        logs = {server: deployment.folder / f"{server.value}.log" for server in Server}
        processes = {
            server: stack.enter_context(started(command, environment=environment, log=logs[server]))
            for server, command in _commands(ports)
        }
        for server, process in processes.items():
            wait_until_listening(process, ports[server], logs[server])
        yield {server: Running(ports[server], process.pid) for server, process in processes.items()}


def measure_all(
    deployment: Deployment, effort: Effort, results: Results, *, floor_url: str | None = None
) -> Iterator[tuple[str, int]]:
    """Measure every peer in closed and open loops; the order of peers turns with each round.

    Parameters
    ----------
    results : Results
        Gets what is measured.
    floor_url : str, optional
        The floor's database; SQLite without one.

    Yields
    ------
    tuple of str and int
        Which part of the results is complete now: the name of its field and its connections.
    """
    with (
        serve_all(deployment, floor_url) as servers,
        client_process(deployment.bodies) as client,
    ):
        plan = _Plan(client, servers, deployment.key)
        for peer in (*PEERS, *WATCHED):
            plan.run(peer, n_connections=4, seconds=effort.warm_seconds)
        for n_connections in effort.connections:
            results.closed[n_connections] = plan.rounds(effort, n_connections)
            results.rates[n_connections] = _rates(results.closed[n_connections])
            yield "closed", n_connections
        for n_connections in effort.watched_connections:
            results.beats[n_connections] = plan.beats(effort, n_connections)
            yield "beats", n_connections
        for n_connections, rates in results.rates.items():
            results.opened[n_connections] = plan.rounds(effort, n_connections, rates=rates)
            yield "opened", n_connections


@dataclass(frozen=True, slots=True)
class _Plan:
    client: Client
    servers: Mapping[Server, Running]
    key: str

    def rounds(
        self, effort: Effort, n_connections: int, *, rates: Mapping[Peer, float] | None = None
    ) -> Runs:
        """Measure each peer once per round, in open loops where there are rates."""
        seconds = effort.closed_seconds if rates is None else effort.open_seconds
        runs: Runs = {peer: [] for peer in PEERS}
        for number in range(effort.n_rounds):
            for peer in PEERS if number % 2 == 0 else reversed(PEERS):
                rate = None if rates is None else rates[peer]
                self.run(peer, n_connections=n_connections, seconds=effort.ahead_seconds)
                runs[peer].append(
                    self.run(peer, n_connections=n_connections, seconds=seconds, rate=rate)
                )
        return runs

    def beats(self, effort: Effort, n_connections: int) -> Beats:
        """Measure how late the loops of watched servers are under load, once per round."""
        found: Beats = {peer: [] for peer in WATCHED}
        for number in range(effort.n_rounds):
            for peer in WATCHED if number % 2 == 0 else reversed(WATCHED):
                server = self.servers[peer.server]
                self.run(peer, n_connections=n_connections, seconds=effort.ahead_seconds)
                server.watch()
                self.run(peer, n_connections=n_connections, seconds=effort.closed_seconds)
                found[peer].append(server.lateness())
        return found

    def run(
        self, peer: Peer, *, n_connections: int, seconds: float, rate: float | None = None
    ) -> Measured:
        """Measure a peer once."""
        server = self.servers[peer.server]
        load = Load(
            port=server.port,
            path=peer.path,
            n_connections=n_connections,
            seconds=seconds,
            key=self.key if peer.server in _TAKES_KEY else "",
            rate=rate,
        )
        before = server.processor_seconds()
        measured = self.client.measure(load)
        spent = server.processor_seconds() - before
        return replace(measured, cpu_us=1e6 * spent / measured.n_answers)


def _rates(closed: Runs) -> dict[Peer, float]:
    """Return what to ask of each peer: half of what it and the service can both do."""
    capacity = {peer: median(run.per_second for run in runs) for peer, runs in closed.items()}
    return {
        peer: max(1.0, SHARE_OF_CAPACITY * min(able, capacity[LEADS]))
        for peer, able in capacity.items()
    }
