"""Each stage of one `POST /v1/leads`, run by itself in this process and timed."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import time
from collections.abc import Callable, Sequence
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

Stages = dict[str, float]
"""Median microseconds of one request in each stage, in the order in which they come."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What it took to write leads: median microseconds, and what is behind them.

    `n_statements` and `driver_micros` (inside the database driver) are means per lead.
    """

    admit_micros: float
    transaction_micros: float
    n_statements: float
    driver_micros: float
    stats: pstats.Stats
    results: list[IntakeResult]


def timed(work: Callable[[X], Y], items: Sequence[X]) -> tuple[float, list[Y]]:
    """Return the median microseconds of `work` over the items, and its results."""
    taken, found = [], []
    for item in items:
        started = time.perf_counter()
        result = work(item)
        taken.append(time.perf_counter() - started)
        found.append(result)
    return _MICRO * median(taken), found


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


def time_decision(serving: Serving, cases: Sequence[Case]) -> float:
    """Return the microseconds of one decision."""
    now = serving.clock()
    micros, _ = timed(lambda case: route(case, now=now, draw=NO_CHANCE, n_queued_today=0), cases)
    return micros


def time_admission(serving: Serving, cases: Sequence[Case]) -> Admitted:
    """Write leads, half of them timed, the other half under the profiler.

    Each has a transaction of its own, on this thread: what groups save is not in it.
    """
    now = serving.clock()
    admission = Admission(serving.scorer, Placement(lambda: NO_CHANCE), suppression_key=_KEY)
    taken: list[float] = []

    def admit(tx: Tx, case: Case) -> IntakeResult | None:
        started = time.perf_counter()
        with tx.savepoint():
            result = admission.admit(tx, Arrival(case.lead, case.scored, API_FEED), now=now)
        taken.append(time.perf_counter() - started)
        return result if isinstance(result, IntakeResult) else None

    def write(case: Case) -> IntakeResult | None:
        with serving.store.transaction() as tx:
            return admit(tx, case)

    half = len(cases) // 2
    whole, results = timed(write, cases[:half])
    admit_micros = _MICRO * median(taken)
    profiler = cProfile.Profile()
    for case in cases[half:]:
        profiler.runcall(write, case)
    stats = pstats.Stats(profiler)
    n_statements, driver_seconds = _driver(stats)
    n_profiled = len(cases) - half
    return Admitted(
        admit_micros=admit_micros,
        transaction_micros=whole - admit_micros,
        n_statements=n_statements / n_profiled,
        driver_micros=_MICRO * driver_seconds / n_profiled,
        stats=stats,
        results=[result for result in results if result is not None],
    )


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


async def time_hand_over(serving: Serving, n_times: int) -> float:
    """Return the microseconds from the event loop to the writer's thread and back."""
    taken = []
    for _ in range(n_times):
        started = time.perf_counter()
        await asyncio.wrap_future(serving.writer.submit(_nothing))
        taken.append(time.perf_counter() - started)
    empty, _ = timed(lambda _: _begin_and_end(serving), range(n_times))
    return _MICRO * median(taken) - empty


def _nothing(_: Tx) -> None:
    """Write nothing."""


def _begin_and_end(serving: Serving) -> None:
    with serving.store.transaction() as tx, tx.savepoint():
        pass


def time_answer(results: Sequence[IntakeResult]) -> float:
    """Return the microseconds of writing one answer as JSON."""
    micros, _ = timed(_RESULT.dump_json, results)
    return micros


@dataclass(frozen=True)
class InProcess:
    """The whole application without sockets: requests as an ASGI server would hand them in."""

    app: FastAPI
    key: str

    async def post(self, path: str, body: bytes) -> int:
        """Return the status of the answer."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
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

    async def time_posts(self, path: str, bodies: Sequence[bytes]) -> float:
        """Return the median microseconds of one request, one after another.

        Raises
        ------
        RuntimeError
            An answer was neither 200 nor 201.
        """
        taken = []
        for body in bodies:
            started = time.perf_counter()
            status = await self.post(path, body)
            taken.append(time.perf_counter() - started)
            if status not in {200, 201}:
                raise RuntimeError(f"POST {path} answered {status}; 200 or 201 is expected")
        return _MICRO * median(taken)
