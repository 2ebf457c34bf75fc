"""Conversion step by step: reached, qualified, accepted, won, each on its own answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.choosing import Chosen, Sample, fit_chosen
from leadqual.learning.learners.blend import Blend
from leadqual.learning.level import answers_until, censoring_weights, fit_answer_level
from leadqual.learning.preparing import TrainingSet, choice_folds
from leadqual.learning.settings import MIN_PER_CLASS, FitSettings
from leadqual.outcomes.progress import StageLabels

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MANY_ROWS: Final = 1_000
"""A step with fewer is its rate unless something is clearly better: models learn noise there."""


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


def fit_stages(data: TrainingSet, *, settings: FitSettings) -> tuple[Stage, ...]:
    """Fit every step of the funnel on the leads that came to it.

    Learners are chosen by validation on later leads. A step with many leads starts from
    logistic regression and trees, one with few from its rate. A step with fewer than 40 leads
    on either side gets its rate.

    Parameters
    ----------
    data : TrainingSet
        What is learned from.
    settings : FitSettings
        Seed and numbers of the learners.

    Returns
    -------
    tuple of Stage
        Empty when the history says nothing of the way from contact to hand-off: `qualified`
        needs 40 leads on both sides.
    """
    labels = data.labels
    if not labels.records_work:
        return ()
    qualified = labels.stages[1]
    n_passed = int(qualified.is_passed.sum())
    if min(n_passed, int(qualified.is_known.sum()) - n_passed) < MIN_PER_CLASS:
        return ()
    return tuple(_fit_stage(data, stage, settings=settings) for stage in labels.stages)


def read_stage(stage: StageLabels) -> tuple[Codes, Floats, Floats]:
    """Return the leads that answer a step, whether each passed, and its weight.

    An answer that takes long is weighted for leads too young to have shown it; a lead that
    should have answered by now counts as stopped.

    Returns
    -------
    rows : ndarray of intp, shape (n_rows,)
    passed, weights : ndarray of float64, shape (n_rows,)
    """
    (place,) = np.nonzero(stage.is_in)
    answer, horizon = answers_until(stage)
    answer = answer[place]
    known, weights = censoring_weights(stage.available_days[place], answer, horizon_days=horizon)
    # Without times there is no horizon after which silence is an answer.
    known &= np.isfinite(answer) | np.isfinite(stage.available_days[place])
    return place[known], stage.is_passed[place][known].astype(np.float64), weights[known]


def _fit_stage(data: TrainingSet, stage: StageLabels, *, settings: FitSettings) -> Stage:
    rows, y, weights = read_stage(stage)
    learners, seed = settings.learners, settings.seed
    n_passed = int(y.sum())
    n_stopped = len(y) - n_passed
    start = learners.recipe()
    if len(y) < MANY_ROWS:
        start = learners.recipe(ridge=math.inf, uses_trees=False)
    sample = Sample(data.Z[rows], y, weights * data.recency.weigh(rows))
    if min(n_passed, n_stopped) < MIN_PER_CLASS:
        chosen = Chosen(sample.fit(start, seed=seed), start.label, {})
    else:
        folds = choice_folds(data, rows, seed=seed)
        chosen = fit_chosen(sample, folds, start=start, learners=learners, seed=seed)
    if data.history.is_ordered:
        shift = fit_answer_level(chosen.blend.logit(sample.Z), y, weights=weights)
        chosen = replace(chosen, blend=chosen.blend.shifted(shift))
    return Stage(name=stage.name, chosen=chosen, n_passed=n_passed, n_stopped=n_stopped)
