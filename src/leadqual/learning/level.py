"""The level of a probability: one shift on the newest slice, weighted for what is still open."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_MIN_SHARE_UNCENSORED: Final = 0.2


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
