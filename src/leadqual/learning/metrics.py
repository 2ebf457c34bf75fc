"""Ranking and probability metrics, with bootstrap intervals and paired differences.

Every metric is a function of sums per distinct prediction (`Tally`), so that one bootstrap
resample costs a count, not a sort; ties are split evenly, never by row order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

P_FLOOR: Final = 1e-6
N_BINS: Final = 10
_MAX_DISTINCT: Final = 1_000
_LEAST_SPREAD: Final = 0.02
"""Of log-odds; predictions that are more alike than this have no slope that says anything."""


@dataclass(frozen=True)
class Tally:
    """Sums per distinct prediction, in ascending order of prediction.

    Parameters
    ----------
    p : ndarray of float64, shape (n_distinct,)
        The prediction.
    weight, wins, value : ndarray of float64, shape (n_distinct,)
        Leads, wins and won amount at this prediction.
    """

    p: Floats
    weight: Floats
    wins: Floats
    value: Floats


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % bootstrap interval; NaN bounds where none could be drawn."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        """Return the three numbers, None for NaN."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: float(x) if np.isfinite(x) else None for name, x in numbers.items()}


def auc(tally: Tally) -> float:
    """Return the area under the ROC curve in [0, 1]; NaN with one class only."""
    losses = tally.weight - tally.wins
    below = np.cumsum(losses) - losses
    total = tally.wins.sum() * losses.sum()
    return float((tally.wins * (below + losses / 2)).sum() / total) if total > 0 else float("nan")


def average_precision(tally: Tally) -> float:
    """Return the average precision in [0, 1]; NaN without a win."""
    n_wins = tally.wins.sum()
    if n_wins <= 0:
        return float("nan")
    caught, seen = np.cumsum(tally.wins[::-1]), np.cumsum(tally.weight[::-1])
    precision = np.divide(caught, seen, out=np.zeros_like(caught), where=seen > 0)
    return float((precision * tally.wins[::-1]).sum() / n_wins)


def share_in_top(tally: Tally, amounts: Floats, share: float) -> float:
    """Return which part of `amounts` lies in the top `share` of leads by prediction.

    Parameters
    ----------
    tally : Tally
        Predictions and lead counts.
    amounts : ndarray of float64, shape (n_distinct,)
        What is captured: `tally.wins` or `tally.value`.
    share : float
        Part of the leads that is worked, in (0, 1].
    """
    total = amounts.sum()
    if total <= 0:
        return float("nan")
    worked = np.concatenate([[0.0], np.cumsum(tally.weight[::-1])]) / tally.weight.sum()
    captured = np.concatenate([[0.0], np.cumsum(amounts[::-1])]) / total
    return float(np.interp(share, worked, captured))


def log_loss(tally: Tally) -> float:
    """Return the mean log loss in nats; predictions are kept off 0 and 1 by 1e-6."""
    p = np.clip(tally.p, P_FLOOR, 1 - P_FLOOR)
    losses = tally.weight - tally.wins
    return float(-(tally.wins * np.log(p) + losses * np.log1p(-p)).sum() / tally.weight.sum())


def brier(tally: Tally) -> float:
    """Return the mean squared error of the probability."""
    losses = tally.weight - tally.wins
    squares = tally.wins * (1 - tally.p) ** 2 + losses * tally.p**2
    return float(squares.sum() / tally.weight.sum())


def reliability(tally: Tally, n_bins: int = N_BINS) -> list[tuple[float, float, float]]:
    """Return (mean prediction, observed rate, leads) of bins with about equally many leads."""
    end = np.cumsum(tally.weight)
    middle = (end - tally.weight / 2) / max(end[-1], 1e-12)
    in_bin = np.minimum((middle * n_bins).astype(int), n_bins - 1)
    leads = np.bincount(in_bin, tally.weight, n_bins)
    expected = np.bincount(in_bin, tally.weight * tally.p, n_bins)
    wins = np.bincount(in_bin, tally.wins, n_bins)
    return [
        (float(e / n), float(won / n), float(n))
        for e, won, n in zip(expected, wins, leads, strict=True)
        if n > 0
    ]


def calibration_error(tally: Tally) -> float:
    """Return the expected calibration error over ten bins of equal size."""
    bins = reliability(tally)
    n_leads = sum(n for _, _, n in bins)
    return float(sum(n * abs(rate - expected) for expected, rate, n in bins) / n_leads)


def observed_expected(tally: Tally) -> float:
    """Return observed wins over predicted wins: 1 is right, above 1 predicts too few."""
    return float(tally.wins.sum() / max((tally.p * tally.weight).sum(), 1e-12))


def calibration_slope(tally: Tally) -> float:
    """Return the slope of the true log-odds on the predicted: below 1 is over-confident.

    NaN with one class only or where all predictions are nearly the same.
    """
    if not 0 < tally.wins.sum() < tally.weight.sum() or len(tally.p) < 2:
        return float("nan")
    p = np.clip(tally.p, P_FLOOR, 1 - P_FLOOR)
    z = np.log(p / (1 - p))
    center = np.average(z, weights=tally.weight)
    z -= center
    spread = np.sqrt(np.average(z**2, weights=tally.weight))
    if spread < _LEAST_SPREAD:
        return float("nan")
    design = np.stack([np.ones_like(z), z / spread], axis=1)
    beta = np.array([center, spread])  # right probabilities are where the search begins
    for _ in range(30):
        fitted = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (tally.wins - tally.weight * fitted)
        hessian = (design * (tally.weight * fitted * (1 - fitted))[:, None]).T @ design
        step = np.clip(np.linalg.solve(hessian + 1e-9 * np.eye(2), gradient), -1, 1)
        beta += step
        if np.abs(step).max() < 1e-7:
            break
    return float(beta[1] / spread)


METRICS: Final[Mapping[str, Callable[[Tally], float]]] = {
    "auc": auc,
    "average_precision": average_precision,
    "lift_10": lambda tally: share_in_top(tally, tally.wins, 0.1) / 0.1,
    "captured_20": lambda tally: share_in_top(tally, tally.wins, 0.2),
    "revenue_20": lambda tally: share_in_top(tally, tally.value, 0.2),
    "log_loss": log_loss,
    "brier": brier,
    "ece": calibration_error,
    "slope": calibration_slope,
    "observed_expected": observed_expected,
}
"""Name to metric. `captured_20` and `revenue_20` are shares caught in the top 20 % of leads."""


@dataclass(frozen=True)
class Outcome:
    """What came true of the leads that predictions are judged on.

    Parameters
    ----------
    won : ndarray of float64, shape (n,)
        1 or 0, or the true probability where it is known (simulation).
    value : ndarray of float64, shape (n,)
        Won amount, 0 where not won.
    group : ndarray of intp, shape (n,)
        Leads with one number are drawn together (exact duplicates).
    weight : ndarray of float64, shape (n,), optional
        How many leads each one stands for, itself and those too young to be judged; None: one.
    """

    won: Floats
    value: Floats
    group: NDArray[np.intp]
    weight: Floats | None = None

    @classmethod
    def of(cls, won: Floats, value: Floats | None = None) -> Outcome:
        """Return the outcome of leads that are drawn one by one."""
        amounts = np.zeros(len(won)) if value is None else np.nan_to_num(value)
        return cls(won=won.astype(np.float64), value=amounts, group=np.arange(len(won)))

    @property
    def weights(self) -> Floats:
        """Return what each lead counts, shape (n,)."""
        return np.ones(len(self.won)) if self.weight is None else self.weight

    @property
    def n_effective(self) -> float:
        """Return how many equal, independent leads would tell as much as these (Kish)."""
        if not len(self.won):
            return 0.0
        per_group = np.bincount(self.group, self.weights)
        return float(per_group.sum() ** 2 / max(float((per_group**2).sum()), 1e-12))


def tally(p: Floats, outcome: Outcome, weights: Floats | None = None) -> Tally:
    """Sum leads, wins and value per distinct prediction, each of shape (n,).

    `weights` say how often each lead was drawn; they come on top of those of the outcome.
    """
    distinct, place = np.unique(p, return_inverse=True)
    drawn = np.ones(len(p)) if weights is None else weights
    return _Placed(distinct, place).tally(outcome, drawn * outcome.weights)


@dataclass(frozen=True)
class _Placed:
    """Distinct predictions, and which of them each lead has."""

    distinct: Floats
    place: NDArray[np.intp]

    def tally(self, outcome: Outcome, weights: Floats) -> Tally:
        def total(amounts: Floats) -> Floats:
            sums = np.bincount(self.place, amounts, len(self.distinct))
            return np.asarray(sums, dtype=np.float64)

        return Tally(
            p=self.distinct,
            weight=total(weights),
            wins=total(weights * outcome.won),
            value=total(weights * outcome.value),
        )

    def coarsened(self) -> _Placed:
        """Join neighbours until at most a thousand predictions differ.

        Resamples need the spread of a metric, not its last digit, and cost a tenth this way.
        """
        if len(self.distinct) <= _MAX_DISTINCT:
            return self
        in_bin = np.arange(len(self.distinct)) * _MAX_DISTINCT // len(self.distinct)
        means = np.bincount(in_bin, self.distinct) / np.bincount(in_bin)
        return _Placed(means, in_bin[self.place])


def measure(p: Floats, outcome: Outcome) -> dict[str, float]:
    """Return every metric of `METRICS` for predictions of shape (n,)."""
    counted = tally(p, outcome)
    return {name: metric(counted) for name, metric in METRICS.items()}


@dataclass(frozen=True)
class Comparison:
    """Metrics of several predictors on the same leads.

    Parameters
    ----------
    metrics : mapping of predictor to metric to Interval
        Each predictor on its own.
    differences : mapping of predictor to metric to Interval
        Reference minus predictor, on the same resamples (paired).
    """

    metrics: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Interval]]


def compare(
    predictions: Mapping[str, Floats],
    outcome: Outcome,
    *,
    reference: str,
    rng: np.random.Generator,
    n_resamples: int = 300,
) -> Comparison:
    """Measure predictors on the same leads with 95 % intervals, alone and paired.

    Parameters
    ----------
    predictions : mapping of str to ndarray, shape (n,)
        Probability per lead, by predictor.
    outcome : Outcome
        What came true.
    reference : str
        The predictor that the others are subtracted from.
    rng : numpy Generator
        Draws the resamples (whole groups, with replacement).
    n_resamples : int
        0 gives the figures without intervals.
    """
    even = outcome.weights
    resamples = [drawn * even for drawn in resample(outcome.group, rng, n_resamples)]
    drawn = {}
    for name, p in predictions.items():
        placed = _Placed(*np.unique(np.asarray(p, dtype=np.float64), return_inverse=True))
        coarse = placed.coarsened()
        tallies = [placed.tally(outcome, even), *(coarse.tally(outcome, w) for w in resamples)]
        drawn[name] = np.array([[metric(t) for metric in METRICS.values()] for t in tallies])
    return Comparison(
        metrics={name: _intervals(table) for name, table in drawn.items()},
        differences={
            name: _intervals(drawn[reference] - table, is_difference=True)
            for name, table in drawn.items()
            if name != reference
        },
    )


def resample(group: NDArray[np.intp], rng: np.random.Generator, n: int) -> list[Floats]:
    """Return how often each row is drawn in n bootstrap resamples of whole groups."""
    n_groups = int(group.max()) + 1 if len(group) else 0
    return [
        np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups)[group].astype(float)
        for _ in range(n)
    ]


def _intervals(table: Floats, *, is_difference: bool = False) -> dict[str, Interval]:
    """First row is the figure, the other rows are its resamples; one column per metric."""
    return {
        name: interval_of(column, is_error=name == "ece" and not is_difference)
        for name, column in zip(METRICS, table.T, strict=True)
    }


def interval_of(column: Floats, *, is_error: bool = False) -> Interval:
    """Return a figure with the middle 95 % of its resamples.

    Parameters
    ----------
    column : ndarray of float64, shape (1 + n_resamples,)
        The figure, then its resamples; those that are not finite are left out.
    is_error : bool
        Whether it is a calibration error.

    Notes
    -----
    The calibration error takes every gap for one, so each resample adds noise on top of noise and
    its resamples lie above it. Its interval is turned around the figure, which takes that out,
    and holds the figure itself.
    """
    value, drawn = float(column[0]), column[1:][np.isfinite(column[1:])]
    if not len(drawn):
        return Interval(value, float("nan"), float("nan"))
    low, high = (float(bound) for bound in np.quantile(drawn, [0.025, 0.975]))
    if is_error:
        low, high = max(min(2 * value - high, value), 0.0), max(2 * value - low, value)
    return Interval(value, low, high)
