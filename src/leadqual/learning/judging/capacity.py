"""How many conversions so many leads a day would have caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.judging.curves import Points, band
from leadqual.learning.metrics import Interval, Outcome

Floats = NDArray[np.float64]

MIN_WEEKS: Final = 4
DAYS_PER_WEEK: Final = 5
_N_POINTS: Final = 31
_NONE: Final = float("nan")


@dataclass(frozen=True)
class CapacityCurve:
    """Wins caught against leads worked per working day, the best of each week first.

    Parameters
    ----------
    n_weeks, days_per_week : float, int
        Length of the judged period, and working days in a week of it.
    n_wins : int
        All wins of the judged leads.
    leads_per_day, wins, low, high : tuple of float
        Capacity from 0 to that of the busiest week, and the wins caught by it with their 95 %
        band: all of them at the end. The band is empty where nothing was resampled.
    capacity : int or None
        What the team can work on a day, where somebody said so.
    """

    n_weeks: float
    days_per_week: int
    n_wins: int
    leads_per_day: Points
    wins: Points
    low: Points
    high: Points
    capacity: int | None = None

    @property
    def busiest_per_day(self) -> float:
        """Return the judged leads per working day of the busiest week."""
        return self.leads_per_day[-1]

    @property
    def at_capacity(self) -> Interval:
        """Return the share of wins caught by the team's capacity; NaN where it is not known."""
        if self.capacity is None:
            return Interval(_NONE, _NONE, _NONE)
        found = [
            float(np.interp(self.capacity, self.leads_per_day, wins)) / self.n_wins
            if wins
            else _NONE
            for wins in (self.wins, self.low, self.high)
        ]
        return Interval(*found)

    def of_team(self, *, capacity: int | None, days_per_week: int) -> CapacityCurve:
        """Return the same curve for a team: what it can do on a day, and its working days."""
        per_day = tuple(x * self.days_per_week / days_per_week for x in self.leads_per_day)
        return replace(self, leads_per_day=per_day, days_per_week=days_per_week, capacity=capacity)

    def as_dict(self) -> dict[str, object]:
        """Return the curve and what the capacity would have caught as JSON values."""
        return {**asdict(self), "share_at_capacity": self.at_capacity.as_dict()}


def draw_capacity(
    p: Floats, moment_days: Floats, outcome: Outcome, *, draws: Sequence[Floats]
) -> CapacityCurve | None:
    """Return what each capacity would have caught, had the judged leads been worked by rank.

    Nobody knows next month's leads, so leads compete with those of their own week only: a team
    that can work k a day takes the best k times its working days of each week.

    Parameters
    ----------
    p : ndarray of float64, shape (n,)
        Ranks the leads.
    moment_days : ndarray of float64, shape (n,)
        When each lead came, in days since 1970; NaN without times.
    outcome : Outcome
        What came true.
    draws : sequence of ndarray of float64, shape (n,)
        As for `draw_gain`.

    Returns
    -------
    CapacityCurve or None
        With five working days a week; None without times, below four weeks or without a win.
    """
    if not np.isfinite(moment_days).all() or not outcome.won.sum() > 0:
        return None
    n_weeks = float(np.ptp(moment_days) / 7)
    if n_weeks < MIN_WEEKS:
        return None
    week = np.floor((moment_days - moment_days.min()) / 7)
    needed = _rank_within(week, p) / DAYS_PER_WEEK
    order = np.argsort(needed, kind="stable")
    grid = np.linspace(0.0, needed.max(), _N_POINTS)
    place = np.searchsorted(needed[order], grid + 1e-9, side="right")
    n_wins = int(outcome.won.sum())

    def wins(drawn: Floats) -> Floats:
        caught = np.concatenate([[0.0], np.cumsum((drawn * outcome.won)[order])])
        return np.asarray(n_wins * caught[place] / max(caught[-1], 1e-12), dtype=np.float64)

    low, high = band([wins(drawn) for drawn in draws])
    return CapacityCurve(
        n_weeks=n_weeks,
        days_per_week=DAYS_PER_WEEK,
        n_wins=n_wins,
        leads_per_day=tuple(grid.tolist()),
        wins=tuple(wins(np.ones(len(p))).tolist()),
        low=low,
        high=high,
    )


def _rank_within(week: Floats, p: Floats) -> Floats:
    """Return 1 for the best lead of its week, 2 for the next; ties in a fixed random order."""
    tie = np.random.default_rng(0).random(len(p))
    order = np.lexsort((tie, -p, week))
    start = np.searchsorted(week[order], week[order], side="left")
    rank = np.empty(len(p))
    rank[order] = np.arange(len(p)) - start + 1
    return rank
