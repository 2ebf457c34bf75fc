"""Run the benchmark of queues; see the package."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.http.tables import Target, spread
from benchmarks.learning.tables import table
from benchmarks.queue.bare import BareQueue
from benchmarks.queue.databases import Queues, has_postgresql, postgresql_queues, sqlite_queues
from benchmarks.queue.reps import OurQueue, Shift, Work, claim_for, shortest

_MICROSECONDS: Final = 1e6

Opener = Callable[[], AbstractContextManager[OurQueue | BareQueue]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How large and how long."""

    n_items: int = 1_000_000
    n_rounds: int = 5
    n_reads: int = 200
    n_reps: int = 50
    seconds: float = 1.5
    ageing_seconds: float = 45.0
    n_windows: int = 3


QUICK: Final = Plan(3_000, 1, 5, 8, 0.1, 0.2, 1)


def main() -> None:
    """Parse the command line, run and print as results come."""
    parser = argparse.ArgumentParser(prog="benchmarks.queue", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small queue, one short round")
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL alone")
    parser.add_argument("--minutes", type=float, help="how long tables are aged (default: 45 s)")
    chosen = parser.parse_args()
    plan = QUICK if chosen.quick else Plan()
    if chosen.minutes is not None:
        plan = Plan(ageing_seconds=60 * chosen.minutes, n_windows=10)
    print(f"# Queues of {plan.n_items:,} leads", flush=True)
    with ExitStack() as stack:
        if not chosen.postgres:
            _report(stack.enter_context(sqlite_queues(plan.n_items)), plan)
        stack.close()
        if chosen.postgres or has_postgresql():
            _report(stack.enter_context(postgresql_queues(plan.n_items)), plan)


def _report(queues: Queues, plan: Plan) -> None:
    """Measure one database and print its tables."""
    print(f"\n## {queues.name}\n", flush=True)
    targets = []
    for found in (_top(queues, plan), _claims(queues, plan), _ageing(queues, plan)):
        for line in found:
            if isinstance(line, Target):
                targets.append(line)
            else:
                print(line, flush=True)
    print("**Targets of issue 4** (median of the ratios within each round [lowest-highest])\n")
    print("\n".join(table(("", "wanted", "found", ""), [target.row() for target in targets])))


def _top(queues: Queues, plan: Plan) -> Iterator[str | Target]:
    """Read the best 50 leads."""
    rounds: list[tuple[float, float, float]] = []
    with closing(OurQueue(queues.fresh)) as ours, closing(BareQueue(queues.fresh)) as bare:
        for _ in range(plan.n_rounds):
            rounds.append((
                shortest(bare.top, plan.n_reads),
                ours.time_top(plan.n_reads),
                shortest(ours.page, max(plan.n_reads // 4, 1)),
            ))
    names = (
        "bare indexed SQL",
        "`QueueRepository.ranked`",
        "`Queues.page`: leads, scores, reasons",
    )
    yield "**Top 50** (shortest of many times in each round)\n"
    yield from table(
        ("", "microseconds", "x bare"),
        [
            [
                name,
                f"{median(times[index] for times in rounds) * _MICROSECONDS:,.0f}",
                spread([times[index] / times[0] for times in rounds]),
            ]
            for index, name in enumerate(names)
        ],
    )
    yield Target(
        "top 50, time, x bare indexed SQL", [ours / bare for bare, ours, _ in rounds], at_most=2
    )


def _claims(queues: Queues, plan: Plan) -> Iterator[str | Target]:
    """Claim with one rep and with many, in turns on the same table."""
    for n_reps in (1, plan.n_reps):
        with closing(OurQueue(queues.ours)) as ours, closing(BareQueue(queues.ours)) as bare:
            shifts = [
                [claim_for(work, n_reps=n_reps, seconds=plan.seconds) for work in (bare, ours)]
                for _ in range(plan.n_rounds)
            ]
        yield f"**Claims, {n_reps} {'rep' if n_reps == 1 else 'reps'}**\n"
        yield from table(
            ("", "claims/s", "p50 ms", "p99 ms", "x bare claims/s", "x bare p50"),
            [
                _claim_row(name, [(pair[0], pair[index]) for pair in shifts])
                for index, name in enumerate(("bare indexed SQL", "`Working.claim_next`"))
            ],
        )
    yield Target(
        f"claim, {plan.n_reps} reps, p50, x bare indexed SQL",
        [ours.percentile_ms(0.5) / bare.percentile_ms(0.5) for bare, ours in shifts],
        at_most=2,
    )
    yield Target(
        f"claim, {plan.n_reps} reps, bare claims/s / ours",
        [bare.per_second / ours.per_second for bare, ours in shifts],
        at_most=2,
    )


def _claim_row(name: str, pairs: Sequence[tuple[Shift, Shift]]) -> list[str]:
    """Return a line: the figures of the second of each pair, as ratios to the first."""
    mine = [shift for _, shift in pairs]
    return [
        name,
        f"{median(shift.per_second for shift in mine):,.0f}",
        f"{median(shift.percentile_ms(0.5) for shift in mine):.2f}",
        f"{median(shift.percentile_ms(0.99) for shift in mine):.2f}",
        spread([shift.per_second / floor.per_second for floor, shift in pairs]),
        spread([shift.percentile_ms(0.5) / floor.percentile_ms(0.5) for floor, shift in pairs]),
    ]


def _ageing(queues: Queues, plan: Plan) -> Iterator[str | Target]:
    """Work two tables for a while, then compare each with one that is fresh."""
    yield f"**Ageing** ({plan.ageing_seconds:.0f} s: of ten leads six closed, three given back)\n"
    aged = (
        (
            "ours, with our upkeep",
            _age(queues.ours, queues.fresh, (OurQueue, BareQueue), plan=plan),
        ),
        ("bare, PostgreSQL's defaults", _age(queues.bare, queues.fresh, (BareQueue,), plan=plan)),
    )
    rows = []
    for name, (windows, ratios) in aged:
        rates = ", ".join(f"{window.per_second:,.0f}" for window in windows)
        n_claims = sum(len(window.times_ms) for window in windows)
        ours, bare = ratios.get(OurQueue), ratios[BareQueue]
        rows.append([name, f"{n_claims:,}", rates, spread(ours) if ours else "", spread(bare)])
        if ours:
            yield Target("claims/s of the aged table, x a fresh one", ours, at_least=0.8)
    head = ("", "claims", "claims/s while it aged")
    yield from table((*head, "our claims/s then, x fresh", "bare claims/s then, x fresh"), rows)


def _age(
    worn: str, fresh: str, kinds: Sequence[type[OurQueue | BareQueue]], *, plan: Plan
) -> tuple[list[Shift], dict[type[OurQueue | BareQueue], list[float]]]:
    """Work a table by the first kind of work, then claim from it and from a fresh one in turns.

    Returns
    -------
    windows : list of Shift
        Of the stretches in which it was worked.
    ratios : dict of list of float
        For each kind: its claims/s at the worn table, as multiples of those at the fresh one. All
        are taken in turns, so that they saw the same machine.
    """
    with ExitStack() as stack:
        pairs = {kind: [_opener(kind, url, stack) for url in (worn, fresh)] for kind in kinds}
        with pairs[kinds[0]][0]() as worker:
            windows = [_window(worker, plan) for _ in range(plan.n_windows)]
        ratios: dict[type[OurQueue | BareQueue], list[float]] = {kind: [] for kind in kinds}
        for _ in range(plan.n_rounds):
            for kind, (aged, new) in pairs.items():
                ratios[kind].append(_aged_to_fresh(aged, new, plan))
    return windows, ratios


def _opener(kind: type[OurQueue | BareQueue], url: str, stack: ExitStack) -> Opener:
    """Return what opens a queue for one stretch.

    Ours stays open with its upkeep. Bare reps hold a connection each, and PostgreSQL has not
    enough of them for all that take turns.
    """
    if kind is BareQueue:
        return lambda: closing(BareQueue(url))
    ours = stack.enter_context(closing(OurQueue(url)))
    return lambda: nullcontext(ours)


def _window(aged: Work, plan: Plan) -> Shift:
    """Work a table for one stretch of time."""
    seconds = plan.ageing_seconds / plan.n_windows
    return claim_for(aged, n_reps=plan.n_reps, seconds=seconds, is_worked=True)


def _aged_to_fresh(aged: Opener, fresh: Opener, plan: Plan) -> float:
    """Return the ratio of the rates of two tables, measured one right after the other."""
    rates = []
    for opener in (aged, fresh):
        with opener() as work:
            rates.append(claim_for(work, n_reps=plan.n_reps, seconds=plan.seconds).per_second)
    return rates[0] / rates[1]


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s")
