"""The learners, and their average in log-odds: what every head, stage and direct model is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from leadqual.learning.learners.logistic import Linear, fit_logistic
from leadqual.learning.learners.matrix import Matrix, count_copies, find_flags, for_lightgbm

Floats = NDArray[np.float64]

BAYES_PSEUDO_LEADS: Final = 20.0
"""Leads without an opinion added to every level of the naive Bayes member."""

_MIN_VARIANCE: Final = 0.05
_SLOPE_RIDGE: Final = 1e-6


@dataclass(frozen=True)
class Recipe:
    """Which learners are averaged, and how strongly the linear one is held back.

    Parameters
    ----------
    ridge : float
        Penalty of the logistic regression (`fit_logistic`); infinite means that it knows the
        rate alone.
    uses_bayes, uses_trees : bool
        Whether naive Bayes weights and a small LightGBM join it.
    n_trees, n_leaves, learning_rate : int, int, float
        Shape of that LightGBM.
    """

    ridge: float = 10.0
    uses_bayes: bool = False
    uses_trees: bool = True
    n_trees: int = 100
    n_leaves: int = 6
    learning_rate: float = 0.05

    @property
    def label(self) -> str:
        """Return the recipe in words, for reports."""
        is_rate = math.isinf(self.ridge)
        parts = ["the rate alone" if is_rate else f"logistic regression (ridge {self.ridge:g})"]
        parts += ["naive Bayes"] if self.uses_bayes else []
        parts += ["small LightGBM"] if self.uses_trees else []
        return " + ".join(parts)


@dataclass(frozen=True)
class Blend:
    """A fitted recipe: mean of the members' log-odds.

    `linear` is already the mean of the linear members; `trees` is None where there are none.
    """

    linear: Linear
    linear_weight: float
    trees: lgb.Booster | None
    tree_weight: float

    def logit(self, Z: Matrix) -> Floats:
        """Return the log-odds of each row of a matrix (n, width)."""
        z = self.linear_weight * self.linear.logit(Z)
        if self.trees is not None and Z.shape[0]:
            z += self.tree_weight * predict_trees(self.trees, Z)
        return z

    def shifted(self, shift: float) -> Blend:
        """Return the same blend with a constant added to its log-odds."""
        intercept = self.linear.intercept + shift / self.linear_weight
        return replace(self, linear=replace(self.linear, intercept=intercept))

    def probability(self, Z: Matrix) -> Floats:
        """Return the probability of each row, in (0, 1)."""
        return np.asarray(expit(self.logit(Z)), dtype=np.float64)


def fit_blend(Z: Matrix, y: Floats, *, weights: Floats, recipe: Recipe, seed: int) -> Blend:
    """Fit the members of a recipe on the same rows.

    Parameters
    ----------
    Z : ndarray or sparse array of float64, shape (n, width)
        No NaN; width may be 0: then the blend is the rate.
    y : ndarray of float64, shape (n,)
        Labels in [0, 1]; never NaN (LightGBM would take that for 0).
    weights : ndarray of float64, shape (n,)
        Not negative.
    recipe : Recipe
        What to fit.
    seed : int
        For the sampling inside LightGBM.
    """
    linears = [fit_linear(Z, y, weights=weights, ridge=recipe.ridge)]
    if recipe.uses_bayes:
        linears.append(fit_bayes(Z, y, weights=weights))
    linear = Linear(
        coef=np.mean([member.coef for member in linears], axis=0),
        intercept=float(np.mean([member.intercept for member in linears])),
    )
    if not recipe.uses_trees or Z.shape[1] == 0:
        return Blend(linear=linear, linear_weight=1.0, trees=None, tree_weight=0.0)
    n_members = len(linears) + 1
    return Blend(
        linear=linear,
        linear_weight=len(linears) / n_members,
        trees=fit_trees(Z, y, weights=weights, recipe=recipe, seed=seed),
        tree_weight=1 / n_members,
    )


def fit_linear(Z: Matrix, y: Floats, *, weights: Floats, ridge: float) -> Linear:
    """Fit the linear member; an infinite ridge leaves the rate, half a lead on either side."""
    if math.isfinite(ridge):
        return fit_logistic(Z, y, weights=weights, ridge=ridge)
    rate = ((weights * y).sum() + 0.5) / (weights.sum() + 1.0)
    return Linear(coef=np.zeros(Z.shape[1]), intercept=float(np.log(rate / (1 - rate))))


def fit_trees(Z: Matrix, y: Floats, *, weights: Floats, recipe: Recipe, seed: int) -> lgb.Booster:
    """Fit a small LightGBM on soft labels, the same on every machine with this seed."""
    parameters = {
        "objective": "cross_entropy",
        "learning_rate": recipe.learning_rate,
        "num_leaves": recipe.n_leaves,
        **small_trees(len(y), seed=seed),
    }
    data = lgb.Dataset(for_lightgbm(Z), y, weight=weights, params={"verbosity": -1})
    return lgb.train(parameters, data, num_boost_round=recipe.n_trees)


def predict_trees(trees: lgb.Booster, Z: Matrix, *, n_trees: int | None = None) -> Floats:
    """Return what the first trees (None: all) add to the log-odds of each row, shape (n,)."""
    # One thread, or LightGBM starts a team that spins for its turn on a busy machine.
    found = trees.predict(for_lightgbm(Z), raw_score=True, num_iteration=n_trees, num_threads=1)
    return np.asarray(found, dtype=np.float64)


def small_trees(n_rows: int, *, seed: int) -> dict[str, Any]:
    """Return what every LightGBM of ours is told, beside its objective, rate and leaves.

    Parameters
    ----------
    n_rows : int
        Training rows: small histories need small leaves, or no tree ever splits.
    seed : int
        Same data, same seed, same trees, on every machine.
    """
    return {
        "min_data_in_leaf": int(np.clip(n_rows // 40, 10, 40)),
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "seed": seed,
        "verbosity": -1,
    }


def fit_bayes(Z: Matrix, y: Floats, *, weights: Floats) -> Linear:
    """Fit naive Bayes as linear weights: each column speaks for itself.

    A 0/1 column gets the log ratio of its smoothed frequency among wins and others, any other
    column the slope of two normals of one variance. Equal columns share one voice: fields that
    are always missing together would count many times. Columns that say nearly the same still
    do, so the sum is brought back to scale by a logistic regression on it alone.

    References
    ----------
    Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, section 6.6.3.
    """
    won, lost = weights * y, weights * (1 - y)
    n_won, n_lost = max(won.sum(), 1e-9), max(lost.sum(), 1e-9)
    rate = n_won / (n_won + n_lost)
    sum_won, sum_lost = won @ Z, lost @ Z
    smoothed_won = np.maximum(sum_won, 0) + BAYES_PSEUDO_LEADS * rate
    smoothed_lost = np.maximum(sum_lost, 0) + BAYES_PSEUDO_LEADS * (1 - rate)
    log_ratio = np.log(smoothed_won / n_won) - np.log(smoothed_lost / n_lost)
    mean = (sum_won + sum_lost) / (n_won + n_lost)
    variance = (weights @ Z**2) / (n_won + n_lost) - mean**2
    slope = (sum_won / n_won - sum_lost / n_lost) / np.maximum(variance, _MIN_VARIANCE)
    coef = np.where(find_flags(Z), log_ratio, slope) / count_copies(Z)
    scaled = fit_logistic((Z @ coef)[:, None], y, weights=weights, ridge=_SLOPE_RIDGE)
    return Linear(coef=coef * max(scaled.coef[0], 0.0), intercept=scaled.intercept)
