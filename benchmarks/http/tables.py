"""Results as markdown: a table per number of connections, and the targets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.http.client import Measured
from benchmarks.http.rounds import (
    BARE_VALIDATE,
    FLOOR,
    LEADS,
    NAIVE,
    PEERS,
    SAME_ROWS,
    SCORE,
    VALIDATE,
    WATCHED_LEADS,
    WATCHED_SCORE,
    Beats,
    Peer,
    Results,
    Runs,
)
from benchmarks.http.watched import Lateness
from benchmarks.learning.tables import table

_HEAD: Final = (
    "", "requests/s", "p50 ms", "p99 ms", "CPU us",
    "x floor req/s", "x floor p50", "x floor p99", "x floor CPU",
)  # fmt: skip
"""The floor of these ratios is that of the body alone."""

_BUSY: Final = 16
_BLOCKED_MS: Final = 5
_LEADS: Final = "POST /v1/leads"

Figure = Callable[[Measured], float]


def _per_second(run: Measured) -> float:
    return run.per_second


def _p50(run: Measured) -> float:
    return run.p50_ms


def _p99(run: Measured) -> float:
    return run.p99_ms


def _cpu(run: Measured) -> float:
    return run.cpu_us


def paired(runs: Runs, peer: Peer, other: Peer, *, figure: Figure) -> list[float]:
    """Return the ratio of a figure of two peers in each round."""
    return [
        figure(mine) / max(figure(theirs), sys.float_info.min)
        for mine, theirs in zip(runs[peer], runs[other], strict=True)
    ]


def describe(results: Results, part: str, n_connections: int) -> Iterator[str]:
    """Yield the report of one part of the results, line by line; see `measure_all`."""
    if part == "beats":
        yield f"**Event loop under load, {n_connections} connections, closed loop**"
        yield "(how late a callback runs that is due every millisecond, in ms)"
        yield ""
        yield from _beats_table(results.beats[n_connections])
    elif part == "closed":
        yield f"**Closed loop, {n_connections} connections**"
        yield ""
        yield from _table(results.closed[n_connections])
    else:
        rate = results.rates[n_connections][LEADS]
        yield f"**Open loop, {n_connections} connections, {rate:,.0f} requests/s due**"
        yield "(latency from when a request was due; a peer slower than that: half its own rate)"
        yield ""
        yield from _table(results.opened[n_connections])


def _beats_table(beats: Beats) -> list[str]:
    rows = [
        [
            peer.name,
            spread([late.p999_ms for late in found]),
            spread(_largest(found)),
            spread([late.work_ms for late in found]),
        ]
        for peer, found in beats.items()
    ]
    return table(
        ("", "99.9 % of beats within", "largest", "most work of its own between two"), rows
    )


def _largest(found: Sequence[Lateness]) -> list[float]:
    return [late.largest_ms for late in found]


def _table(runs: Runs) -> list[str]:
    return table(_HEAD, [_row(runs, peer) for peer in PEERS])


def _row(runs: Runs, peer: Peer) -> list[str]:
    figures = (_per_second, _p50, _p99, _cpu)
    rate, p50, p99, cpu = (median(figure(run) for run in runs[peer]) for figure in figures)
    ratios = [spread(paired(runs, peer, FLOOR, figure=figure)) for figure in figures]
    return [peer.name, f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{cpu:,.0f}", *ratios]


def spread(values: Sequence[float]) -> str:
    """Return median and range."""
    return f"{median(values):.2f} [{min(values):.2f}-{max(values):.2f}]"


@dataclass(frozen=True, slots=True)
class Target:
    """One promise: what is measured per round, and where its median has to lie."""

    name: str
    values: Sequence[float]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool:
        """Return whether the median lies there."""
        found = median(self.values)
        return not (
            (self.at_least is not None and found < self.at_least)
            or (self.at_most is not None and found > self.at_most)
        )

    def row(self) -> list[str]:
        """Return a line of the table."""
        wanted = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        return [self.name, wanted, spread(self.values), "met" if self.is_met else "not met"]


def targets(results: Results) -> list[Target]:
    """Return the promises of issue 4 that this benchmark can judge.

    Its floor can be read in two ways, so what is promised beside it is judged by both: the rows
    that the service writes, and the bytes of the request, which is harder.
    """
    busy = results.closed[_BUSY]
    score = "POST /v1/score, 16 connections, requests/s, x pydantic only on"
    return [
        *_floor_targets(results, SAME_ROWS, "floor of the same rows"),
        *_floor_targets(results, FLOOR, "floor of the body alone (harder)"),
        Target(
            f"{_LEADS}, 16 connections, requests/s, x naive",
            paired(busy, LEADS, NAIVE, figure=_per_second),
            at_least=40,
        ),
        Target(
            f"{score} FastAPI",
            paired(busy, SCORE, VALIDATE, figure=_per_second),
            at_least=0.5,
        ),
        Target(
            f"{score} bare ASGI (harder)",
            paired(busy, SCORE, BARE_VALIDATE, figure=_per_second),
            at_least=0.5,
        ),
        *_loop_targets(results),
    ]


def _floor_targets(results: Results, floor: Peer, name: str) -> list[Target]:
    """Return what is promised beside one of the floors."""
    busy, alone, due = results.closed[_BUSY], results.closed[1], results.opened[_BUSY]
    added = [
        mine.p50_ms - theirs.p50_ms for mine, theirs in zip(alone[LEADS], alone[floor], strict=True)
    ]
    return [
        Target(
            f"{_LEADS}, 16 connections, requests/s, x {name}",
            paired(busy, LEADS, floor, figure=_per_second),
            at_least=0.5,
        ),
        Target(
            f"{_LEADS}, 16 connections, p99, x {name}",
            paired(busy, LEADS, floor, figure=_p99),
            at_most=3,
        ),
        Target(
            f"{_LEADS}, 16 connections, p99, open loop, x {name}",
            paired(due, LEADS, floor, figure=_p99),
            at_most=3,
        ),
        Target(f"{_LEADS}, 1 connection, p50, ms above {name}", added, at_most=1.5),
    ]


def _loop_targets(results: Results) -> list[Target]:
    """Return the promise that the event loop is never kept for long, by load."""
    return [
        Target(
            f"event loop, {peer.path}, {n_connections} connections, {name} late, ms",
            values,
            at_most=_BLOCKED_MS,
        )
        for n_connections, beats in results.beats.items()
        for peer in (WATCHED_LEADS, WATCHED_SCORE)
        for name, values in (
            ("99.9 % of beats", [late.p999_ms for late in beats[peer]]),
            ("largest", _largest(beats[peer])),
        )
    ]


def describe_targets(results: Results) -> Iterator[str]:
    """Yield the targets, what was found and whether it is enough."""
    yield "**Targets of issue 4** (median of the ratios within each round [lowest-highest])"
    yield ""
    yield from table(("", "wanted", "found", ""), [target.row() for target in targets(results)])
