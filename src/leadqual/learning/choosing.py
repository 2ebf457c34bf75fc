"""Which learners to average: nested validation on later rows, within the training past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.blend import Blend, Recipe, fit_blend
from leadqual.learning.logistic import fit_shift
from leadqual.learning.settings import Learners
from leadqual.learning.split import Fold

Floats = NDArray[np.float64]

_CLEAR_GAIN: Final = 2.0


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
        Candidate to its mean log loss on validation rows; empty where nothing was chosen.
    """

    blend: Blend
    recipe: str
    losses: dict[str, float]

    def as_dict(self) -> dict[str, object]:
        """Return recipe and losses as JSON values."""
        return {"recipe": self.recipe, "validation_log_loss": self.losses}


@dataclass(frozen=True)
class Choice:
    """A recipe and what every candidate scored on the validation folds.

    Parameters
    ----------
    recipe : Recipe
        The chosen one.
    losses : mapping of str to float
        Candidate label to its mean log loss on validation rows, level corrected.
    """

    recipe: Recipe
    losses: dict[str, float]


def choose_recipe(
    Z: Floats,
    y: Floats,
    *,
    weights: Floats,
    folds: Sequence[Fold],
    seed: int,
    learners: Learners | None = None,
) -> Choice:
    """Choose the learners by validation within the training rows.

    The average of three learners is the start. The ridge with the lowest log loss is taken; a
    learner leaves only when the others lower the log loss by more than two standard errors:
    a selection on few wins is mostly noise, and the average is hard to beat. The level is
    corrected before comparing, since it is set later in any case.

    Parameters
    ----------
    Z : ndarray of float64, shape (n, width)
        In the order of `y`.
    y, weights : ndarray of float64, shape (n,)
        Labels in [0, 1] and what they weigh.
    folds : sequence of Fold
        Forward in time, or grouped where there is no time; none means no choice to make.
    seed : int
        For the learners.
    learners : Learners, optional
        Candidates and their numbers.
    """
    learners = learners or Learners()
    best = learners.recipe(uses_bayes=True)
    if not folds:
        return Choice(best, {})

    def validate(recipe: Recipe) -> Floats:
        return _validate(recipe, (Z, y, weights), folds=folds, seed=seed)

    losses = {
        recipe: validate(recipe) for recipe in (replace(best, ridge=r) for r in learners.ridges)
    }
    best = min(losses, key=lambda recipe: float(losses[recipe].mean()))
    for smaller in (replace(best, uses_bayes=False), replace(best, uses_trees=False)):
        losses[smaller] = validate(smaller)
    found = min(losses, key=lambda recipe: float(losses[recipe].mean()))
    gain = losses[best] - losses[found]
    if gain.mean() > _CLEAR_GAIN * gain.std() / np.sqrt(len(gain)):
        best = found
    return Choice(best, {r.label: float(loss.mean()) for r, loss in losses.items()})


def _validate(
    recipe: Recipe, data: tuple[Floats, Floats, Floats], *, folds: Sequence[Fold], seed: int
) -> Floats:
    """Weighted log loss of each validation row, with the level of its fold corrected."""
    Z, y, weights = data
    losses = []
    for fold in folds:
        train, test = fold.train, fold.test
        model = fit_blend(Z[train], y[train], weights=weights[train], recipe=recipe, seed=seed)
        z = model.logit(Z[test])
        z += fit_shift(z, y[test], weights=weights[test])
        losses.append(weights[test] * (np.logaddexp(0.0, z) - y[test] * z))
    return np.concatenate(losses)
