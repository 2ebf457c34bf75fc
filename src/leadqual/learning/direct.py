"""Conversion in one step: who is won, among the worked leads, whatever lies between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from leadqual.learning.blend import DEFAULT_RIDGE, Recipe, fit_blend
from leadqual.learning.logistic import fit_logistic, fit_shift
from leadqual.learning.split import Fold
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity, soften
from leadqual.outcomes.progress import State

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

RIDGES: Final = (3.0, 10.0, 30.0)
_SOFT_ROUNDS: Final = 2
_SOFT_FOLDS: Final = 2
_MIN_STATE_ROWS: Final = 40


@dataclass(frozen=True)
class ConversionTarget:
    """Rows that speak about conversion, in time order, and what they say.

    Parameters
    ----------
    rows : ndarray of intp, shape (n_rows,)
        Worked and usable leads from the time in which wins were recorded.
    y : ndarray of float64, shape (n_rows,)
        1 won, 0 ended, between for an open lead: P(wins later | not won yet, its age).
    """

    rows: Codes
    y: Floats


def build_target(
    Z: Floats, labels: Labels, maturity: Maturity, *, rng: np.random.Generator
) -> ConversionTarget:
    """Label every worked lead, open ones softly by age.

    Without times an open lead has no age: it is left out where losses are recorded, and taken
    for not won where they never are, because nothing better can be known.

    Parameters
    ----------
    Z : ndarray of float64, shape (n_leads, width)
        Encoded features: a promising young lead gets a higher label than a poor one.
    labels, maturity : Labels, Maturity
        Of the same leads.
    rng : numpy Generator
        Draws the folds that keep a lead from confirming itself.

    References
    ----------
    Chapelle (2014), Modeling delayed feedback in display advertising.
    """
    chosen = labels.is_usable & labels.is_worked & maturity.is_covered
    if not labels.has_times and labels.records_losses:
        chosen &= labels.is_settled
    (rows,) = np.nonzero(chosen)
    is_open = labels.is_open[rows]
    y = labels.is_won[rows].astype(np.float64)
    if not is_open.any() or not labels.has_times:
        return ConversionTarget(rows, y)
    share = maturity.share_by_now[rows]
    factor = _state_factor(labels, rows)
    p = np.full(len(rows), y.sum() / max(np.where(is_open, share, 1.0).sum(), 1.0))
    for _ in range(_SOFT_ROUNDS):
        y[is_open] = soften(np.clip(p * factor, 0.0, 0.95), share)[is_open]
        p = _out_of_fold(Z[rows], y, rng)
    y[is_open] = soften(np.clip(p * factor, 0.0, 0.95), share)[is_open]
    return ConversionTarget(rows, y)


def _state_factor(labels: Labels, rows: Codes) -> Floats:
    """How much likelier a lead of this state wins than an average worked lead."""
    factor = np.ones(len(rows))
    is_settled, is_won = labels.is_settled[rows], labels.is_won[rows]
    if not is_settled.any() or not is_won.any():
        return factor
    average = is_won[is_settled].mean()
    came_so_far = {
        State.QUALIFIED: labels.progress.was_handed_off[rows],
        State.OPPORTUNITY: labels.progress.was_accepted[rows],
    }
    for state, came in came_so_far.items():
        known = came & is_settled
        if known.sum() >= _MIN_STATE_ROWS:
            factor[labels.progress.state[rows] == state] = is_won[known].mean() / average
    return factor


def _out_of_fold(Z: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    fold = rng.integers(0, _SOFT_FOLDS, len(y))
    p = np.full(len(y), y.mean())
    for held in range(_SOFT_FOLDS):
        inside, outside = fold != held, fold == held
        if inside.any() and outside.any():
            weights = np.ones(int(inside.sum()))
            model = fit_logistic(Z[inside], y[inside], weights=weights, ridge=DEFAULT_RIDGE)
            p[outside] = expit(model.logit(Z[outside]))
    return p


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


def choose_recipe(Z: Floats, y: Floats, *, folds: Sequence[Fold], seed: int) -> Choice:
    """Choose the learners by validation within the training rows.

    The full average is the start. The ridge moves away from its default, and a learner leaves,
    only when that lowers the log loss by more than its standard error: a selection on few wins
    is mostly noise, and the average is hard to beat. The level is corrected before comparing,
    since it is set later in any case.

    Parameters
    ----------
    Z : ndarray of float64, shape (n, width)
        In the order of `y`.
    y : ndarray of float64, shape (n,)
        Labels in [0, 1].
    folds : sequence of Fold
        Forward in time, or grouped where there is no time; none means no choice to make.
    seed : int
        For the learners.
    """
    best = Recipe(ridge=DEFAULT_RIDGE, uses_bayes=True, uses_trees=True)
    if not folds:
        return Choice(best, {})
    losses: dict[Recipe, Floats] = {best: _validate(best, Z, y, folds=folds, seed=seed)}

    def try_to_improve(candidates: list[Recipe]) -> None:
        nonlocal best
        for candidate in candidates:
            losses[candidate] = _validate(candidate, Z, y, folds=folds, seed=seed)
        found = min(candidates, key=lambda recipe: float(losses[recipe].mean()))
        gain = losses[best] - losses[found]
        if gain.mean() > gain.std() / np.sqrt(len(gain)):
            best = found

    try_to_improve([replace(best, ridge=ridge) for ridge in RIDGES if ridge != best.ridge])
    try_to_improve([replace(best, uses_bayes=False), replace(best, uses_trees=False)])
    return Choice(best, {r.label: float(loss.mean()) for r, loss in losses.items()})


def _validate(recipe: Recipe, Z: Floats, y: Floats, *, folds: Sequence[Fold], seed: int) -> Floats:
    """Log loss of each validation row, with the level of its fold corrected."""
    losses = []
    for fold in folds:
        ones = np.ones(len(fold.train))
        model = fit_blend(Z[fold.train], y[fold.train], weights=ones, recipe=recipe, seed=seed)
        z, truth = model.logit(Z[fold.test]), y[fold.test]
        z += fit_shift(z, truth, weights=np.ones(len(z)))
        losses.append(np.logaddexp(0.0, z) - truth * z)
    return np.concatenate(losses)
