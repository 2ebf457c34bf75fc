"""Where each microsecond of one `POST /v1/leads` goes, one request at a time."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import fastapi

from api.main import create_app
from benchmarks.http.client import Load, Requests
from benchmarks.http.rounds import LEADS, client_process
from benchmarks.http.stages import (
    Admitted,
    Cost,
    InProcess,
    Stages,
    time_admission,
    time_answer,
    time_decision,
    time_hand_over,
    time_reading,
    time_scoring,
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
from leadqual.services.placement import Case
from leadqual.services.serving import Serving
from leadqual.wiring import build_serving

_MICRO: Final = 1e6
_N_FUNCTIONS: Final = 15
_N_INCLUSIVE: Final = 40


def profile(deployment: Deployment, *, n_requests: int) -> Iterator[str]:
    """Yield the report, line by line.

    Parameters
    ----------
    n_requests : int
        How many requests each figure is the median of.
    """
    requests = Requests(deployment.bodies)
    bodies = [requests.next_body() for _ in range(5 * n_requests)]
    settings = Settings(
        home=deployment.folder / "home",
        database_url=deployment.url,
        key_rate=deployment.environment["LEADQUAL_KEY_RATE"],
    )
    with closing(build_serving(settings)) as serving:
        yield from _in_this_process(serving, deployment.key, bodies)
    p50 = _over_sockets(deployment, seconds=n_requests / 250)
    yield f"Over a socket to a process of its own, 1 connection: p50 {_MICRO * p50:,.0f} us"


def _in_this_process(serving: Serving, key: str, bodies: Sequence[bytes]) -> Iterator[str]:
    """Yield what can be seen without sockets."""
    part = len(bodies) // 5
    time_scoring(serving, time_reading(serving, bodies[:part])[1])  # warms up
    stages, leads = time_reading(serving, bodies[: 2 * part])
    scoring, scored = time_scoring(serving, leads)
    cases = [Case(lead, found) for lead, found in zip(leads, scored, strict=True)]
    decision = time_decision(serving, cases)
    admitted = time_admission(serving, cases)
    posting = InProcess(create_app(serving), key)
    with asyncio.Runner() as runner:
        runner.run(posting.time_asking("POST", LEADS.path, bodies[4 * part :]))  # warms up
        empty = runner.run(posting.time_asking("GET", "/healthz", [b""] * part))
        hand_over = runner.run(time_hand_over(serving, part))
        whole = runner.run(posting.time_asking("POST", LEADS.path, bodies[2 * part : 3 * part]))
        stats = _profile_posts(runner, posting, bodies[3 * part : 4 * part])
    stages |= scoring
    stages |= _writing(admitted, decision)
    stages["to the writer's thread and back"] = hand_over
    stages["answer as JSON (once)"] = time_answer(admitted.results)
    stages["framework: an empty route with its middleware"] = empty
    stages["framework: the rest, cold caches"] = _rest(whole, stages)
    yield f"{admitted.n_statements:.1f} statements per lead. Each stage was run by itself; what is"
    yield "left of the whole application without sockets is the framework, and what its own caches"
    yield "cost a stage that does not run a hundred times in a row."
    yield ""
    yield from _stage_table(stages, whole)
    yield "**Event loop's thread, by own time** (the profiler roughly doubles Python)"
    yield ""
    yield from _function_table(stats, part)
    yield "**Event loop's thread, our functions with what they call**"
    yield ""
    yield from _inclusive_table(stats, part)
    yield "**Writer's thread, by own time**"
    yield ""
    yield from _function_table(admitted.stats, len(cases) // 3)


def _writing(admitted: Admitted, decision: Cost) -> Stages:
    return {
        "decision": decision,
        "statements, in the database driver": admitted.driver,
        "statements, in Python around it": admitted.admit - admitted.driver - decision,
        "begin, commit (one lead each)": admitted.transaction,
    }


def _rest(whole: Cost, stages: Stages) -> Cost:
    for cost in stages.values():
        whole -= cost
    return whole


def _stage_table(stages: Stages, whole: Cost) -> list[str]:
    rows = [
        [name, f"{cost.wall:,.0f}", f"{cost.cpu:,.0f}", f"{cost.cpu / whole.cpu:.0%}"]
        for name, cost in [*stages.items(), ("whole application, no sockets", whole)]
    ]
    return table(("stage", "us", "us on a processor", "share of those"), rows)


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
