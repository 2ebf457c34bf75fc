"""Breaks in how leads convert, and older leads that count less where that pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from leadqual.learning.choosing import CLEAR_GAIN, Sample
from leadqual.learning.learners.logistic import fit_shift
from leadqual.learning.settings import Learners
from leadqual.learning.split import Fold

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MIN_WINS: Final = 80
"""Fewer wins cannot tell a break from chance."""

SURE: Final = 0.01
"""A break is reported when chance makes one like it less often than this."""

_EARLY_SHARE: Final = 1 / 3
_TRIM: Final = 0.15
_RIDGE: Final = 30.0
_GROWN_SHARE: Final = 0.5


@dataclass(frozen=True)
class RegimeBreak:
    """From some lead on, leads are won more or less often than the same leads before.

    Parameters
    ----------
    row : int
        Position of the first lead after it.
    ratio, low, high : float
        Wins over expected wins after it, against before it, with a 95 % interval.
    p_value : float
        How often chance alone makes a break like this, anywhere.
    """

    row: int
    ratio: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Recency:
    """How much each lead counts by its age, and why.

    Parameters
    ----------
    regime_break : RegimeBreak or None
        None where none was found; then all leads count alike.
    half_life : float or None
        After this long a lead counts half, in the unit of `place`; None: all count alike.
    losses : mapping of str to float
        Candidate to its validation log loss; empty where there was no break to answer.
    place : ndarray of float64, shape (n_leads,), optional
        When each lead came: days, or row numbers where only the order is known.
    """

    regime_break: RegimeBreak | None = None
    half_life: float | None = None
    losses: dict[str, float] = field(default_factory=dict)
    place: Floats | None = None

    def weigh(self, rows: Codes) -> Floats:
        """Return what each of these leads counts, in (0, 1], 1 for the newest."""
        if self.half_life is None or self.place is None:
            return np.ones(len(rows))
        return _fade(self.place[rows], half_life=self.half_life, now=float(self.place.max()))


def _fade(place: Floats, *, half_life: float, now: float) -> Floats:
    return np.asarray(0.5 ** ((now - place) / half_life), dtype=np.float64)


def read_recency(
    sample: Sample,
    *,
    seen: Floats,
    place: Floats,
    rows: Codes,
    folds: Sequence[Fold],
    learners: Learners,
) -> Recency:
    """Find a break, and answer it by letting older leads fade where that clearly pays.

    Parameters
    ----------
    sample : Sample
        Leads that speak about conversion, in time order.
    seen : ndarray of float64, shape (n,)
        As for `find_break`.
    place : ndarray of float64, shape (n_leads,)
        When each lead of the history came, ascending: days, or row numbers.
    rows : ndarray of intp, shape (n,)
        Leads of the sample.
    folds : sequence of Fold
        Forward in time.
    learners : Learners
        The half-lives to choose from.
    """
    found = find_break(sample, seen=seen)
    if found is None:
        return Recency(place=place)
    half_life, losses = choose_half_life(sample, place[rows], folds, learners=learners)
    return Recency(
        regime_break=replace(found, row=int(rows[found.row])),
        half_life=half_life,
        losses=losses,
        place=place,
    )


def find_break(sample: Sample, *, seen: Floats) -> RegimeBreak | None:
    """Find the strongest break by the error of an early model on all later leads.

    A logistic regression of the first third predicts every lead. Were nothing to change, its
    errors would scatter around one constant shift; the largest standardised sum of errors over
    all places for a break says how far they do not.

    Parameters
    ----------
    sample : Sample
        In time order.
    seen : ndarray of float64, shape (n,)
        Share of the wins of each row that can have come by now, in [0, 1]; rows below one half
        say more about delays than about the way leads convert and are not asked.

    Returns
    -------
    RegimeBreak or None
        None when chance explains it, or there are fewer than 80 wins.

    References
    ----------
    Andrews (1993), Tests for parameter instability with unknown change point.
    Miller, Siegmund (1982), Maximally selected chi square statistics: the p-value.
    """
    (asked,) = np.nonzero(seen >= _GROWN_SHARE)
    won, n_early = sample.y[asked], int(len(asked) * _EARLY_SHARE)
    if won.sum() < MIN_WINS or not 0 < won[:n_early].sum() < n_early:
        return None
    z = sample.take(asked[:n_early]).fit_linear(_RIDGE).logit(sample.Z[asked])
    ones = np.ones(len(asked))
    expected = seen[asked] * expit(z + fit_shift(z, won, weights=ones, seen=seen[asked]))
    error = np.cumsum(won - expected)
    spread = np.cumsum(expected * (1 - expected))
    share = spread / spread[-1]
    inner = np.flatnonzero((share > _TRIM) & (share < 1 - _TRIM))
    if not len(inner):
        return None
    statistic = error[inner] ** 2 / (spread[-1] * share[inner] * (1 - share[inner]))
    place = int(inner[statistic.argmax()])
    p_value = _chance_of(float(np.sqrt(statistic.max())))
    if p_value >= SURE:
        return None
    ratio, error_of_log = _compare(won, expected, row=place + 1)
    return RegimeBreak(
        row=int(asked[place + 1]),
        ratio=ratio,
        low=ratio * float(np.exp(-error_of_log)),
        high=ratio * float(np.exp(error_of_log)),
        p_value=p_value,
    )


def _chance_of(b: float) -> float:
    """P(largest standardised sum between the trimmed ends > b), by Miller and Siegmund."""
    if b <= 1:
        return 1.0
    ends = 2 * np.log((1 - _TRIM) / _TRIM)
    density = norm.pdf(b)
    return float(min(density * (b - 1 / b) * ends + 4 * density / b, 1.0))


def _compare(won: Floats, expected: Floats, *, row: int) -> tuple[float, float]:
    """Observed over expected from a row on against before it, and 1.96 errors of its log."""
    n_before, n_after = max(won[:row].sum(), 0.5), max(won[row:].sum(), 0.5)
    ratio = (n_after / expected[row:].sum()) / (n_before / expected[:row].sum())
    return float(ratio), float(1.96 * np.sqrt(1 / n_before + 1 / n_after))


def choose_half_life(
    sample: Sample, place: Floats, folds: Sequence[Fold], *, learners: Learners
) -> tuple[float | None, dict[str, float]]:
    """Choose how fast older leads fade, by validation on later leads.

    Parameters
    ----------
    sample : Sample
        In time order.
    place : ndarray of float64, shape (n,)
        When each row came, ascending.
    folds : sequence of Fold
        Forward in time.
    learners : Learners
        Candidates, as shares of the time from the first to the last row.

    Returns
    -------
    half_life : float or None
        In the unit of `place`; None unless one is better than none by more than two standard
        errors.
    losses : dict of str to float
        Log loss of each candidate, level corrected; empty without folds.
    """
    span = float(place[-1] - place[0]) if len(place) else 0.0
    if not folds or span <= 0:
        return None, {}
    half_lives = [None, *(share * span for share in learners.half_lives)]
    losses = [_validate(sample, place, folds, half_life=h) for h in half_lives]
    best = int(np.argmin([loss.mean() for loss in losses]))
    gain = losses[0] - losses[best]
    is_clear = gain.mean() > CLEAR_GAIN * gain.std() / np.sqrt(len(gain))
    names = ["none" if h is None else f"{h:.4g}" for h in half_lives]
    means = {name: float(loss.mean()) for name, loss in zip(names, losses, strict=True)}
    return (half_lives[best] if is_clear else None), means


def _validate(
    sample: Sample,
    place: Floats,
    folds: Sequence[Fold],
    *,
    half_life: float | None,
) -> Floats:
    """Weighted log loss of each validation row, with the level of its fold corrected."""
    losses = []
    for fold in folds:
        train, test = sample.take(fold.train), sample.take(fold.test)
        if half_life is not None:
            then = place[fold.train]
            train = train.reweigh(_fade(then, half_life=half_life, now=float(then.max())))
        z = train.fit_linear(_RIDGE).logit(test.Z)
        z += fit_shift(z, test.y, weights=test.weights)
        losses.append(test.weights * (np.logaddexp(0.0, z) - test.y * z))
    return np.concatenate(losses)
