"""How long wins take: the delay curve, soft labels by age, and where recording began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from leadqual.outcomes.labels import Labels
from leadqual.outcomes.progress import Flags, Floats

MIN_WINS_FOR_CURVE: Final = 20
_MIN_AT_RISK: Final = 20
_MAX_STEPS: Final = 512
_IMPLAUSIBLE: Final = 20.0
"""Wins that should have been seen before the first one; e**-20 is no accident."""


@dataclass(frozen=True)
class DelayCurve:
    """P(converted by this age | will convert), as a step function joined by straight lines.

    Parameters
    ----------
    days : tuple of float
        Ascending ages in days, beginning at 0; empty when too few wins had a delay: then
        every age counts as mature (1.0).
    shares : tuple of float
        Share of wins that came by each of these ages, in [0, 1], not falling.
    n_wins : int
        Delays that it was estimated from.
    oldest_days : float
        Age of the oldest lead: the curve says nothing about what comes later.
    """

    days: tuple[float, ...]
    shares: tuple[float, ...]
    n_wins: int
    oldest_days: float

    def share_by(self, age_days: Floats | float) -> Floats:
        """Return the share of wins that come by an age, same shape; NaN age gives 1.0."""
        age = np.asarray(age_days, dtype=np.float64)
        if not self.days:
            return np.ones_like(age)
        known = np.interp(age, self.days, self.shares)
        return np.where(np.isnan(age), 1.0, known)

    def age_at(self, share: float) -> float:
        """Return the age in days by which this share of wins has come; 0.0 without a curve."""
        if not self.days:
            return 0.0
        place = int(np.searchsorted(self.shares, share))
        return float(self.days[min(place, len(self.days) - 1)])

    @property
    def is_flat_at_end(self) -> bool:
        """Return whether the oldest leads are old enough to see the curve end.

        False in a young history: then probabilities are for the first `oldest_days` only.
        """
        return not self.days or self.age_at(0.8) <= self.oldest_days / 2


def fit_delay_curve(delay_days: Floats, age_days: Floats) -> DelayCurve:
    """Estimate how long wins take from those seen so far, corrected for right truncation.

    Only wins faster than the age of their lead can have been seen, so the plain distribution
    of seen delays is too fast. This is the product-limit estimator in reversed time.

    Parameters
    ----------
    delay_days : ndarray of float64, shape (n_leads,)
        Days to the win; NaN where not won.
    age_days : ndarray of float64, shape (n_leads,)
        Age of each lead; NaN where unknown.

    References
    ----------
    Lagakos, Barraj, De Gruttola (1988), Nonparametric analysis of truncated survival data.
    """
    is_seen = np.isfinite(delay_days) & np.isfinite(age_days)
    oldest = float(np.nanmax(age_days)) if np.isfinite(age_days).any() else float("nan")
    if is_seen.sum() < MIN_WINS_FOR_CURVE:
        return DelayCurve(days=(), shares=(), n_wins=int(is_seen.sum()), oldest_days=oldest)
    delays = np.sort(delay_days[is_seen])
    ages = np.sort(np.maximum(age_days, delay_days)[is_seen])
    steps, n_events = np.unique(delays, return_counts=True)
    # A win is at risk at t when its delay is at most t and its lead is at least t old; who is
    # not that old has a smaller delay in any case.
    n_at_risk = np.searchsorted(delays, steps, "right") - np.searchsorted(ages, steps, "left")
    falls = np.where(n_at_risk > _MIN_AT_RISK, 1.0 - n_events / np.maximum(n_at_risk, 1), 1.0)
    # The share by a step is the product of the falls of all later steps.
    shares = np.append(np.cumprod(falls[::-1])[::-1][1:], 1.0)
    kept = np.unique(np.linspace(0, len(steps) - 1, _MAX_STEPS).round().astype(int))
    at_once = shares[0] if steps[0] <= 0 else 0.0
    return DelayCurve(
        days=(0.0, *steps[kept].tolist()),
        shares=(float(at_once), *shares[kept].tolist()),
        n_wins=len(delays),
        oldest_days=oldest,
    )


def soften(p_conversion: Floats, share_by_now: Floats) -> Floats:
    """Return P(wins later | not won yet), the soft label of an open lead.

    Parameters
    ----------
    p_conversion : ndarray of float64, shape (n,)
        P(wins at all) in [0, 1].
    share_by_now : ndarray of float64, shape (n,)
        `DelayCurve.share_by` of the lead's age.
    """
    still_to_come = p_conversion * (1.0 - share_by_now)
    return np.asarray(
        still_to_come / np.maximum(1.0 - p_conversion * share_by_now, 1e-12), dtype=np.float64
    )


@dataclass(frozen=True)
class Maturity:
    """What the times of a history say about what is not known yet.

    Parameters
    ----------
    curve : DelayCurve
        From the covered leads only.
    recording_start_days : float or None
        Days since 1970 from which wins were recorded; None when that is the whole history.
    is_covered : ndarray of bool, shape (n_leads,)
        Leads created since then: the others look as if they never converted.
    share_by_now : ndarray of float64, shape (n_leads,)
        The curve at the age of each lead; 1.0 without times.
    """

    curve: DelayCurve
    recording_start_days: float | None
    is_covered: Flags
    share_by_now: Floats


def read_maturity(labels: Labels) -> Maturity:
    """Estimate the delay curve, leaving out leads from before wins were recorded.

    A history may list old leads and only younger wins (left truncation): then old leads seem
    not to convert, and a date column learns that. It is taken for one when, at the win rate
    of the leads since the first win, more than twenty wins should have been seen before it.
    """
    start = _find_recording_start(labels)
    is_covered = np.ones(labels.n_leads, dtype=bool)
    if start is not None:
        is_covered = labels.moment_days >= start
    curve = _curve_of(labels, is_covered)
    return Maturity(
        curve=curve,
        recording_start_days=start,
        is_covered=is_covered,
        share_by_now=curve.share_by(labels.age_days),
    )


def _curve_of(labels: Labels, rows: Flags) -> DelayCurve:
    return fit_delay_curve(
        np.where(rows, labels.delay_days, np.nan), np.where(rows, labels.age_days, np.nan)
    )


def _find_recording_start(labels: Labels) -> float | None:
    """Day of the first win, when that came implausibly late; else None."""
    won_at = labels.moment_days + labels.delay_days
    if not np.isfinite(won_at).any():
        return None
    first_win = float(np.floor(np.nanmin(won_at)))
    is_counted = labels.is_usable & labels.is_worked
    is_after = is_counted & (labels.moment_days >= first_win)
    is_before = is_counted & ~is_after
    curve = _curve_of(labels, is_after)
    n_matured = curve.share_by(labels.age_days[is_after]).sum()
    if not curve.days or n_matured <= 0:
        return None
    p_win = labels.is_won[is_after].sum() / n_matured
    share_by_first_win = curve.share_by(first_win - labels.moment_days[is_before])
    return first_win if p_win * share_by_first_win.sum() > _IMPLAUSIBLE else None
