"""What scoring one lead, a group or a table costs by itself, beside LightGBM on the same trees.

::

    python -m benchmarks.core            # five rounds, about a minute
    python -m benchmarks.core --quick    # one round over few leads: does it run?

One thread, in one process. Our part starts from snapshots (fields by name, as they are stored)
and ends with `LeadScore` records: encoding, all heads and stages, amount, grade, percentile, and
with reasons also exact shares of every feature, the choice among them and their sentences.
"From what was sent to what is stored" adds normalising, flattening, routing and the JSON of score
and decision.

LightGBM starts from a ready row of numbers and gives one raw value or share per column; its
boosters are made from the trees of our bundle, so both walk the same trees. Microseconds are those
of the processor: what other processes take of it does not count.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.http.tables import Target
from benchmarks.learning.tables import table
from benchmarks.peers.same_trees import SingleRow, ensembles_of, to_booster
from benchmarks.serving import MAPPING, scratch_folder
from leadqual.features.columns import Coded, Column
from leadqual.leads.flat import flatten_lead
from leadqual.leads.mapping import load_mapping
from leadqual.leads.normalise import normalise
from leadqual.leads.schema import Lead, RawLead, Scalar
from leadqual.learning.fitting import fit_bundle
from leadqual.outcomes.mapped import read_history
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.scoring import score_columns, score_snapshots
from leadqual.routing.standard import default_standard
from leadqual.services.placement import NO_CHANCE, route
from leadqual.services.placement import Case as ScoredCase
from leadqual.services.scoring import Scored
from leadqual.simulation.funnel import live_leads, simulate, write_csv
from leadqual.simulation.parameters import FunnelParameters
from leadqual.store import NewScore

Snapshot = Mapping[str, Scalar]

_MICRO: Final = 1e6
_SEED: Final = 7
_EXPLAINED: Final = "one lead, with reasons"
_PLAIN: Final = "one lead, without reasons"
_GROUPS: Final = (16, 64)
_C_CALL: Final = "LightGBM, C single-row call, all boosters"
_CONTRIB: Final = "LightGBM, pred_contrib of one row, all boosters"


@dataclass(frozen=True, slots=True)
class Size:
    """Leads that a model is fitted on, leads that are scored, and rounds."""

    n_history: int
    n_leads: int
    n_rounds: int


FULL: Final = Size(n_history=5_000, n_leads=20_000, n_rounds=5)
QUICK: Final = Size(n_history=5_000, n_leads=300, n_rounds=1)


@dataclass(frozen=True, slots=True)
class Case:
    """A fitted bundle, leads it has not seen, and the same as LightGBM takes them."""

    bundle: ModelBundle
    raws: list[RawLead]
    snapshots: list[Snapshot]
    columns: dict[str, Column]
    matrix: NDArray[np.float64]

    @property
    def n_leads(self) -> int:
        """Return the number of leads."""
        return len(self.snapshots)


def prepare(folder: Path, size: Size) -> Case:
    """Simulate a history and new leads, and fit a bundle."""
    now = datetime.now(UTC)
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=365)
    parameters = FunnelParameters(n_leads=size.n_history, n_days=365, seed=_SEED, start=start)
    write_csv(simulate(parameters), folder)
    history = read_history(folder, load_mapping(MAPPING), now=now).history
    bundle = fit_bundle(history, as_of=None, version="core", created_at=now).bundle
    given = live_leads(parameters, size.n_leads, start=now - timedelta(days=1))
    raws = [RawLead.model_validate(lead) for lead in given]
    found = [normalise(raw, now=now) for raw in raws]
    snapshots: list[Snapshot] = [flatten_lead(lead) for lead in found if isinstance(lead, Lead)]
    columns = to_columns(snapshots, bundle)
    encoded = bundle.encoder.encode(columns, n_leads=len(snapshots))
    return Case(bundle, raws, snapshots, columns, bundle.encoder.to_matrix(encoded))


def to_columns(snapshots: Sequence[Snapshot], bundle: ModelBundle) -> dict[str, Column]:
    """Return what a file gives: numbers as arrays, all else as places among its values."""
    numeric = {feature.name for feature in bundle.encoder.numeric}
    columns: dict[str, Column] = {}
    for name in sorted({name for snapshot in snapshots for name in snapshot}):
        values = [snapshot.get(name) for snapshot in snapshots]
        if name in numeric and not any(isinstance(value, str) for value in values):
            columns[name] = np.array(values, dtype=np.float64)
        else:
            place = {value: index for index, value in enumerate(dict.fromkeys(values))}
            codes = np.array([place[value] for value in values], dtype=np.intp)
            columns[name] = Coded(tuple(place), codes)
    return columns


Ways = dict[str, tuple[Callable[[int], object], int]]
"""What is timed: from the number of a repetition to a result, and leads per repetition."""


def ways_of(case: Case) -> Ways:
    """Return everything that is compared."""
    boosters = [to_booster(trees) for trees in ensembles_of(case.bundle)]
    rows = [np.ascontiguousarray(row) for row in case.matrix[:512]]
    singles = [SingleRow(booster, case.bundle.encoder.width) for booster in boosters]
    ways: Ways = {
        _EXPLAINED: (partial(_score, case, n_leads=1, is_explained=True), 1),
        _PLAIN: (partial(_score, case, n_leads=1, is_explained=False), 1),
        _C_CALL: (lambda k: [single(rows[k % len(rows)]) for single in singles], 1),
        _CONTRIB: (
            lambda k: [
                booster.predict(rows[k % len(rows)][None], pred_contrib=True, num_threads=1)
                for booster in boosters
            ],
            1,
        ),
    }
    for n in (1, *_GROUPS):
        ways[f"{n} together, from what was sent to what is stored"] = (
            partial(_take, case, n_leads=n),
            n,
        )
    for n in _GROUPS:
        ways[f"{n} leads together, with reasons"] = (
            partial(_score, case, n_leads=n, is_explained=True),
            n,
        )
    for is_explained, how in ((True, "with"), (False, "without")):
        work = partial(_score_table, case, is_explained=is_explained)
        ways[f"{case.n_leads:,} leads as columns, {how} reasons"] = (work, case.n_leads)
    ways[f"LightGBM, {case.n_leads:,} rows, all boosters"] = (
        lambda _: [booster.predict(case.matrix, num_threads=1) for booster in boosters],
        case.n_leads,
    )
    return ways


def _score(case: Case, k: int, *, n_leads: int, is_explained: bool) -> object:
    """Score some leads from their snapshots."""
    start = k * n_leads % (case.n_leads - n_leads + 1)
    scores = score_snapshots(
        case.bundle,
        case.snapshots[start : start + n_leads],
        policy=default_standard().scoring_policy,
        scored_at=case.bundle.created_at,
        explain=is_explained,
    )
    return list(scores.rows())


def _take(case: Case, k: int, *, n_leads: int) -> object:
    """Do for some leads what a request does between reading the body and the database."""
    now, standard = case.bundle.created_at, default_standard()
    start = k * n_leads % (len(case.raws) - n_leads + 1)
    found = [normalise(raw, now=now) for raw in case.raws[start : start + n_leads]]
    leads = [lead for lead in found if isinstance(lead, Lead)]
    snapshots = [flatten_lead(lead) for lead in leads]
    policy = standard.scoring_policy
    scores = score_snapshots(case.bundle, snapshots, policy=policy, scored_at=now)
    texts = []
    for lead, snapshot, score in zip(leads, snapshots, scores.rows(), strict=True):
        placed = ScoredCase(lead, Scored(score, snapshot, standard))
        decision = route(placed, now=now, draw=NO_CHANCE, n_queued_today=0)
        new = NewScore("lead", score, decision, snapshot, "created")
        texts.append((new.score_json, new.decision_json))
    return texts


def _score_table(case: Case, _: int, *, is_explained: bool) -> object:
    """Score all leads from columns; sentences are put together as for a file."""
    scores = score_columns(
        case.bundle,
        case.columns,
        n_leads=case.n_leads,
        policy=default_standard().scoring_policy,
        scored_at=case.bundle.created_at,
        explain=is_explained,
    )
    return list(scores.texts()) if is_explained else scores


def time_ways(ways: Ways, *, n_rounds: int) -> Iterator[dict[str, list[float]]]:
    """Yield the microseconds per lead of every repetition, round by round, all ways in turn."""
    for place in range(n_rounds):
        found = {}
        for name, (work, n_leads) in ways.items():
            n_times = max(1, 400 // n_leads)
            found[name] = [_time(work, place * n_times + k) / n_leads for k in range(n_times)]
        yield found


def _time(work: Callable[[int], object], k: int) -> float:
    start = time.thread_time()
    work(k)
    return _MICRO * (time.thread_time() - start)


def describe(rounds: Sequence[Mapping[str, Sequence[float]]]) -> list[str]:
    """Return the table: what each way costs, and in the same round beside the C call."""
    rows = []
    for name in rounds[0]:
        every = [value for found in rounds for value in found[name]]
        ratios = [median(found[name]) / median(found[_C_CALL]) for found in rounds]
        middle = median(every)
        rows.append([
            name,
            f"{min(every):,.1f}",
            f"{middle:,.1f}",
            f"{_MICRO / middle:,.0f}",
            f"{median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}]",
        ])
    return table(("", "us per lead, least", "median", "leads/s", "x C single-row call"), rows)


def targets(rounds: Sequence[Mapping[str, Sequence[float]]]) -> list[Target]:
    """Return the promise of issue 4 that this benchmark can judge, and what comes with it."""
    middles = [{name: median(values) for name, values in found.items()} for found in rounds]
    return [
        Target(
            f"{_EXPLAINED}, microseconds (median)",
            [found[_EXPLAINED] for found in middles],
            at_most=300,
        ),
        Target(
            f"{_EXPLAINED}, x pred_contrib of the same trees",
            [found[_EXPLAINED] / found[_CONTRIB] for found in middles],
            at_most=1,
        ),
    ]


def differences(case: Case) -> tuple[float, float]:
    """Return how far our trees are from LightGBM's values and from its `pred_contrib`, at most."""
    apart_value, apart_share = [0.0], [0.0]
    some = case.matrix[:200]
    for trees in ensembles_of(case.bundle):
        booster = to_booster(trees)
        values = np.asarray(booster.predict(some))
        shares = np.asarray(booster.predict(some, pred_contrib=True))[:, :-1]
        apart_value.append(float(np.abs(values - trees.values(some)).max()))
        apart_share.append(float(np.abs(shares - trees.contributions(some)).max()))
    return max(apart_value), max(apart_share)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round over few leads")
    size = QUICK if parser.parse_args().quick else FULL
    with scratch_folder() as folder:
        case = prepare(folder, size)
    ways = ways_of(case)
    next(time_ways(ways, n_rounds=1))  # what is built on first use
    rounds = []
    for found in time_ways(ways, n_rounds=size.n_rounds):
        rounds.append(found)
        print(f"round {len(rounds)}: {median(found[_EXPLAINED]):.0f} us, {_EXPLAINED}", flush=True)
    n_trees = sum(trees.n_trees for trees in ensembles_of(case.bundle))
    value, share = differences(case)
    print(f"\n**The scoring core, {n_trees} trees and {case.bundle.encoder.width} columns**\n")
    print("\n".join(describe(rounds)))
    print(f"Same trees, other code: values differ by {value:.1e}, shares by {share:.1e}.\n")
    print("**Target of issue 4** (median of the rounds [lowest-highest])\n")
    rows = [target.row() for target in targets(rounds)]
    print("\n".join(table(("", "wanted", "found", ""), rows)))


if __name__ == "__main__":
    main()
