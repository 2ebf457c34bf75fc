"""The command: which data sets, how many seeds, where to write."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from joblib import Parallel, delayed

import benchmarks.learning
from benchmarks.learning.judging import SeedResult, judge_seed
from benchmarks.learning.real_sets import REAL_DATA, REAL_SETS, RealResult, judge_real, read_real
from benchmarks.learning.rivals import CATBOOST_MISSING, N_TRIALS, Effort, has_catboost
from benchmarks.learning.scenarios import QUICK, SCENARIOS
from benchmarks.learning.tables import (
    describe_real,
    describe_scenario,
    describe_seeds,
    summarise_real,
    summarise_scenarios,
)
from leadqual.simulation.parameters import FunnelParameters

SHARED_NOTE: Final = "the real sets are not beside the project (../shared/data): skipped"
QUICK_NAMES: Final = ("quick", "salvirt")
N_SHUFFLES: Final = 5


@dataclass(frozen=True)
class Run:
    """One thing to judge: a seed of a scenario, or a real set."""

    name: str
    parameters: FunnelParameters | None
    seed: int
    n_shuffles: int
    effort: Effort

    def judge(self) -> SeedResult | RealResult:
        """Do it; this is what runs in a process of its own."""
        if self.parameters is not None:
            return judge_seed(self.name, self.parameters, seed=self.seed, effort=self.effort)
        history = read_real(self.name)
        return judge_real(self.name, history, n_shuffles=self.n_shuffles, effort=self.effort)


def plan_runs(names: Sequence[str], *, n_seeds: int, is_quick: bool) -> list[Run]:
    """Return what is to be judged, the real sets last."""
    effort = Effort(n_trials=2, catboost_trees=50) if is_quick else Effort()
    scenarios = {"quick": QUICK} if is_quick else SCENARIOS
    simulated = [
        Run(name, scenarios[name], seed, 1, effort)
        for name in names
        if name in scenarios
        for seed in range(1, n_seeds + 1)
    ]
    n_shuffles = 1 if is_quick else N_SHUFFLES
    return [
        *simulated,
        *(Run(name, None, 0, n_shuffles, effort) for name in names if name in REAL_SETS),
    ]


def describe(results: Sequence[SeedResult | RealResult]) -> Iterator[str]:
    """Yield the report, line by line: tables over everything, then each data set, then seeds."""
    seeds: dict[str, list[SeedResult]] = {}
    real = []
    for result in results:
        if isinstance(result, SeedResult):
            seeds.setdefault(result.scenario, []).append(result)
        else:
            real.append(result)
    if seeds:
        yield from summarise_scenarios(seeds)
    if real:
        yield from summarise_real(real)
    for found in seeds.values():
        yield from describe_scenario(found)
    for one in real:
        yield from describe_real(one)
    for found in seeds.values():
        yield from describe_seeds(found)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    choices = [*SCENARIOS, *REAL_SETS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.learning",
        description=benchmarks.learning.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=2, help="per simulated scenario (default 2)")
    parser.add_argument("--only", nargs="+", choices=choices, default=choices, metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--out", type=Path, help="also write the report to this file")
    parser.add_argument("--date", type=date.fromisoformat, help="in the title (default: today)")
    parser.add_argument("--quick", action="store_true", help="one seed of a small history")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge what was asked for, and print and write the report."""
    chosen = _parse(arguments)
    names = QUICK_NAMES if chosen.quick else chosen.only
    runs = plan_runs(names, n_seeds=1 if chosen.quick else chosen.seeds, is_quick=chosen.quick)
    remarks = [] if has_catboost() else [CATBOOST_MISSING]
    if not REAL_DATA.is_dir() and any(name in REAL_SETS for name in names):
        remarks.append(SHARED_NOTE)
        runs = [run for run in runs if run.parameters is not None]
    results = []
    found = Parallel(n_jobs=chosen.jobs, return_as="generator")(
        delayed(run.judge)() for run in runs
    )
    for number, (run, result) in enumerate(zip(runs, found, strict=True), 1):
        results.append(result)
        print(f"{number} of {len(runs)}: {run.name} {run.seed or ''}", file=sys.stderr, flush=True)
    day = chosen.date or datetime.now(tz=UTC).date()
    trials = 2 if chosen.quick else N_TRIALS
    lines = [
        f"## Learning, {day.isoformat()}",
        "",
        f"One default configuration of leadqual for everything. LightGBM tuned: {trials} random "
        "configurations of up to 400 trees, chosen by log loss on later training rows (by groups "
        "where there is no order).",
        *remarks,
        "",
        *describe(results),
    ]
    report = "\n".join(lines)
    print(report)
    if chosen.out:
        chosen.out.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
