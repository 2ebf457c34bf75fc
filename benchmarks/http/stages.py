"""Each stage of one `POST /v1/leads`, run by itself in this process and timed."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

from fastapi import FastAPI
from pydantic import TypeAdapter

from api.strict import load_json
from leadqual.leads.flat import flatten_lead
from leadqual.leads.normalise import normalise
from leadqual.leads.schema import Lead, RawLead
from leadqual.qualify.score import LeadScore
from leadqual.qualify.scoring import ScoreTable, score_columns
from leadqual.services.admission import Admission, Arrival
from leadqual.services.intake import API_FEED, IntakeResult
from leadqual.services.placement import NO_CHANCE, Case, Placement, route
from leadqual.services.scoring import Scored, Snapshot, columns_of
from leadqual.services.serving import Serving
from leadqual.store import Tx

X = TypeVar("X")
Y = TypeVar("Y")

_MICRO: Final = 1e6
_RESULT: Final[TypeAdapter[IntakeResult]] = TypeAdapter(IntakeResult)
_KEY: Final = b"a suppression key of a benchmark"
_PREPARED: Final = ("store/prepared.py", "run")


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
class Admitted:
    """What it took to write leads: medians, and what is behind them.

    `driver` is what the database driver took of `admit`, by a profiler; `stats` is where the
    processor's time went.
    """

    admit: Cost
    transaction: Cost
    driver: Cost
    n_statements: float
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


def time_reading(serving: Serving, bodies: Sequence[bytes]) -> tuple[Stages, list[Lead]]:
    """Take bodies to leads."""
    now = serving.clock()
    stages: Stages = {}
    stages["read JSON strictly"], trees = timed(load_json, bodies)
    stages["validate (RawLead)"], raws = timed(RawLead.model_validate, trees)
    stages["normalise (Lead)"], found = timed(lambda raw: normalise(raw, now=now), raws)
    return stages, [lead for lead in found if isinstance(lead, Lead)]


def time_scoring(serving: Serving, leads: Sequence[Lead]) -> tuple[Stages, list[Scored]]:
    """Take leads to scores with reasons."""
    live, now = serving.scorer.live, serving.clock()
    bundle = live.bundle
    if bundle is None:
        raise RuntimeError("no model is live; the deployment is broken")

    def score(snapshot: Snapshot, *, explain: bool) -> ScoreTable:
        return score_columns(
            bundle,
            columns_of([snapshot]),
            n_leads=1,
            policy=live.standard.scoring_policy,
            scored_at=now,
            explain=explain,
        )

    def encode(snapshot: Snapshot) -> object:
        return bundle.encoder.encode(columns_of([snapshot]), n_leads=1)

    flatten, snapshots = timed(flatten_lead, leads)
    encoding, _ = timed(encode, snapshots)
    plain, _ = timed(lambda snapshot: score(snapshot, explain=False), snapshots)
    explained, tables = timed(lambda snapshot: score(snapshot, explain=True), snapshots)
    rows, scores = timed(_first_row, tables)
    stages = {
        "flatten": flatten,
        "encode (derive, tables)": encoding,
        "heads, stages, amount, grade": plain - encoding,
        "reasons: contributions, choice": explained - plain,
        "reasons: words, LeadScore": rows,
    }
    scored = [
        Scored(score=found, snapshot=snapshot, standard=live.standard)
        for found, snapshot in zip(scores, snapshots, strict=True)
    ]
    return stages, scored


def _first_row(table: ScoreTable) -> LeadScore:
    return table.row(0)


def time_decision(serving: Serving, cases: Sequence[Case]) -> Cost:
    """Return what one decision costs."""
    now = serving.clock()
    cost, _ = timed(lambda case: route(case, now=now, draw=NO_CHANCE, n_queued_today=0), cases)
    return cost


def time_admission(serving: Serving, cases: Sequence[Case]) -> Admitted:
    """Write leads, a third of them timed, the others under a profiler of either clock.

    Each has a transaction of its own, on this thread: what groups save is not in it.
    """
    now = serving.clock()
    admission = Admission(serving.scorer, Placement(lambda: NO_CHANCE), suppression_key=_KEY)
    watch = Watch()

    def write(case: Case) -> IntakeResult | None:
        arrival = Arrival(case.lead, case.scored, API_FEED)
        with serving.store.transaction() as tx, watch.lap(), tx.savepoint():
            result = admission.admit(tx, arrival, now=now)
        return result if isinstance(result, IntakeResult) else None

    third = len(cases) // 3
    whole, results = timed(write, cases[:third])
    admit = watch.median()
    by_wall = _profiled(write, cases[third : 2 * third], clock=time.perf_counter)
    by_cpu = _profiled(write, cases[2 * third : 3 * third], clock=time.thread_time)
    n_statements, wall = _driver(by_wall)
    _, cpu = _driver(by_cpu)
    return Admitted(
        admit=admit,
        transaction=whole - admit,
        driver=Cost(_MICRO * wall / third, _MICRO * cpu / third),
        n_statements=n_statements / third,
        stats=by_cpu,
        results=[result for result in results if result is not None],
    )


def _profiled(
    work: Callable[[X], object], items: Sequence[X], *, clock: Callable[[], float]
) -> pstats.Stats:
    profiler = cProfile.Profile(clock)
    for item in items:
        profiler.runcall(work, item)
    return pstats.Stats(profiler)


def _driver(stats: pstats.Stats) -> tuple[int, float]:
    """Return how often statements were run, and the seconds in the driver's `execute`."""
    profile: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]  # typeshed leaves it out
    n_statements, seconds = 0, 0.0
    for (_, _, name), (_, _, _, _, callers) in profile.items():
        if not any(word in name for word in ("execute", "fetchall")):
            continue
        for (file, _, caller), (n_calls, _, _, cumulative) in callers.items():
            if Path(file).as_posix().endswith(_PREPARED[0]) and caller == _PREPARED[1]:
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
    """Return what writing one answer as JSON costs."""
    cost, _ = timed(_RESULT.dump_json, results)
    return cost


@dataclass(frozen=True)
class InProcess:
    """The whole application without sockets: requests as an ASGI server would hand them in."""

    app: FastAPI
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

    async def time_asking(self, method: str, path: str, bodies: Sequence[bytes]) -> Cost:
        """Return what one request costs, one after another; the processor's time of all threads.

        Raises
        ------
        RuntimeError
            An answer was neither 200 nor 201.
        """
        watch, started = Watch(), time.process_time()
        for body in bodies:
            with watch.lap():
                status = await self.ask(method, path, body)
            if status not in {200, 201}:
                raise RuntimeError(f"{method} {path} answered {status}; 200 or 201 is expected")
        cpu = (time.process_time() - started) / len(bodies)
        return Cost(watch.median().wall, _MICRO * cpu)
