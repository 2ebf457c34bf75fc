"""Intervals of shares, and which of many shares differ from what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.stats import binom

_Z: Final = 1.959964
ERROR_RATE: Final = 0.05
"""How often one look or more raises a false alarm, among all looks together."""


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share; honest for 0 of n, too. (0, 1) without leads.

    Parameters
    ----------
    share : float
        In [0, 1].
    n : float
        Leads it was counted on; fewer than there are rows where rows depend on each other.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(0.1, 100)], wilson(0.0, 0)
    ([0.055, 0.174], (0.0, 1.0))
    """
    if n <= 0:
        return 0.0, 1.0
    middle = share + _Z**2 / (2 * n)
    half = _Z * float(np.sqrt(max(share * (1 - share), 0.0) / n + _Z**2 / (4 * n**2)))
    scale = 1 + _Z**2 / n
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def chance_of(n_yes: float, n: float, predicted: float) -> float:
    """Return how likely a count this far from the predicted one is, were the prediction right.

    Two-sided and exact for equal probabilities; where they differ within the leads chance is
    overstated, never understated.

    Parameters
    ----------
    n_yes, n : float
        Yes among all; rounded to whole leads.
    predicted : float
        Mean prediction in [0, 1].

    Examples
    --------
    >>> round(chance_of(5, 100, 0.05), 2), round(chance_of(20, 100, 0.05), 6)
    (1.0, 0.0)
    """
    leads, found = round(n), round(n_yes)
    if leads <= 0:
        return 1.0
    below = float(binom.cdf(found, leads, predicted))
    above = float(binom.sf(found - 1, leads, predicted))
    return min(2 * min(below, above), 1.0)


def beyond_chance(chances: Sequence[float]) -> list[bool]:
    """Return which of several looks are more than chance, with the number of looks in mind.

    Holm's procedure: among all looks together at most one time in twenty any is marked wrongly.

    Parameters
    ----------
    chances : sequence of float
        From `chance_of`, one per look.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure.

    Examples
    --------
    >>> beyond_chance([0.04, 0.001, 0.5])
    [False, True, False]
    """
    marked = [False] * len(chances)
    for place, look in enumerate(np.argsort(chances, kind="stable").tolist()):
        if chances[look] > ERROR_RATE / (len(chances) - place):
            break
        marked[look] = True
    return marked
