"""Array types and the few draws that every part of the simulation uses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def logistic(log_odds: Floats) -> Floats:
    """Return the probability of a log-odds, in (0, 1)."""
    return 1.0 / (1.0 + np.exp(-log_odds))


def pick(rng: Generator, shares: Sequence[float], size: int) -> Ints:
    """Draw `size` level numbers; `shares` need not add up to one."""
    weights = np.asarray(shares, dtype=np.float64)
    edges = np.cumsum(weights / weights.sum())[:-1]
    return np.searchsorted(edges, rng.random(size), side="right").astype(np.int64)


def pick_rows(rng: Generator, log_weights: Floats) -> Ints:
    """Draw one level per row from unnormalised log weights, shape (n, n_levels) -> (n,)."""
    return np.asarray(np.argmax(log_weights + rng.gumbel(size=log_weights.shape), axis=1))
