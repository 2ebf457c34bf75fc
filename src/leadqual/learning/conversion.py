"""Which estimates make up P(won), with what weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.choosing import Chosen, Sample, fit_chosen
from leadqual.learning.direct import ConversionTarget, build_target
from leadqual.learning.funnel import Stage, fit_stages
from leadqual.learning.preparing import TrainingSet, choice_folds
from leadqual.learning.settings import FEW_WINS, FitSettings

Floats = NDArray[np.float64]

NEED_FLOOR: Final = 0.1
"""Share of conversion that stays when there is surely no need."""

WITH_HEADS: Final = frozenset({"reached", "won"})
"""Steps that no head speaks about."""


@dataclass(frozen=True)
class ConversionParts:
    """Fitted estimates of conversion and their weights.

    Parameters
    ----------
    stages : tuple of Stage
        Empty where the history has no funnel.
    direct : Chosen
        In one step.
    stage_weight, direct_weight, heads_weight : float
        Sum to 1.
    answer : ndarray of float64, shape (n_leads,)
        What is known or expected of each worked lead, NaN elsewhere: for observed rates.
    how : str
        In words, for reports.
    """

    stages: tuple[Stage, ...]
    direct: Chosen
    stage_weight: float
    direct_weight: float
    heads_weight: float
    answer: Floats
    how: str


def fit_conversion(
    data: TrainingSet, *, uses_heads: bool, settings: FitSettings
) -> ConversionParts:
    """Fit what this history allows.

    With a funnel, the product of heads (or of steps, where a head is not learnable) carries most
    of the weight; a plain logistic regression on all leads sharpens it and steadies it where
    wins are few. It takes leads that nobody worked for not won, as the usual tools do: that
    borrows the judgement of whoever chose the leads to work, so its say is bounded, and the level
    comes from worked leads alone. Without a funnel, conversion is learned in one step on worked
    leads, with learners chosen by validation within this history.

    Parameters
    ----------
    data : TrainingSet
        What is learned from.
    uses_heads : bool
        Whether all heads are learnable.
    settings : FitSettings
        Seed and numbers of the learners.
    """
    labels, learners = data.labels, settings.learners
    target = build_target(labels, data.maturity)
    answer = np.full(labels.n_leads, np.nan)
    answer[target.rows] = target.expected
    stages = fit_stages(data, settings=settings)
    if not stages:
        return _fit_direct(data, target, answer, settings=settings)
    won = labels.is_won[data.rows].astype(np.float64)
    # Validation cannot choose here: it would praise whoever copies the choice of leads to work.
    recipe = learners.recipe(uses_trees=False)
    sample = Sample(data.Z[data.rows], won, data.recency.weigh(data.rows))
    plain = sample.fit(recipe, seed=settings.seed)
    has_few = won.sum() < FEW_WINS
    weight = learners.plain_weight_few_wins if has_few else learners.plain_weight
    what = "heads x reached x won" if uses_heads else "product of funnel steps"
    return ConversionParts(
        stages=stages,
        direct=Chosen(plain, recipe.label, {}),
        stage_weight=0.0 if uses_heads else 1 - weight,
        direct_weight=weight,
        heads_weight=1 - weight if uses_heads else 0.0,
        answer=answer,
        how=f"{what} ({1 - weight:.0%}) with plain logistic regression on all leads ({weight:.0%})",
    )


def _fit_direct(
    data: TrainingSet, target: ConversionTarget, answer: Floats, *, settings: FitSettings
) -> ConversionParts:
    """Learn conversion in one step, with the learners that validation likes."""
    learners = settings.learners
    weights = target.weights * data.recency.weigh(target.rows)
    sample = Sample(data.Z[target.rows], target.won, weights)
    direct = fit_chosen(
        sample,
        choice_folds(data, target.rows, seed=settings.seed),
        start=learners.recipe(uses_bayes=True),
        learners=learners,
        seed=settings.seed,
    )
    return ConversionParts(
        stages=(),
        direct=direct,
        stage_weight=0.0,
        direct_weight=1.0,
        heads_weight=0.0,
        answer=answer,
        how=f"one step on {len(target.rows)} leads: {direct.recipe}",
    )
