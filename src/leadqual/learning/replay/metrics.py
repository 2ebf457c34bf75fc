"""Figures of a backtest: per step, joined to points of a curve, and over all arrivals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.metrics import METRICS, Comparison, Outcome, compare, interval_of, tally
from leadqual.learning.protocol import MIN_TEST_WINS
from leadqual.learning.replay.result import (
    AUC_WITHIN,
    SHOWN,
    CurvePoint,
    Figures,
    StepResult,
)

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


def measure_steps(
    p: Mapping[str, Floats], steps: Sequence[Codes], outcome: Floats
) -> Iterator[Figures]:
    """Yield the metrics of `SHOWN` of each step.

    Parameters
    ----------
    p : mapping of predictor to ndarray of float64, shape (n_leads,)
    steps : sequence of ndarray of intp
        Rows of the judged leads of each step.
    outcome : ndarray of float64, shape (n_leads,)
        1 won, 0 not.
    """
    for rows in steps:
        found = Outcome.of(outcome[rows])
        yield {
            name: {metric: METRICS[metric](counted) for metric in SHOWN}
            for name, counted in ((name, tally(said[rows], found)) for name, said in p.items())
            if len(rows)
        }


def join_steps(
    p: Mapping[str, Floats], steps: Sequence[StepResult], outcome: Floats
) -> tuple[CurvePoint, ...]:
    """Join neighbouring steps until 20 leads were won and 20 were not; a rest joins the last.

    Parameters are those of `measure_steps`.
    """
    groups: list[list[int]] = []
    waiting: list[int] = []
    for number, _ in enumerate(steps):
        waiting.append(number)
        n_judged = sum(len(steps[i].rows) for i in waiting)
        n_won = sum(steps[i].n_won for i in waiting)
        if min(n_won, n_judged - n_won) >= MIN_TEST_WINS:
            groups.append(waiting)
            waiting = []
    if groups:
        groups[-1] += waiting
    rows = [np.concatenate([steps[i].rows for i in group]) for group in groups]
    return tuple(
        CurvePoint(group[0], group[-1], len(of_group), int(outcome[of_group].sum()), metrics)
        for group, of_group, metrics in zip(
            groups, rows, measure_steps(p, rows, outcome), strict=True
        )
    )


def compare_pooled(
    p: Mapping[str, Floats],
    outcome: Floats,
    steps: Sequence[Codes],
    *,
    reference: str,
    rng: np.random.Generator,
    n_resamples: int,
) -> Comparison:
    """Measure every predictor over all judged arrivals, alone and paired with the reference.

    Parameters
    ----------
    p, outcome, steps
        As for `measure_steps`.
    reference : str
        The predictor that the others are subtracted from.
    rng : numpy Generator
        Draws the resamples.
    n_resamples : int
        0 gives the figures without intervals.
    """
    judged = np.concatenate(list(steps))
    pooled = compare(
        {name: said[judged] for name, said in p.items()},
        Outcome.of(outcome[judged]),
        reference=reference,
        rng=rng,
        n_resamples=n_resamples,
    )
    within = _auc_within(p, outcome, steps, rng=rng, n_resamples=n_resamples)
    for name, metrics in pooled.metrics.items():
        metrics[AUC_WITHIN] = interval_of(within[name])
    for name, metrics in pooled.differences.items():
        metrics[AUC_WITHIN] = interval_of(within[reference] - within[name])
    return pooled


def _auc_within(
    p: Mapping[str, Floats],
    outcome: Floats,
    steps: Sequence[Codes],
    *,
    rng: np.random.Generator,
    n_resamples: int,
) -> dict[str, Floats]:
    """Share of pairs of one step that are ranked right: the figure, then its resamples."""
    right = {name: np.zeros(n_resamples + 1) for name in p}
    pairs = np.zeros(n_resamples + 1)
    for rows in steps:
        drawn = rng.poisson(1.0, (n_resamples, len(rows)))
        weights = np.concatenate([np.ones((1, len(rows))), drawn])
        won = outcome[rows]
        if not 0 < won.sum() < len(rows):
            continue
        pairs += (weights @ won) * (weights @ (1 - won))
        for name, said in p.items():
            order = np.argsort(said[rows], kind="stable")
            starts = np.unique(said[rows][order], return_index=True)[1]
            wins = np.add.reduceat(weights[:, order] * won[order], starts, axis=1)
            losses = np.add.reduceat(weights[:, order] * (1 - won[order]), starts, axis=1)
            below = np.cumsum(losses, axis=1) - losses / 2
            right[name] += (wins * below).sum(axis=1)
    empty = np.full(n_resamples + 1, np.nan)
    return {
        name: np.divide(found, pairs, out=empty.copy(), where=pairs > 0)
        for name, found in right.items()
    }
