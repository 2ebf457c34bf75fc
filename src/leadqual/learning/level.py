"""The level of a probability: one shift on the newest slice, weighted for what is still open."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from leadqual.learning.learners.logistic import fit_shift
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity
from leadqual.outcomes.progress import StageLabels

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SLICE_WINS: Final = 100
"""The level comes from the newest leads that hold this many wins: its error is about 10 %."""

_MAX_SLICE_SHARE: Final = 0.5
_MIN_SHARE_UNCENSORED: Final = 0.2
_MATURE_SHARE: Final = 0.975
_SLICE_MATURE_SHARE: Final = 0.9
_MIN_SETTLED_SHARE: Final = 0.7
_GROWN_SHARE: Final = 0.5
_MIN_HORIZON_DAYS: Final = 14.0
_HORIZON_QUANTILE: Final = 0.975


def censoring_weights(
    available_days: Floats, answer_days: Floats, *, horizon_days: float
) -> tuple[Flags, Floats]:
    """Choose the rows whose answer counts, and weight each for those still waiting.

    An answer that takes long is seen less often, because young rows cannot show it yet. A row
    counts when it is answered, or older than the horizon (then it counts as not passed); its
    weight is one over the share of rows old enough to have shown its answer (IPCW).

    Parameters
    ----------
    available_days : ndarray of float64, shape (n,)
        How long each row could have been seen; NaN (no times) counts as long enough.
    answer_days : ndarray of float64, shape (n,)
        When the answer came; NaN where it did not, inf is the same.
    horizon_days : float
        After this long without an answer there will be none.

    Returns
    -------
    rows : ndarray of bool, shape (n,)
    weights : ndarray of float64, shape (n,)
        At least 1 and at most 5 where `rows`, else 0.

    References
    ----------
    Vock et al. (2016), Adapting machine learning techniques to censored time-to-event data.
    """
    available = np.where(np.isnan(available_days), np.inf, available_days)
    answer = np.where(np.isnan(answer_days), np.inf, answer_days)
    is_answered = np.isfinite(answer) & (answer <= available)
    rows = is_answered | (available >= horizon_days)
    needed = np.minimum(np.where(is_answered, answer, horizon_days), horizon_days)
    ages = np.sort(available)
    share_old_enough = 1 - np.searchsorted(ages, needed, side="left") / max(len(ages), 1)
    weights = 1 / np.clip(share_old_enough, _MIN_SHARE_UNCENSORED, 1.0)
    return rows, np.where(rows, weights, 0.0)


def answers_until(stage: StageLabels) -> tuple[Floats, float]:
    """Return when each lead answered a step, and after how many days silence is an answer.

    Returns
    -------
    answer_days : ndarray of float64, shape (n_leads,)
        Inf without an answer, 0 where its time is not known.
    horizon_days : float
        By then nearly all who passed had answered; two weeks at least.
    """
    answer = np.where(stage.is_known, np.nan_to_num(stage.answer_days, nan=0.0), np.inf)
    passed_after = answer[stage.is_passed & stage.is_in]
    if not len(passed_after):
        return answer, _MIN_HORIZON_DAYS
    return answer, max(_MIN_HORIZON_DAYS, float(np.quantile(passed_after, _HORIZON_QUANTILE)))


def fit_answer_level(logits: Floats, y: Floats, *, weights: Floats) -> float:
    """Return the shift that a step's newest answers ask for, as far as it is no chance.

    The newest rows that hold a hundred of the rarer answer are asked, at most half of all. The
    shift is held back by its own error: s (1 - e**2 / s**2), and 0 where the error is larger.

    Parameters
    ----------
    logits, y, weights : ndarray of float64, shape (n,)
        Log-odds before the shift, labels in [0, 1] and what they weigh, in time order.

    References
    ----------
    James, Stein (1961), Estimation with quadratic loss: the positive part of it.
    """
    n_yes, n_no = np.cumsum(y[::-1]), np.cumsum(1 - y[::-1])
    enough = np.searchsorted(np.minimum(n_yes, n_no), SLICE_WINS) + 1
    newest = slice(-max(min(int(enough), int(len(y) * _MAX_SLICE_SHARE)), 1), None)
    logits, y, weights = logits[newest], y[newest], weights[newest]
    shift = fit_shift(logits, y, weights=weights)
    p = expit(logits + shift)
    error = (weights**2 * p * (1 - p)).sum() / max((weights * p * (1 - p)).sum(), 1e-12) ** 2
    return shift * max(1.0 - float(error) / max(shift**2, 1e-12), 0.0)


def level_rows(labels: Labels, maturity: Maturity, *, is_ordered: bool = True) -> NDArray[np.intp]:
    """Return the newest worked leads that hold about a hundred wins, in time order.

    The slice also reaches back far enough for nine wins in ten to have come, and never takes
    more than half of the history (but always a lead that won). Without an order no lead is
    newer than another, and all worked leads say what the level is.
    """
    usable = labels.is_usable & labels.is_worked & maturity.is_covered
    if not labels.has_times and labels.records_losses:
        usable &= labels.is_settled
    (rows,) = np.nonzero(usable)
    if not is_ordered:
        return rows
    won_since = np.cumsum(labels.is_won[rows][::-1])
    n_rows = int(np.searchsorted(won_since, SLICE_WINS)) + 1
    if labels.has_times:
        span = labels.age_days[rows]
        n_rows = max(n_rows, int((span <= maturity.curve.age_at(_SLICE_MATURE_SHARE)).sum()))
    n_rows = min(n_rows, max(int(len(rows) * _MAX_SLICE_SHARE), 1))
    first_win = int(np.searchsorted(won_since, 1)) + 1
    return rows[-max(n_rows, first_win) :]


def fit_level(
    logits: Floats, labels: Labels, maturity: Maturity, *, rows: NDArray[np.intp] | None = None
) -> float:
    """Return the shift in log-odds that makes a slice of leads add up to its wins.

    Where most leads of the slice have ended, the few open ones are weighted for
    (`censoring_weights` within the slice). Where most are open, because losses are hardly ever
    recorded, each lead is expected to have won by now with p times the share of wins that come
    by its age; leads too young for half of it say more about the curve than about the level.

    Parameters
    ----------
    logits : ndarray of float64, shape (n_leads,)
        Log-odds of conversion before the shift; not read outside the slice.
    labels, maturity : Labels, Maturity
        Of the same leads.
    rows : ndarray of intp, optional
        The slice; `level_rows` in time order by default.
    """
    rows = level_rows(labels, maturity) if rows is None else rows
    won = labels.is_won[rows].astype(np.float64)
    is_settled = labels.is_settled[rows]
    if is_settled.mean() < _MIN_SETTLED_SHARE:
        share = maturity.share_by_now[rows]
        is_grown = share >= min(_GROWN_SHARE, share.max())
        weights = is_grown.astype(np.float64)
        return fit_shift(logits[rows], won, weights=weights, seen=share)
    settled_after = np.where(is_settled, np.nan_to_num(labels.settled_days[rows], nan=0.0), np.nan)
    known, weights = censoring_weights(
        labels.age_days[rows], settled_after, horizon_days=maturity.curve.age_at(_MATURE_SHARE)
    )
    return fit_shift(logits[rows][known], won[known], weights=weights[known])
