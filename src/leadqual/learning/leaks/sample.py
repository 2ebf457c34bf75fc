"""The leads that a leak is looked for on, and how well something ranks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import betaincinv

from leadqual.learning.single_column import (
    Codes,
    Flags,
    Floats,
    ReadColumn,
    mean_out_of_fold,
)

MIN_SIDE: Final = 20
"""Won leads, and others, that a comparison needs."""

N_STRETCHES: Final = 5

MIN_LEVEL: Final = 5
"""Levels of fewer leads count as one: copies of a lead would vouch for each other."""

_MIN_SIDE_OF_STRATUM: Final = 5
_CHANCE: Final = 1e-3
_MIN_BESIDE: Final = 5
_LEADS_PER_PART: Final = 100
_MAX_PARTS: Final = 20
_Z: Final = 1.96


@dataclass(frozen=True, eq=False)
class Sample:
    """Leads with a known outcome, in time order; all arrays have shape (n,).

    Parameters
    ----------
    columns : mapping of str to ReadColumn
        What would be learned from.
    won : ndarray of bool
        The outcome.
    stretch : ndarray of intp
        Which of `N_STRETCHES` parts of the history each lead belongs to. Comparisons are made
        within them: a market that moved is no leak.
    moment_days, settled_days : ndarray of float64
        When the lead was scored, in days since 1970, and days until it was won or ended; NaN
        where not known.
    is_ordered : bool
        Whether the order of leads means anything.
    """

    columns: dict[str, ReadColumn]
    won: Flags
    stretch: Codes
    moment_days: Floats
    settled_days: Floats
    is_ordered: bool

    @property
    def y(self) -> Floats:
        """Return the outcome as 0 and 1."""
        return self.won.astype(np.float64)


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve and its lower 97.5 % bound (Hanley and McNeil 1982)."""

    value: float
    low: float


def area_within(score: Floats, won: Flags, stratum: Codes) -> Area | None:
    """Return how well a score ranks won leads above others of the same stratum.

    The mean of the areas of the strata, by their size; those with fewer than 5 leads on either
    side are left out. None when fewer than `MIN_SIDE` leads on either side remain.

    Parameters
    ----------
    score : ndarray of float64, shape (n,)
        Higher means more likely won.
    won : ndarray of bool, shape (n,)
        The outcome.
    stratum : ndarray of intp, shape (n,)
        Not negative.
    """
    areas, weights, sides = [], [], np.zeros(2)
    for number in np.unique(stratum).tolist():
        inside = stratum == number
        yes, no = np.sort(score[inside & won]), np.sort(score[inside & ~won])
        if min(len(yes), len(no)) < _MIN_SIDE_OF_STRATUM:
            continue
        below = np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")
        areas.append(below.sum() / (2 * len(yes) * len(no)))
        weights.append(len(yes) + len(no))
        sides += len(yes), len(no)
    if min(sides) < MIN_SIDE:
        return None
    value = float(np.average(areas, weights=weights))
    return Area(value, value - _Z * _standard_error(value, *sides.tolist()))


def skill_of_date(codes: Codes, sample: Sample) -> float:
    """Return how far above one half the date alone ranks, in as many parts as there are groups.

    What an index of the economy ranks in a moving market the date ranks as well.
    """
    n = len(sample.won)
    n_parts = min(len(np.unique(codes)), n // MIN_LEVEL)
    score = mean_out_of_fold(np.arange(n) * n_parts // n, sample.y)
    area = area_within(score, sample.won, sample.stretch)
    return 0.0 if area is None else max(area.value - 0.5, 0.0)


def _standard_error(area: float, n_yes: float, n_no: float) -> float:
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = (area * (1 - area) + (n_yes - 1) * (one - area**2) + (n_no - 1) * (two - area**2)) / (
        n_yes * n_no
    )
    return float(np.sqrt(max(spread, 0.0)))


@dataclass(frozen=True, eq=False)
class GroupRates:
    """How groups of leads fare beside other leads of the same time.

    All arrays have shape (n_groups,).

    Parameters
    ----------
    n_all, n_won_all : ndarray of intp
        Leads of the group, and won ones among them.
    n, n_won : ndarray of float64
        The same without what cannot be compared, and without the part of the history that speaks
        loudest: where the market turns, what merely came with the turn looks like its cause.
    rate_beside : ndarray of float64
        Share won of the other leads, weighted to the times of the group; never 0 or 1.
    """

    n_all: Codes
    n_won_all: Codes
    n: Floats
    n_won: Floats
    rate_beside: Floats

    def least_rate(self, *, n_looked_at: int) -> Floats:
        """Return the lowest share won that is no chance of 1 in 1,000, over all groups looked at.

        Exact (Clopper and Pearson), with Bonferroni's correction.
        """
        return _least(self.n_won, self.n, _CHANCE / max(n_looked_at, 1))

    def greatest_rate(self, *, n_looked_at: int) -> Floats:
        """Return the highest share won, bounded as by `least_rate`."""
        return 1 - _least(self.n - self.n_won, self.n, _CHANCE / max(n_looked_at, 1))

    def describe(self, group: int) -> str:
        """Return size and share won of a group, and the share beside it, in words."""
        n, n_won = int(self.n_all[group]), int(self.n_won_all[group])
        words = {n: "all of them won", 0: "none of them won"}
        of_them = words.get(n_won, f"{n_won / n:.1%} of them won")
        return f"{n:,} leads, {of_them} (beside them {self.rate_beside[group]:.1%})"


def _least(n_yes: Floats, n: Floats, chance: float) -> Floats:
    bound = betaincinv(np.maximum(n_yes, 1), n - n_yes + 1, chance)
    return np.where(n_yes > 0, bound, 0.0)


def rate_groups(codes: Codes, n_groups: int, sample: Sample) -> GroupRates:
    """Count each group beside the others; `codes` are below n_groups, shape (n,)."""
    n_leads = len(codes)
    n_parts = int(np.clip(n_leads // _LEADS_PER_PART, N_STRETCHES, _MAX_PARTS))
    place = codes * n_parts + np.arange(n_leads) * n_parts // n_leads
    shape, size = (n_groups, n_parts), n_groups * n_parts
    n = np.bincount(place, minlength=size).reshape(shape)
    won = np.bincount(place[sample.won], minlength=size).reshape(shape)
    beside, won_beside = n.sum(axis=0) - n, won.sum(axis=0) - won
    counts = beside >= _MIN_BESIDE
    counts[np.arange(n_groups), np.argmax(won * counts, axis=1)] = False
    counted = (n * counts).sum(axis=1)
    expected = (n * counts * won_beside / np.maximum(beside, 1)).sum(axis=1)
    least = 0.5 / ((beside * counts).sum(axis=1) + 1)
    return GroupRates(
        n_all=n.sum(axis=1),
        n_won_all=won.sum(axis=1),
        n=counted.astype(np.float64),
        n_won=(won * counts).sum(axis=1).astype(np.float64),
        rate_beside=np.clip(expected / np.maximum(counted, 1), least, 1 - least),
    )
