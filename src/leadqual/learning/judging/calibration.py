"""Whether ten in a hundred means ten in a hundred: bins with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.judging.intervals import wilson
from leadqual.learning.metrics import N_BINS, Outcome, reliability, tally

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """Leads with about the same prediction: what was said of them, and what came true.

    `low` and `high` are the 95 % interval of `observed` (Wilson, on as many leads as count on
    their own).
    """

    predicted: float
    observed: float
    low: float
    high: float
    n_leads: float


def draw_reliability(p: Floats, outcome: Outcome, *, n_bins: int = N_BINS) -> tuple[Bin, ...]:
    """Return bins of about equally many leads, by ascending prediction.

    Parameters
    ----------
    p : ndarray of float64, shape (n,)
        Probability.
    outcome : Outcome
        What came true.
    n_bins : int
        Fewer come back where predictions are equal.
    """
    found = reliability(tally(p, outcome), n_bins)
    counting = outcome.n_effective / max(float(outcome.weights.sum()), 1e-12)
    bins = []
    for predicted, observed, n_leads in found:
        low, high = wilson(observed, n_leads * counting)
        bins.append(Bin(predicted, observed, low, high, n_leads))
    return tuple(bins)


def error_by_chance(bins: Sequence[Bin], *, n_effective: float) -> float:
    """Return the calibration error that perfect probabilities would show on so few leads.

    A calibration error is a mean of gaps without sign, so it is never 0: this is how much of it
    is the noise of counting.

    Parameters
    ----------
    bins : sequence of Bin
        From `draw_reliability`.
    n_effective : float
        Leads that count on their own.

    Examples
    --------
    >>> bins = [Bin(0.5, 0.55, 0.4, 0.7, 100.0)]
    >>> round(error_by_chance(bins, n_effective=100.0), 3)
    0.04
    """
    total = sum(one.n_leads for one in bins)
    if total <= 0 or n_effective <= 0:
        return float("nan")
    error = 0.0
    for one in bins:
        share = one.n_leads / total
        spread = np.sqrt(one.predicted * (1 - one.predicted) / (share * n_effective))
        error += share * np.sqrt(2 / np.pi) * float(spread)
    return float(error)
