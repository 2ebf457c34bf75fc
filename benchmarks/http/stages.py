"""Each stage of a request, run by itself in this process and timed: alone, or for many at once."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

from api.asgi import ASGIApp
from api.reading import read_plain_lead
from leadqual.leads.flat import flatten_lead
from leadqual.leads.normalise import normalise
from leadqual.leads.schema import Lead, RawLead
from leadqual.qualify.scoring import ScoreTable, score_snapshots
from leadqual.routing.decision import Decision
from leadqual.services.admission import Admission, Arrival, ScoredArrival
from leadqual.services.calls import Call
from leadqual.services.intake import API_FEED, Intake, IntakeResult
from leadqual.services.placement import NO_CHANCE, Case, Placement, route
from leadqual.services.scoring import Scored, Snapshot
from leadqual.services.serving import Serving
from leadqual.store import Tx

X = TypeVar("X")
Y = TypeVar("Y")

_MICRO: Final = 1e6
_KEY: Final = b"a suppression key of a benchmark"
_PREPARED: Final = "store/prepared.py"


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of one request: as the clock goes, and on a processor.

    The second leaves out waiting, for the disk and for other processes.
    """

    wall: float
    cpu: float

    def __sub__(self, other: Cost) -> Cost:
        """Return what is left."""
        return Cost(self.wall - other.wall, self.cpu - other.cpu)

    def __add__(self, other: Cost) -> Cost:
        """Return both together."""
        return Cost(self.wall + other.wall, self.cpu + other.cpu)

    def per(self, size: int) -> Cost:
        """Return the share of one in a group."""
        return Cost(self.wall / size, self.cpu / size)


Stages = dict[str, Cost]
"""What each stage of one request costs, in the order in which they come."""


class Watch:
    """Collect what repeated work costs on this thread."""

    def __init__(self) -> None:
        self._walls: list[float] = []
        self._cpus: list[float] = []

    @contextmanager
    def lap(self) -> Iterator[None]:
        """Time one repetition."""
        wall, cpu = time.perf_counter(), time.thread_time()
        yield
        self._cpus.append(time.thread_time() - cpu)
        self._walls.append(time.perf_counter() - wall)

    def median(self) -> Cost:
        """Return the median of the repetitions."""
        return Cost(_MICRO * median(self._walls), _MICRO * median(self._cpus))


@dataclass(frozen=True, slots=True)
class Written:
    """What it took to write one of a group of leads: medians, and what is behind them.

    `driver` is what the database driver took of `admit`, by a profiler; `stats` is where the
    processor's time went for `n_leads` leads; `n_statements` are those of a group.
    """

    admit: Cost
    transaction: Cost
    driver: Cost
    n_statements: float
    n_leads: int
    stats: pstats.Stats
    results: list[IntakeResult]


def timed(work: Callable[[X], Y], items: Sequence[X]) -> tuple[Cost, list[Y]]:
    """Return the median cost of `work` over the items, and its results."""
    watch, found = Watch(), []
    for item in items:
        with watch.lap():
            result = work(item)
        found.append(result)
    return watch.median(), found


def time_reading(
    serving: Serving, bodies: Sequence[bytes], *, size: int
) -> tuple[Stages, list[list[Lead]]]:
    """Take bodies to leads, and put those into groups."""
    now = serving.clock()
    stages: Stages = {}
    stages["read and validate (RawLead)"], found = timed(read_plain_lead, bodies)
    raws = [raw for raw in found if raw is not None]
    stages["normalise (Lead)"], cleaned = timed(lambda raw: normalise(raw, now=now), raws)
    leads = [lead for lead in cleaned if isinstance(lead, Lead)]
    return stages, [leads[start : start + size] for start in range(0, len(leads) + 1 - size, size)]


def time_scoring(
    serving: Serving, groups: Sequence[Sequence[Lead]]
) -> tuple[Stages, list[list[Scored]]]:
    """Take leads to scores with reasons."""
    live, now, size = serving.scorer.live, serving.clock(), len(groups[0])
    bundle = live.bundle
    if bundle is None:
        raise RuntimeError("no model is live; the deployment is broken")

    def score(snapshots: Sequence[Snapshot], *, explain: bool) -> ScoreTable:
        return score_snapshots(
            bundle,
            snapshots,
            policy=live.standard.scoring_policy,
            scored_at=now,
            explain=explain,
        )

    flatten, snapshots = timed(lambda leads: [flatten_lead(lead) for lead in leads], groups)
    encoding, _ = timed(bundle.encoder.encode_snapshots, snapshots)
    plain, _ = timed(lambda some: score(some, explain=False), snapshots)
    explained, tables = timed(lambda some: score(some, explain=True), snapshots)
    records, scores = timed(lambda found: list(found.rows()), tables)
    stages = {
        "flatten": flatten,
        "encode (derive, look up, scale)": encoding,
        "heads, stages, amount, grade": plain - encoding,
        "reasons: contributions, choice": explained - plain,
        "reasons: words, LeadScore": records,
    }
    scored = [
        [Scored(*parts, live.standard) for parts in zip(found, known, strict=True)]
        for found, known in zip(scores, snapshots, strict=True)
    ]
    return {name: cost.per(size) for name, cost in stages.items()}, scored


def time_decisions(serving: Serving, cases: Sequence[Case]) -> tuple[Cost, list[Decision]]:
    """Return what one decision costs, and the decisions."""
    now = serving.clock()
    return timed(lambda case: route(case, now=now, draw=NO_CHANCE, n_queued_today=0), cases)


def time_writing(serving: Serving, groups: Sequence[Sequence[Lead]]) -> Written:
    """Write groups of leads, a third of them timed, the others under a profiler of either clock.

    Each group has a transaction of its own, on this thread. The costs are those of one lead.
    """
    now, size = serving.clock(), len(groups[0])
    admission = Admission(serving.scorer, Placement(lambda: NO_CHANCE), suppression_key=_KEY)
    prepared = [
        admission.prepare([Arrival(lead, API_FEED, now) for lead in group]) for group in groups
    ]
    watch = Watch()

    def write(items: Sequence[ScoredArrival]) -> list[object]:
        with serving.store.transaction() as tx, watch.lap():
            return list(admission.write(tx, items))

    third = len(prepared) // 3
    whole, answers = timed(write, prepared[:third])
    admit = watch.median()
    by_wall = _profiled(write, prepared[third : 2 * third], clock=time.perf_counter)
    by_cpu = _profiled(write, prepared[2 * third : 3 * third], clock=time.thread_time)
    n_statements, wall = _driver(by_wall)
    _, cpu = _driver(by_cpu)
    return Written(
        admit=admit.per(size),
        transaction=(whole - admit).per(size),
        driver=Cost(_MICRO * wall / third, _MICRO * cpu / third).per(size),
        n_statements=n_statements / third,
        n_leads=third * size,
        stats=by_cpu,
        results=[one for some in answers for one in some if isinstance(one, IntakeResult)],
    )


def _profiled(
    work: Callable[[X], object], items: Sequence[X], *, clock: Callable[[], float]
) -> pstats.Stats:
    profiler = cProfile.Profile(clock)
    for item in items:
        profiler.runcall(work, item)
    return pstats.Stats(profiler)


def _driver(stats: pstats.Stats) -> tuple[int, float]:
    """Return how often statements were run, and the seconds in the driver's methods."""
    profile: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]  # typeshed leaves it out
    n_statements, seconds = 0, 0.0
    for (_, _, name), (_, _, _, _, callers) in profile.items():
        if not any(word in name for word in ("execute", "fetchall")):
            continue
        for (file, _, _), (n_calls, _, _, cumulative) in callers.items():
            if Path(file).as_posix().endswith(_PREPARED):
                n_statements += n_calls if "execute" in name else 0
                seconds += cumulative
    return n_statements, seconds


async def time_hand_over(serving: Serving, n_times: int) -> Cost:
    """Return what it costs to go to the writer's thread and back; on this thread's processor."""
    watch = Watch()
    for _ in range(n_times):
        with watch.lap():
            await asyncio.wrap_future(serving.writer.submit(_nothing))
    empty, _ = timed(lambda _: _begin_and_end(serving), range(n_times))
    found = watch.median()
    return Cost(found.wall - empty.wall, found.cpu)


def _nothing(_: Tx) -> None:
    """Write nothing."""


def _begin_and_end(serving: Serving) -> None:
    with serving.store.transaction() as tx, tx.savepoint():
        pass


def time_answer(results: Sequence[IntakeResult]) -> Cost:
    """Return what writing one answer as JSON costs; an answer keeps what it was written as."""
    cost, _ = timed(lambda result: result.json, [replace(result) for result in results])
    return cost


class AtOnce(Intake):
    """An intake that says the same of every lead, so that only the path to it costs anything."""

    def __init__(self, result: IntakeResult) -> None:
        self._result = result

    async def take(self, raw: RawLead, *, call: Call, feed: str = API_FEED) -> IntakeResult:  # noqa: ARG002 - as the intake has it
        """Return the result."""
        return self._result


@dataclass(frozen=True)
class InProcess:
    """The whole application without sockets: requests as an ASGI server would hand them in."""

    app: ASGIApp
    key: str

    async def ask(self, method: str, path: str, body: bytes) -> int:
        """Return the status of the answer."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (b"host", b"127.0.0.1"),
                (b"content-type", b"application/json"),
                (b"authorization", f"Bearer {self.key}".encode()),
                (b"content-length", str(len(body)).encode()),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        statuses = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:  # noqa: ANN401 - the signature of ASGI
            if message["type"] == "http.response.start":
                statuses.append(int(message["status"]))

        await self.app(scope, receive, send)
        return statuses[0]

    async def time_asking(
        self, method: str, path: str, bodies: Sequence[bytes], *, size: int = 1
    ) -> Cost:
        """Return what one of `size` requests at a time costs; the processor's time of all threads.

        Raises
        ------
        RuntimeError
            An answer was neither 200 nor 201.
        """
        watch, started = Watch(), time.process_time()
        for start in range(0, len(bodies) + 1 - size, size):
            with watch.lap():
                asked = [self.ask(method, path, body) for body in bodies[start : start + size]]
                statuses = set(await asyncio.gather(*asked))
            if not statuses <= {200, 201}:
                raise RuntimeError(f"{method} {path} answered {statuses}; expected are 200 and 201")
        n_asked = len(bodies) // size * size
        cpu = (time.process_time() - started) / n_asked
        return Cost(watch.median().wall / size, _MICRO * cpu)
