"""What working the best leads first catches: gain and lift, with bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.metrics import Outcome, tally

Floats = NDArray[np.float64]
Points = tuple[float, ...]

_N_POINTS: Final = 21
_MAX_DISTINCT: Final = 2_000


@dataclass(frozen=True)
class Gain:
    """Share of wins and of revenue caught when the best leads are worked first.

    All have shape (21,), at 0 %, 5 % ... 100 % of leads worked, with 95 % bands. What belongs to
    `revenue` is empty where no amount is known; it is ranked by expected value, `wins` by
    probability. A band is empty where nothing was resampled.
    """

    worked: Points
    wins: Points
    wins_low: Points
    wins_high: Points
    revenue: Points
    revenue_low: Points
    revenue_high: Points


def draw_gain(p: Floats, value_usd: Floats, outcome: Outcome, *, draws: Sequence[Floats]) -> Gain:
    """Return the gain curves of a ranking.

    Parameters
    ----------
    p, value_usd : ndarray of float64, shape (n,)
        Probability and expected value.
    outcome : Outcome
        What came true.
    draws : sequence of ndarray of float64, shape (n,)
        How often each lead was drawn in each resample (`metrics.resample`).
    """
    grid = np.linspace(0.0, 1.0, _N_POINTS)
    wins = _caught(p, outcome.won, grid=grid, draws=draws)
    revenue: tuple[Points, Points, Points] = ((), (), ())
    if outcome.value.sum() > 0:
        revenue = _caught(value_usd, outcome.value, grid=grid, draws=draws)
    return Gain(tuple(grid.tolist()), *wins, *revenue)


def band(drawn: Sequence[Floats]) -> tuple[Points, Points]:
    """Return the middle 95 % of resampled curves, point by point; empty without any."""
    if not len(drawn):
        return (), ()
    low, high = np.quantile(np.stack(drawn), [0.025, 0.975], axis=0)
    return tuple(low.tolist()), tuple(high.tolist())


def _caught(
    ranked_by: Floats, amounts: Floats, *, grid: Floats, draws: Sequence[Floats]
) -> tuple[Points, Points, Points]:
    """Share of amounts in the top part, for each part; ties are split evenly."""
    outcome = Outcome.of(np.zeros(len(amounts)), amounts)

    def curve(ranking: Floats, weights: Floats) -> Floats:
        counted = tally(ranking, outcome, weights)
        worked = np.concatenate([[0.0], np.cumsum(counted.weight[::-1])])
        caught = np.concatenate([[0.0], np.cumsum(counted.value[::-1])])
        share = np.interp(grid, worked / worked[-1], caught / max(caught[-1], 1e-12))
        return np.asarray(share, dtype=np.float64)

    found = curve(ranked_by, np.ones(len(amounts)))
    coarse = _coarsened(ranked_by)
    return tuple(found.tolist()), *band([curve(coarse, drawn) for drawn in draws])


def _coarsened(ranked_by: Floats) -> Floats:
    """Give neighbours one rank, so that resamples cost less: a band needs no last digit."""
    distinct, place = np.unique(ranked_by, return_inverse=True)
    if len(distinct) <= _MAX_DISTINCT:
        return ranked_by
    return np.asarray(place * _MAX_DISTINCT // len(distinct), dtype=np.float64)
