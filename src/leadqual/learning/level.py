"""The level of a probability: one shift on the newest slice, weighted for what is still open."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.logistic import fit_shift
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity

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


def newest_slice(labels: Labels, maturity: Maturity) -> NDArray[np.intp]:
    """Return the newest worked leads that hold about a hundred wins, in time order.

    The slice also reaches back far enough for nine wins in ten to have come, and never takes
    more than half of the history (but always a lead that won).
    """
    usable = labels.is_usable & labels.is_worked & maturity.is_covered
    if not labels.has_times and labels.records_losses:
        usable &= labels.is_settled
    (rows,) = np.nonzero(usable)
    won_since = np.cumsum(labels.is_won[rows][::-1])
    n_rows = int(np.searchsorted(won_since, SLICE_WINS)) + 1
    if labels.has_times:
        span = labels.age_days[rows]
        n_rows = max(n_rows, int((span <= maturity.curve.age_at(_SLICE_MATURE_SHARE)).sum()))
    n_rows = min(n_rows, max(int(len(rows) * _MAX_SLICE_SHARE), 1))
    first_win = int(np.searchsorted(won_since, 1)) + 1
    return rows[-max(n_rows, first_win) :]


def fit_level(logits: Floats, labels: Labels, maturity: Maturity) -> float:
    """Return the shift in log-odds that makes the newest slice add up to its wins.

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
    """
    rows = newest_slice(labels, maturity)
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
