"""Where each microsecond of a `POST /v1/leads` and a `POST /v1/score` goes."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import fastapi
import uvloop

from api.main import create_app, shorten_pauses
from benchmarks.http.client import Load, Requests
from benchmarks.http.rounds import LEADS, SCORE, client_process
from benchmarks.http.stages import (
    AtOnce,
    Cost,
    InProcess,
    Stages,
    Written,
    time_answer,
    time_decisions,
    time_hand_over,
    time_reading,
    time_scoring,
    time_writing,
    timed,
)
from benchmarks.learning.tables import table
from benchmarks.serving import (
    ROOT,
    Deployment,
    free_port,
    leadqual_command,
    started,
    wait_until_listening,
)
from leadqual.config import Settings
from leadqual.services.intake import IntakeResult
from leadqual.services.placement import Case
from leadqual.services.previewing import Preview
from leadqual.services.serving import Serving
from leadqual.wiring import build_serving

TOGETHER: Final = 16
"""Requests at once, as 16 connections send them."""

_MICRO: Final = 1e6
_N_FUNCTIONS: Final = 15
_N_INCLUSIVE: Final = 40


def profile(deployment: Deployment, *, n_requests: int) -> Iterator[str]:
    """Yield the report, line by line.

    Parameters
    ----------
    n_requests : int
        How many requests each figure is about.
    """
    requests = Requests(deployment.bodies)
    settings = Settings(
        home=deployment.folder / "home",
        database_url=deployment.url,
        key_rate=deployment.environment["LEADQUAL_KEY_RATE"],
    )
    with (
        closing(build_serving(settings)) as serving,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        shorten_pauses()  # as the served process does
        bench = _Bench(serving, deployment.key, requests, n_requests, runner)
        bench.measure(1)  # warms up
        found = {size: bench.measure(size) for size in (1, TOGETHER)}
        for path in (LEADS.path, SCORE.path):
            yield from _stage_table(
                path, {size: taken.costs[path] for size, taken in found.items()}
            )
        yield "Each stage was run by itself, hundreds of times in a row; the rest is the loop,"
        yield "and what cold caches cost a stage that waits for its turn."
        yield ""
        alone, together = (found[size].written.n_statements for size in (1, TOGETHER))
        yield f"{alone:.1f} statements per lead alone, {together:.1f} for {TOGETHER} together."
        yield ""
        stats = bench.profile_posts()
        yield "**Event loop's thread, by own time** (the profiler roughly doubles Python)"
        yield ""
        yield from _function_table(stats, n_requests)
        yield "**Event loop's thread, our functions with what they call**"
        yield ""
        yield from _inclusive_table(stats, n_requests)
        yield f"**Writer's thread, {TOGETHER} leads together, by own time**"
        yield ""
        written = found[TOGETHER].written
        yield from _function_table(written.stats, written.n_leads)
    p50 = _over_sockets(deployment, seconds=n_requests / 250)
    yield f"Over a socket to a process of its own, 1 connection: p50 {_MICRO * p50:,.0f} us"


@dataclass(frozen=True, slots=True)
class _Taken:
    """One request taken apart: stages and the whole by path."""

    costs: Mapping[str, tuple[Stages, Cost]]
    written: Written


@dataclass(frozen=True)
class _Bench:
    """What is measured: services in this process, without sockets."""

    serving: Serving
    key: str
    requests: Requests
    n_requests: int
    runner: asyncio.Runner

    def measure(self, size: int) -> _Taken:
        """Take requests apart that come `size` at a time."""
        serving = self.serving
        reading, groups = time_reading(serving, self._bodies(), size=size)
        scoring, scored = time_scoring(serving, groups)
        pairs = [
            pair for parts in zip(groups, scored, strict=True) for pair in zip(*parts, strict=True)
        ]
        deciding, decisions = time_decisions(serving, [Case(*pair, is_new=False) for pair in pairs])
        written = time_writing(serving, time_reading(serving, self._bodies(3), size=size)[1])
        previews = [
            Preview(found.score, decision)
            for (_, found), decision in zip(pairs, decisions, strict=True)
        ]
        writing_score, _ = timed(Preview.as_json, previews)
        front = self._front(written.results[0], size) - reading["read and validate (RawLead)"]
        before = {
            "key, rate, call, headers": front,
            **reading,
            **scoring,
            "decision": deciding,
        }
        leads = before | {
            "statements, in the database driver": written.driver,
            "statements, in Python around it": written.admit - written.driver - deciding,
            "begin, commit": written.transaction,
            "to the writer's thread and back": self._hand_over(size),
            "answer as JSON": time_answer(written.results),
        }
        return _Taken(
            {
                LEADS.path: (leads, self._whole(LEADS.path, size)),
                SCORE.path: (
                    before | {"answer as JSON": writing_score},
                    self._whole(SCORE.path, size),
                ),
            },
            written,
        )

    def profile_posts(self) -> pstats.Stats:
        """Return where the event loop's thread is while it takes leads."""
        posting = InProcess(create_app(self.serving), self.key)
        return _profile_posts(self.runner, posting, self._bodies())

    def _bodies(self, n_times: int = 1) -> list[bytes]:
        return [self.requests.next_body() for _ in range(n_times * self.n_requests)]

    def _whole(self, path: str, size: int) -> Cost:
        posting = InProcess(create_app(self.serving), self.key)
        return self.runner.run(posting.time_asking("POST", path, self._bodies(), size=size))

    def _front(self, result: IntakeResult, size: int) -> Cost:
        """Return what a request costs where the services answer at once."""
        at_once = replace(self.serving, intake=AtOnce(result))
        posting = InProcess(create_app(at_once), self.key)
        return self.runner.run(posting.time_asking("POST", LEADS.path, self._bodies(), size=size))

    def _hand_over(self, size: int) -> Cost:
        return self.runner.run(time_hand_over(self.serving, self.n_requests)).per(size)


def _rest(whole: Cost, stages: Stages) -> Cost:
    for cost in stages.values():
        whole -= cost
    return whole


def _stage_table(path: str, found: Mapping[int, tuple[Stages, Cost]]) -> list[str]:
    head = ["stage"]
    columns: list[list[str]] = []
    for size, (stages, whole) in found.items():
        name = "alone" if size == 1 else f"{size} together"
        head += [f"{name}: us", "us on a processor", "share of those"]
        costs = [*stages.values(), _rest(whole, stages), whole]
        columns += [
            [f"{cost.wall:,.1f}" for cost in costs],
            [f"{cost.cpu:,.1f}" for cost in costs],
            [f"{cost.cpu / whole.cpu:.0%}" for cost in costs],
        ]
    names = [*found[1][0], "the rest", "whole application, no sockets"]
    rows = [list(row) for row in zip(names, *columns, strict=True)]
    return [f"**One POST {path}**", "", *table(head, rows)]


def _profile_posts(
    runner: asyncio.Runner, posting: InProcess, bodies: Sequence[bytes]
) -> pstats.Stats:
    profiler = cProfile.Profile(time.thread_time)
    profiler.enable()
    runner.run(posting.time_asking("POST", LEADS.path, bodies))
    profiler.disable()
    return pstats.Stats(profiler)


def _function_table(stats: pstats.Stats, n_requests: int) -> list[str]:
    """Return the functions with the most time of their own; waiting is left out."""
    profile: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]  # typeshed leaves it out
    found = [
        (own, n_calls, name, file, line)
        for (file, line, name), (_, n_calls, own, _, _) in profile.items()
        if "epoll" not in name
    ]
    rows = [
        [
            f"{name} ({Path(file).parent.name}/{Path(file).name}:{line})" if line else name,
            f"{n_calls / n_requests:.1f}",
            f"{_MICRO * own / n_requests:.0f}",
        ]
        for own, n_calls, name, file, line in sorted(found, reverse=True)[:_N_FUNCTIONS]
    ]
    return table(("function", "calls per lead", "own us per lead"), rows)


def _inclusive_table(stats: pstats.Stats, n_requests: int) -> list[str]:
    """Return our functions and FastAPI's by the time in them and in what they call."""
    profile: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]  # typeshed leaves it out
    folders = (str(ROOT / "src"), str(ROOT / "api"), f"{Path(fastapi.__file__).parent}")
    found = [
        (inclusive, name, file, line)
        for (file, line, name), (_, _, _, inclusive, _) in profile.items()
        if file.startswith(folders)
    ]
    whole = max(inclusive for inclusive, *_ in found)
    rows = [
        [
            f"{name} ({Path(file).parent.name}/{Path(file).name}:{line})",
            f"{_MICRO * inclusive / n_requests:.0f}",
            f"{inclusive / whole:.0%}",
        ]
        for inclusive, name, file, line in sorted(found, reverse=True)[:_N_INCLUSIVE]
    ]
    return table(("function", "us per lead", "share"), rows)


def _over_sockets(deployment: Deployment, *, seconds: float) -> float:
    """Return the median seconds of one request to a server process."""
    port, log = free_port(), deployment.folder / "leadqual.log"
    with (
        started(leadqual_command(port), environment=deployment.environment, log=log) as process,
        client_process(deployment.bodies) as client,
    ):
        wait_until_listening(process, port, log)
        load = Load(port, LEADS.path, n_connections=1, seconds=seconds, key=deployment.key)
        client.measure(load)
        return client.measure(load).p50_ms / 1e3
