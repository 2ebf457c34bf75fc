"""Conversion step by step: reached, qualified, accepted, won, each on its own answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.blend import Blend, fit_blend
from leadqual.learning.choosing import Chosen
from leadqual.learning.level import censoring_weights
from leadqual.learning.logistic import Linear
from leadqual.learning.settings import MIN_PER_CLASS, Learners
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.progress import StageLabels

Floats = NDArray[np.float64]

LATE_RIDGE: Final = 100.0
"""For steps with few rows: trees and a light ridge learn noise there, and rank worse for it."""

MIN_ROWS_FOR_TREES: Final = 2_000
_MIN_HORIZON_DAYS: Final = 14.0
_HORIZON_QUANTILE: Final = 0.975


@dataclass(frozen=True)
class Stage:
    """One fitted step of the funnel.

    Parameters
    ----------
    name : str
        As in `StageLabels`.
    chosen : Chosen
        The model of P(passed | came to this step).
    n_passed, n_stopped : int
        What it was learned from.
    """

    name: str
    chosen: Chosen
    n_passed: int
    n_stopped: int

    @property
    def blend(self) -> Blend:
        """Return the fitted model."""
        return self.chosen.blend


def fit_stages(Z: Floats, labels: Labels, *, seed: int, learners: Learners) -> tuple[Stage, ...]:
    """Fit every step of the funnel on the leads that came to it.

    A step with fewer than 40 leads on either side gets its rate instead of a model.

    Parameters
    ----------
    Z : ndarray of float64, shape (n_leads, width)
        Encoded features.
    labels : Labels
        Of the same leads.
    seed : int
        For the learners.
    learners : Learners
        Their numbers.

    Returns
    -------
    tuple of Stage
        Empty when the history says nothing of the way from contact to hand-off: `qualified`
        needs 40 leads on both sides.
    """
    if not labels.records_work:
        return ()
    qualified = labels.stages[1]
    n_passed = int(qualified.is_passed.sum())
    if min(n_passed, int(qualified.is_known.sum()) - n_passed) < MIN_PER_CLASS:
        return ()
    return tuple(_fit_stage(Z, stage, seed=seed, learners=learners) for stage in labels.stages)


def _fit_stage(Z: Floats, stage: StageLabels, *, seed: int, learners: Learners) -> Stage:
    (place,) = np.nonzero(stage.is_in)
    answer = np.where(stage.is_known, np.nan_to_num(stage.answer_days, nan=0.0), np.inf)[place]
    passed_after = answer[stage.is_passed[place]]
    horizon = _MIN_HORIZON_DAYS
    if len(passed_after):
        horizon = max(horizon, float(np.quantile(passed_after, _HORIZON_QUANTILE)))
    known, weights = censoring_weights(stage.available_days[place], answer, horizon_days=horizon)
    # Without times there is no horizon after which silence is an answer.
    known &= np.isfinite(answer) | np.isfinite(stage.available_days[place])
    y = stage.is_passed[place][known].astype(np.float64)
    n_passed = int(y.sum())
    n_stopped = len(y) - n_passed
    if min(n_passed, n_stopped) < MIN_PER_CLASS:
        blend = constant_blend(Z.shape[1], (n_passed + 0.5) / (len(y) + 1))
        chosen = Chosen(blend, "the rate alone", {})
    else:
        recipe = learners.recipe()
        if len(y) < MIN_ROWS_FOR_TREES:
            recipe = learners.recipe(ridge=LATE_RIDGE, uses_trees=False)
        blend = fit_blend(Z[place][known], y, weights=weights[known], recipe=recipe, seed=seed)
        chosen = Chosen(blend, recipe.label, {})
    return Stage(name=stage.name, chosen=chosen, n_passed=n_passed, n_stopped=n_stopped)


def constant_blend(width: int, rate: float) -> Blend:
    """Return a blend that gives every lead the same probability."""
    linear = Linear(coef=np.zeros(width), intercept=float(np.log(rate / (1 - rate))))
    return Blend(linear=linear, linear_weight=1.0, trees=None, tree_weight=0.0)
