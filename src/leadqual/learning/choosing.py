"""Which learners to average: nested validation on later rows, within the training past."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.learners.blend import (
    Blend,
    Recipe,
    fit_bayes,
    fit_blend,
    fit_linear,
    fit_trees,
    predict_trees,
)
from leadqual.learning.learners.logistic import Linear, fit_shift
from leadqual.learning.learners.matrix import Matrix
from leadqual.learning.learners.workers import open_workers
from leadqual.learning.settings import Learners
from leadqual.learning.split import Fold

Floats = NDArray[np.float64]

MAX_CHOICE_ROWS: Final = 30_000
"""Only the newest rows of a longer history are chosen on: enough to tell learners apart."""

MIN_CHOICE_ROWS: Final = 200
CLEAR_GAIN: Final = 2.0
"""Standard errors by which another recipe must be better: few wins are noise."""


@dataclass(frozen=True)
class Sample:
    """Rows to learn one answer from, in time order where there is one.

    Parameters
    ----------
    Z : ndarray or sparse array of float64, shape (n, width)
        No NaN.
    y : ndarray of float64, shape (n,)
        Labels in [0, 1].
    weights : ndarray of float64, shape (n,)
        Not negative.
    """

    Z: Matrix
    y: Floats
    weights: Floats

    def take(self, rows: NDArray[np.intp] | slice) -> Sample:
        """Return some of the rows."""
        return Sample(self.Z[rows], self.y[rows], self.weights[rows])

    def reweigh(self, factors: Floats) -> Sample:
        """Return the same rows with every weight times a factor."""
        return Sample(self.Z, self.y, self.weights * factors)

    def fit_linear(self, ridge: float) -> Linear:
        """Fit the logistic regression alone to all rows."""
        return fit_linear(self.Z, self.y, weights=self.weights, ridge=ridge)

    def fit(self, recipe: Recipe, *, seed: int) -> Blend:
        """Fit a recipe to all rows."""
        return fit_blend(self.Z, self.y, weights=self.weights, recipe=recipe, seed=seed)


@dataclass(frozen=True)
class Choice:
    """A recipe and what every candidate scored on the validation folds.

    Parameters
    ----------
    recipe : Recipe
        The chosen one.
    losses : mapping of str to float
        Candidate label to its mean log loss on validation rows, level corrected; empty where
        there was nothing to choose by.
    """

    recipe: Recipe
    losses: dict[str, float]


@dataclass(frozen=True)
class Chosen:
    """A fitted blend and how it came to be.

    Parameters
    ----------
    blend : Blend
        Fitted on all rows.
    recipe : str
        What is in it, in words.
    losses : mapping of str to float
        As in `Choice`.
    """

    blend: Blend
    recipe: str
    losses: dict[str, float]

    def as_dict(self) -> dict[str, object]:
        """Return recipe and losses as JSON values."""
        return {"recipe": self.recipe, "validation_log_loss": self.losses}


def fit_chosen(
    sample: Sample, folds: Sequence[Fold], *, start: Recipe, learners: Learners, seed: int
) -> Chosen:
    """Choose a recipe and fit it to all rows; parameters as for `choose_recipe`."""
    choice = choose_recipe(sample, folds, start=start, learners=learners, seed=seed)
    blend = sample.fit(choice.recipe, seed=seed)
    return Chosen(blend=blend, recipe=choice.recipe.label, losses=choice.losses)


def choose_recipe(
    sample: Sample, folds: Sequence[Fold], *, start: Recipe, learners: Learners, seed: int
) -> Choice:
    """Choose the learners by validation within the training rows.

    Candidates are logistic regression at every ridge, and its average with naive Bayes, a small
    LightGBM or both; the rate alone too where it is the start. Else it is none: on Bank Marketing
    no learner beat the rate on the middle of the history, and all do at its end. The start takes
    the ridge with the lowest log loss.
    Another recipe replaces it only when it lowers the log loss by more than two standard
    errors: a selection on few wins is mostly noise, and the average is hard to beat. The level
    is corrected before comparing, since it is set later in any case.

    Parameters
    ----------
    sample : Sample
        What is learned from.
    folds : sequence of Fold
        Rows of the sample: forward in time, or grouped where there is no time; none means that
        the start is taken.
    start : Recipe
        What is right where nothing speaks against it.
    learners : Learners
        The ridges, and the shape of the trees.
    seed : int
        For the learners.

    References
    ----------
    Caruana et al. (2004), Ensemble selection from libraries of models: on few rows averages
    survive the noise of a selection.
    """
    if not folds:
        return Choice(start, {})
    losses = _validate(sample, folds, candidates(learners, start), learners=learners, seed=seed)
    mean = {recipe: float(loss.mean()) for recipe, loss in losses.items()}
    alike = [r for r in losses if _members(r) == _members(start)]
    best = min(alike, key=mean.__getitem__)
    found = min(losses, key=mean.__getitem__)
    gain = losses[best] - losses[found]
    if gain.mean() > CLEAR_GAIN * gain.std() / np.sqrt(len(gain)):
        best = found
    return Choice(best, {recipe.label: loss for recipe, loss in mean.items()})


def _members(recipe: Recipe) -> tuple[bool, bool, bool]:
    return recipe.uses_bayes, recipe.uses_trees, math.isinf(recipe.ridge)


def candidates(learners: Learners, start: Recipe) -> list[Recipe]:
    """Return every recipe that may be chosen from this start."""
    linked = product(learners.ridges, (False, True), (False, True))
    recipes = [
        learners.recipe(ridge=ridge, uses_bayes=uses_bayes, uses_trees=uses_trees)
        for ridge, uses_bayes, uses_trees in linked
    ]
    return [start, *recipes] if math.isinf(start.ridge) else recipes


def _validate(
    sample: Sample,
    folds: Sequence[Fold],
    recipes: Sequence[Recipe],
    *,
    learners: Learners,
    seed: int,
) -> dict[Recipe, Floats]:
    """Weighted log loss of each validation row, with the level of its fold corrected."""

    def judge(fold: Fold) -> list[Floats]:
        test = sample.take(fold.test)
        members = _Members.fit(sample.take(fold.train), test.Z, learners=learners, seed=seed)
        return [_lose(members.average(recipe), test) for recipe in recipes]

    with open_workers() as run:
        losses = run(judge, folds)
    return {
        recipe: np.concatenate(found)
        for recipe, found in zip(recipes, zip(*losses, strict=True), strict=True)
    }


def _lose(z: Floats, test: Sample) -> Floats:
    z = z + fit_shift(z, test.y, weights=test.weights)
    return np.asarray(test.weights * (np.logaddexp(0.0, z) - test.y * z))


@dataclass(frozen=True)
class _Members:
    """Log-odds of each member on validation rows: every recipe is an average of some."""

    linear: dict[float, Floats]
    bayes: Floats
    trees: Floats

    @classmethod
    def fit(cls, train: Sample, Z: Matrix, *, learners: Learners, seed: int) -> _Members:
        """Fit each member once, whatever the number of recipes."""
        Z_train, y, weights = train.Z, train.y, train.weights
        linear = {
            ridge: fit_linear(Z_train, y, weights=weights, ridge=ridge).logit(Z)
            for ridge in (*learners.ridges, math.inf)
        }
        trees = np.zeros(Z.shape[0])
        if Z.shape[1] > 0:
            booster = fit_trees(Z_train, y, weights=weights, recipe=learners.recipe(), seed=seed)
            trees = predict_trees(booster, Z)
        return cls(linear, fit_bayes(Z_train, y, weights=weights).logit(Z), trees)

    def average(self, recipe: Recipe) -> Floats:
        """Return what `Blend.logit` of the recipe would."""
        used = [self.linear[recipe.ridge]]
        used += [self.bayes] if recipe.uses_bayes else []
        used += [self.trees] if recipe.uses_trees else []
        return np.asarray(np.mean(used, axis=0), dtype=np.float64)
