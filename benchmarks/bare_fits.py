"""The floor of training: every learner that a fit calls for, on matrices that are ready.

The same rows, labels, weights, parameters and number of fits as in `fit_bundle`, the nested fits
of validation included; what is chosen is settled before the clock runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from leadqual.learning.amounts import fit_amount
from leadqual.learning.choosing import MAX_CHOICE_ROWS, Sample, choose_recipe
from leadqual.learning.direct import build_target
from leadqual.learning.dispositions import guess_process, read_dispositions
from leadqual.learning.funnel import MANY_ROWS, read_stage
from leadqual.learning.head_choice import N_FOLDS, HeadMembers, choose_heads, start_recipe
from leadqual.learning.joint import fit_linear_heads, linear_logits
from leadqual.learning.latent import N_CHECKS, read_evidence
from leadqual.learning.learners.blend import fit_bayes, fit_linear, fit_trees
from leadqual.learning.preparing import TrainingSet, choice_folds
from leadqual.learning.settings import MIN_PER_CLASS, FitSettings
from leadqual.learning.split import forward_folds
from leadqual.outcomes.progress import StageLabels

BareFit = Callable[[], object]

_BREAK_RIDGE = 30.0
_EARLY_SHARE = 1 / 3


def plan_fits(data: TrainingSet, settings: FitSettings) -> list[BareFit]:
    """Return every learner fit of a training set with a funnel and all heads."""
    learners, labels = settings.learners, data.labels
    plain = Sample(
        data.Z[data.rows],
        labels.is_won[data.rows].astype(np.float64),
        data.recency.weigh(data.rows),
    )
    recipe = learners.recipe(uses_trees=False)
    return [
        *_plan_recency(data, settings),
        *_plan_heads(data, settings),
        *(fit for stage in labels.stages for fit in _plan_stage(data, stage, settings)),
        partial(plain.fit, recipe, seed=settings.seed),
        partial(fit_amount, data.Z, labels, data.encoder),
    ]


def _plan_recency(data: TrainingSet, settings: FitSettings) -> Iterator[BareFit]:
    """Yield the fit that a break is looked for with, and those of half-lives after one."""
    target = build_target(data.labels, data.maturity)
    sample = Sample(data.Z[target.rows], target.won, target.weights)
    grown = np.flatnonzero(data.maturity.share_by_now[target.rows] >= 0.5)
    yield partial(sample.take(grown[: int(len(grown) * _EARLY_SHARE)]).fit_linear, _BREAK_RIDGE)
    for fold in choice_folds(data, target.rows, seed=settings.seed):
        train = sample.take(fold.train)
        yield from [partial(train.fit_linear, _BREAK_RIDGE)] * len(data.recency.losses)


def _plan_heads(data: TrainingSet, settings: FitSettings) -> Iterator[BareFit]:
    labels, learners, seed = data.labels, settings.learners, settings.seed
    codes = read_dispositions(labels.progress)
    (rows,) = np.nonzero(labels.is_usable & (codes >= 0))
    Z, weights = data.Z[rows], data.recency.weigh(rows)
    process, seen = guess_process(settings.check_order), codes[rows]
    nobody, nothing = np.full(len(rows), -1), np.zeros((len(rows), N_CHECKS))
    first = read_evidence(process, seen, reps=nobody, prior=nothing, weights=weights)
    yield partial(fit_linear_heads, Z, first, ridge=learners.ridge)
    prior = linear_logits(Z, fit_linear_heads(Z, first, ridge=learners.ridge))
    evidence = read_evidence(process, seen, reps=labels.rep[rows], prior=prior, weights=weights)
    start = [start_recipe(len(rows), worth, learners) for worth in evidence.worth(prior)]
    chosen = choose_heads(Z, evidence, start, learners=learners, seed=seed)
    newest = slice(-MAX_CHOICE_ROWS, None)
    recent, told = Z[newest], evidence.take(newest)
    for fold in forward_folds(recent.shape[0], n_folds=N_FOLDS):
        yield partial(
            HeadMembers.fit,
            recent[fold.train],
            told.take(fold.train),
            n_trees=[recipe.n_trees for recipe in start],
            ridges=list(learners.ridges),
            seed=seed,
        )
    used = [choice.recipe for choice in chosen]
    yield partial(
        HeadMembers.fit,
        Z,
        evidence,
        n_trees=[recipe.n_trees for recipe in used],
        ridges=list(dict.fromkeys([learners.ridge, *(recipe.ridge for recipe in used)])),
        seed=seed,
    )


def _plan_stage(data: TrainingSet, stage: StageLabels, settings: FitSettings) -> Iterator[BareFit]:
    learners, seed = settings.learners, settings.seed
    rows, y, weights = read_stage(stage)
    sample = Sample(data.Z[rows], y, weights * data.recency.weigh(rows))
    recipe = learners.recipe()
    if len(y) < MANY_ROWS:
        recipe = learners.recipe(ridge=np.inf, uses_trees=False)
    if min(y.sum(), (1 - y).sum()) >= MIN_PER_CLASS:
        folds = choice_folds(data, rows, seed=seed)
        for fold in folds:
            train = sample.take(fold.train)
            given = {"weights": train.weights}
            for ridge in learners.ridges:
                yield partial(fit_linear, train.Z, train.y, **given, ridge=ridge)
            yield partial(fit_bayes, train.Z, train.y, **given)
            yield partial(fit_trees, train.Z, train.y, **given, recipe=learners.recipe(), seed=seed)
        found = choose_recipe(sample, folds, start=recipe, learners=learners, seed=seed)
        recipe = found.recipe
    yield partial(sample.fit, recipe, seed=seed)
