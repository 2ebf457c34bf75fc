"""Learners for four hidden answers at once: they raise the probability of what was recorded.

Fitting to beliefs round by round (expectation-maximisation) goes the same way in steps: slowly
where little is known, and only as far as the learner of the rounds can see. Here every step of the
optimiser, and every tree, sees the beliefs as they have become.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, logit

from leadqual.learning.latent import N_CHECKS, Evidence
from leadqual.learning.learners.blend import predict_trees, small_trees
from leadqual.learning.learners.logistic import Linear
from leadqual.learning.learners.matrix import Matrix, for_lightgbm, row_slices, split_rows
from leadqual.learning.learners.workers import open_workers

Floats = NDArray[np.float64]

LEARNING_RATE: Final = 0.1
N_LEAVES: Final = 8
START: Final = (0.6, 0.5, 0.5, 0.5)
"""P(yes) per check from which the first fit sets out."""

_MIN_CURVATURE: Final = 1e-3


def fit_linear_heads(Z: Matrix, evidence: Evidence, *, ridge: float) -> tuple[Linear, ...]:
    """Fit one ridge logistic regression per answer, all four together.

    Parameters
    ----------
    Z : ndarray or sparse array of float64, shape (n, width)
        No NaN.
    evidence : Evidence
        Of the same leads.
    ridge : float
        Penalty on half the squared coefficients, against the sum of the log loss.

    References
    ----------
    Raykar et al. (2010), Learning from crowds, Journal of Machine Learning Research 11.
    """
    width = Z.shape[1]
    blocks = [_Block(part, part.T, evidence.take(rows)) for rows, part in split_rows(Z)]
    first = np.zeros((width + 1, N_CHECKS))
    first[-1] = logit(np.array(START))

    with open_workers() as run:

        def loss(flat: Floats) -> tuple[float, Floats]:
            beta = flat.reshape(width + 1, N_CHECKS)
            found = run(lambda block: block.pull(beta), blocks)
            value = sum(value for value, _ in found) + ridge / 2 * (beta[:-1] ** 2).sum()
            slope = np.add.reduce([slope for _, slope in found])
            slope[:-1] += ridge * beta[:-1]
            return float(value), slope.ravel()

        found = minimize(
            loss, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 60, "ftol": 1e-7}
        )
    beta = found.x.reshape(width + 1, N_CHECKS)
    return tuple(Linear(beta[:-1, i].copy(), float(beta[-1, i])) for i in range(N_CHECKS))


@dataclass(frozen=True)
class _Block:
    """Some rows, few enough for their beliefs to stay in the cache."""

    Z: Matrix
    columns: Floats | sparse.csc_array
    evidence: Evidence

    def pull(self, beta: Floats) -> tuple[float, Floats]:
        """Return the log loss of these rows at some coefficients, and its slope in them."""
        logits = self.Z @ beta[:-1] + beta[-1]
        joint, weights = self.evidence.weigh(logits), self.evidence.weights
        error = weights[:, None] * (expit(logits) - joint.believed)
        slope = np.vstack([self.columns @ error, error.sum(axis=0)])
        return float(joint.log_loss(weights).sum()), slope


def linear_logits(Z: Matrix, heads: Sequence[Linear]) -> Floats:
    """Return the log-odds of each answer, shape (n, 4)."""
    return np.stack([head.logit(Z) for head in heads], axis=1)


def grow_heads(
    Z: Matrix,
    evidence: Evidence,
    *,
    start: Floats,
    n_trees: Sequence[int],
    seed: int,
) -> tuple[lgb.Booster, ...]:
    """Grow trees for the four answers in turn, each on what is believed by then.

    Parameters
    ----------
    Z : ndarray or sparse array of float64, shape (n, width)
        At least one column.
    evidence : Evidence
        Of the same leads.
    start : ndarray of float64, shape (4,)
        Log-odds to which the trees add.
    n_trees : sequence of int
        Per answer.
    seed : int
        Same data, same seed, same trees.
    """
    n_rows = Z.shape[0]
    boosters = _share_bins(Z, [_parameters(n_rows, seed=seed + i) for i in range(N_CHECKS)])
    logits = np.tile(start, (n_rows, 1))
    blocks = [(rows, evidence.take(rows)) for rows in row_slices(n_rows)]
    with open_workers(_hush) as run:
        for round_ in range(max(n_trees)):
            believed = np.concatenate(run(lambda b: b[1].believe(logits[b[0]]), blocks))

            def grow(check: int, believed: Floats = believed) -> None:
                pull = _pull(logits, believed, evidence, start=start, check=check)
                boosters[check].update(fobj=pull)

            run(grow, [check for check in range(N_CHECKS) if round_ < n_trees[check]])
    return boosters


def _hush() -> None:
    """Keep LightGBM quiet in this thread: each has its own level, which a data set brings along."""
    lgb.Dataset(np.zeros((2, 1)), params={"verbosity": -1, "num_threads": 1}).construct()


def _share_bins(Z: Matrix, parameters: Sequence[dict[str, Any]]) -> tuple[lgb.Booster, ...]:
    """Return boosters without a tree that read one binned copy of the matrix."""
    binned = lgb.Dataset(
        for_lightgbm(Z), np.zeros(Z.shape[0]), params={"verbosity": -1, "num_threads": 1}
    )
    return tuple(lgb.Booster(each, binned) for each in parameters)


def _pull(
    logits: Floats, believed: Floats, evidence: Evidence, *, start: Floats, check: int
) -> Callable[[Floats, lgb.Dataset], tuple[Floats, Floats]]:
    """Return the gradient of the log loss in one answer; brings its log-odds up to date."""

    def gradient(raw: Floats, _data: lgb.Dataset) -> tuple[Floats, Floats]:
        logits[:, check] = start[check] + raw
        p = expit(logits[:, check])
        curvature = np.maximum(p * (1 - p), _MIN_CURVATURE)
        return evidence.weights * (p - believed[:, check]), evidence.weights * curvature

    return gradient


def tree_logits(
    Z: Matrix, boosters: Sequence[lgb.Booster], start: Floats, *, n_trees: int | None = None
) -> Floats:
    """Return the log-odds of each answer by the first trees (None: all), shape (n, 4)."""
    found = [predict_trees(booster, Z, n_trees=n_trees) for booster in boosters]
    return np.asarray(start + np.stack(found, axis=1), dtype=np.float64)


def _parameters(n_rows: int, *, seed: int) -> dict[str, Any]:
    return {
        "objective": "none",
        "boost_from_average": False,
        "learning_rate": LEARNING_RATE,
        "num_leaves": N_LEAVES,
        **small_trees(n_rows, seed=seed),
    }
