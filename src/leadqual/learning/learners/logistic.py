"""Ridge logistic regression on soft labels: the learner that small lead data rewards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from leadqual.learning.learners.matrix import Matrix, drop_zeros

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """Log-odds that are linear in the matrix columns.

    Parameters
    ----------
    coef : ndarray of float64, shape (width,)
        Log-odds per unit of each column.
    intercept : float
        Log-odds of an all-zero row.
    """

    coef: Floats
    intercept: float

    def logit(self, Z: Matrix) -> Floats:
        """Return the log-odds of each row of a matrix (n, width)."""
        return np.asarray(Z @ self.coef + self.intercept, dtype=np.float64)


def fit_logistic(Z: Matrix, y: Floats, *, weights: Floats, ridge: float) -> Linear:
    """Fit ridge logistic regression to labels in [0, 1].

    scikit-learn takes hard labels only; soft ones would need every row twice.

    Parameters
    ----------
    Z : ndarray or sparse array of float64, shape (n, width)
        No NaN.
    y : ndarray of float64, shape (n,)
        Labels in [0, 1].
    weights : ndarray of float64, shape (n,)
        Not negative.
    ridge : float
        Penalty on half the squared coefficients, against the sum of the log loss; the
        intercept is free.
    """
    width = Z.shape[1]
    rows = drop_zeros(Z)
    columns = rows.T
    rate = np.clip(np.average(y, weights=weights), 1e-6, 1 - 1e-6)
    first = np.append(np.zeros(width), np.log(rate / (1 - rate)))

    def loss(beta: Floats) -> tuple[float, Floats]:
        coef = beta[:-1]
        z = rows @ coef + beta[-1]
        error = weights * (expit(z) - y)
        value = (weights * (np.logaddexp(0.0, z) - y * z)).sum() + ridge / 2 * coef @ coef
        return float(value), np.append(columns @ error + ridge * coef, error.sum())

    scale = max(float(weights.sum()), 1.0)
    found = minimize(
        loss, first, jac=True, method="L-BFGS-B",
        options={"maxiter": 300, "ftol": 1e-9, "gtol": 1e-6 * scale},
    )  # fmt: skip
    return Linear(coef=found.x[:-1], intercept=float(found.x[-1]))


def fit_shift(logits: Floats, y: Floats, *, weights: Floats, seen: Floats | None = None) -> float:
    """Return the constant to add to log-odds so that predicted and weighted wins are equal.

    Parameters
    ----------
    logits : ndarray of float64, shape (n,)
        Finite log-odds.
    y : ndarray of float64, shape (n,)
        Labels in [0, 1]; all 0 or all 1 are met to within half a lead.
    weights : ndarray of float64, shape (n,)
        Not negative, some positive.
    seen : ndarray of float64, shape (n,), optional
        Share of each prediction that can have shown in `y` yet, in [0, 1].
    """
    expected = weights if seen is None else weights * seen
    most = expected.sum()
    wanted = np.clip((weights * y).sum(), min(0.5, most / 2), most - min(0.5, most / 2))
    low, high = -logits.max() - 30.0, -logits.min() + 30.0
    for _ in range(100):
        middle = (low + high) / 2
        if (expected * expit(logits + middle)).sum() < wanted:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)
