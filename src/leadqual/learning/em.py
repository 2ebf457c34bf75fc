"""Heads by expectation-maximisation over what reps recorded.

Each lead has four hidden answers (fit, authority, need, budget). What a rep recorded depends
on all four, on the order of checks, and on mistakes: a rep lets a bad lead pass, refuses a
good one, names the wrong reason or none. The table P(recorded | answers) starts from general
guesses and is learned with the heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.blend import Recipe, fit_blend
from leadqual.learning.choosing import Chosen
from leadqual.learning.settings import Learners
from leadqual.outcomes.labels import DEFAULT_CHECK_ORDER, Labels
from leadqual.outcomes.progress import CHECKS, Check, Progress, State

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_STOPS: Final = (*(check.value for check in CHECKS), "no reason")
DISPOSITIONS: Final = (
    *(f"disqualified: {stop}" for stop in _STOPS),
    *(f"rejected: {stop}" for stop in _STOPS),
    "accepted",
    "lost: budget",
    "won",
)
"""What a rep or an AE left behind, as far as it speaks about the four answers."""

_REJECTED: Final = len(_STOPS)
_ACCEPTED: Final = 2 * len(_STOPS)
_LOST_BUDGET: Final = _ACCEPTED + 1
_WON: Final = _ACCEPTED + 2
ANSWERS: Final = np.array(list(product((0, 1), repeat=len(CHECKS))))
"""The 16 combinations of the four answers, one row each, columns in the order of `CHECKS`."""

TABLE_PRIOR_LEADS: Final = 200.0
"""Weight of the guessed table, in leads per combination."""

N_FOLDS: Final = 2
ROUNDS_WITH_TREES: Final = (False, False, False, True, True)
"""What refits the priors, round by round; trees cost ten times the time and matter at the end."""

_START: Final = (0.6, 0.5, 0.5, 0.5)
_FIT, _AUTHORITY, _NEED, _BUDGET = range(4)


@dataclass(frozen=True)
class GuessedRates:
    """Rates of the starting table, the same for every check.

    `false_fail`: a good lead is refused; `false_pass`: a bad one passes; `catch`: the AE notices;
    `right_reason` and `no_reason`: what is recorded on refusal; `usual_order`: share of
    reps who check in the team's order.
    """

    false_fail: float = 0.06
    false_pass: float = 0.18
    catch: float = 0.5
    ae_false_fail: float = 0.04
    right_reason: float = 0.75
    no_reason: float = 0.15
    usual_order: float = 0.7
    win_given_all: float = 0.4
    win_without_need: float = 0.25
    budget_loss: float = 0.3


def read_dispositions(progress: Progress) -> Codes:
    """Return for each lead the index in `DISPOSITIONS`, -1 where nothing speaks.

    A deal lost before any hand-off was stopped by the rep; one lost after it by the AE. Losing
    an accepted deal for lack of need, or for no reason, says no more than that it was accepted.
    """
    stop = np.where(progress.failed_check >= 0, progress.failed_check, len(CHECKS))
    is_lost = progress.is_in(State.LOST)
    after_acceptance = is_lost & progress.was_accepted
    by_ae = progress.is_in(State.REJECTED) | (
        is_lost & progress.was_handed_off & ~progress.was_accepted
    )
    by_ae |= after_acceptance & np.isin(progress.failed_check, (_FIT, _AUTHORITY))
    by_rep = progress.is_in(State.DISQUALIFIED) | (is_lost & ~progress.was_handed_off)
    code = np.full(len(stop), -1, dtype=np.intp)
    code[progress.is_in(State.OPPORTUNITY) | after_acceptance] = _ACCEPTED
    code[after_acceptance & (progress.failed_check == _BUDGET)] = _LOST_BUDGET
    code[by_rep] = stop[by_rep]
    code[by_ae] = _REJECTED + stop[by_ae]
    code[progress.is_in(State.WON)] = _WON
    return code


def guess_table(
    check_order: Sequence[Check] = DEFAULT_CHECK_ORDER, rates: GuessedRates | None = None
) -> Floats:
    """Return P(disposition | answers) of a generic team, shape (16, len(DISPOSITIONS))."""
    rates = rates or GuessedRates()
    table = np.zeros((len(ANSWERS), len(DISPOSITIONS)))
    usual = tuple(CHECKS.index(check) for check in check_order)
    orders = [(usual, rates.usual_order)]
    orders += [(o, (1 - rates.usual_order) / 24) for o in permutations(range(4))]
    for row, answers in enumerate(ANSWERS):
        passes = np.where(answers == 1, 1 - rates.false_fail, rates.false_pass)
        failed = np.zeros(len(CHECKS))
        for order, share in orders:
            remaining = share
            for check in order:
                failed[check] += remaining * (1 - passes[check])
                remaining *= passes[check]
        table[row] = _row(answers, failed, rates)
    return table


def _row(answers: NDArray[np.int_], failed: Floats, rates: GuessedRates) -> Floats:
    """One combination of answers: the rep's refusals, then the AE's, then the deal."""
    row = np.zeros(len(DISPOSITIONS))
    wrong = 1 - rates.right_reason - rates.no_reason
    row[: len(CHECKS)] = failed * rates.right_reason + failed.sum() * wrong / len(CHECKS)
    row[len(CHECKS)] = failed.sum() * rates.no_reason
    remaining = 1 - failed.sum()
    for check, answer in enumerate(answers):
        refused = remaining * (rates.ae_false_fail if answer else rates.catch)
        row[_REJECTED + check] = refused * (1 - rates.no_reason)
        row[_REJECTED + len(CHECKS)] += refused * rates.no_reason
        remaining -= refused
    is_sound = answers[_FIT] and answers[_AUTHORITY] and answers[_BUDGET]
    need = 1.0 if answers[_NEED] else rates.win_without_need
    win = rates.win_given_all * need if is_sound else 0.0
    row[_WON] = remaining * win
    loss = rates.budget_loss if not answers[_BUDGET] else rates.budget_loss / 10
    row[_LOST_BUDGET] = remaining * (1 - win) * loss
    row[_ACCEPTED] = remaining * (1 - win) * (1 - loss)
    return row


@dataclass(frozen=True)
class HeadPosteriors:
    """What EM believes of the four answers.

    Parameters
    ----------
    rows : ndarray of intp, shape (n_rows,)
        Leads whose disposition says something.
    p : ndarray of float64, shape (n_rows, 4)
        P(answer is yes | features, everything recorded), columns in the order of `CHECKS`.
    prior : ndarray of float64, shape (n_rows, 4)
        P(answer is yes | features), from models that did not see the lead.
    table : ndarray of float64, shape (16, len(DISPOSITIONS))
        The learned P(disposition | answers).
    """

    rows: Codes
    p: Floats
    prior: Floats
    table: Floats

    def evidence(self, check: Check) -> tuple[Floats, Floats]:
        """Return hard labels and weights that hold what was recorded, and no more.

        A posterior close to its prior says nothing new; fitting the final model to it would
        copy the simpler model of the rounds. Label 1 with weight w pulls a model at the prior
        q by w (1 - q), so w = (p - q) / (1 - q) pulls exactly as the posterior p does; label 0
        likewise.

        Returns
        -------
        labels, weights : ndarray of float64, shape (n_rows,)
            Labels 0 or 1, weights in [0, 1].
        """
        place = CHECKS.index(check)
        p, q = self.p[:, place], self.prior[:, place]
        is_up = p >= q
        weights = np.where(is_up, (p - q) / (1 - q), (q - p) / q)
        return is_up.astype(np.float64), np.clip(weights, 0.0, 1.0)


def estimate_heads(
    Z: Floats,
    labels: Labels,
    *,
    seed: int,
    check_order: Sequence[Check] = DEFAULT_CHECK_ORDER,
    learners: Learners | None = None,
) -> HeadPosteriors:
    """Run EM: believe in the answers, fit the heads and the table to that, and again.

    The prior of a lead comes from heads fitted on the other fold, so that a lead does not
    confirm itself.

    Parameters
    ----------
    Z : ndarray of float64, shape (n_leads, width)
        Encoded features.
    labels : Labels
        Of the same leads.
    seed : int
        Draws the folds and seeds the learners.
    check_order : sequence of Check
        The team's order of checks.
    learners : Learners, optional
        Numbers of the learners.

    References
    ----------
    Raykar et al. (2010), Learning from crowds, Journal of Machine Learning Research 11.
    """
    codes = read_dispositions(labels.progress)
    (rows,) = np.nonzero(labels.is_usable & (codes >= 0))
    seen, features = codes[rows], Z[rows]
    guessed = guess_table(check_order)
    table = guessed
    fold = np.random.default_rng(seed).integers(0, N_FOLDS, len(rows))
    prior = np.tile(np.array(_START), (len(rows), 1))
    learners = learners or Learners()
    for uses_trees in ROUNDS_WITH_TREES:
        recipe = learners.recipe(uses_trees=uses_trees)
        belief = _believe(prior, table, seen)
        table = _learn_table(belief, guessed, seen)
        prior = _refit_prior(features, belief @ ANSWERS, fold=fold, recipe=recipe, seed=seed)
    belief = _believe(prior, table, seen)
    return HeadPosteriors(rows=rows, p=belief @ ANSWERS, prior=prior, table=table)


def fit_head(
    Z: Floats,
    found: HeadPosteriors,
    check: Check,
    *,
    seed: int,
    learners: Learners | None = None,
    importance: Floats | None = None,
) -> Chosen:
    """Fit the final model of one answer to what EM found.

    Parameters
    ----------
    Z : ndarray of float64, shape (n_leads, width)
        The matrix that EM ran on.
    found : HeadPosteriors
        Its result.
    check : Check
        Which answer.
    seed : int
        For the learners.
    learners : Learners, optional
        Numbers of the learners.
    importance : ndarray of float64, shape (n_rows,), optional
        What each of the posteriors' leads counts; all alike by default.
    """
    y, weights = found.evidence(check)
    if importance is not None:
        weights = weights * importance
    recipe = (learners or Learners()).recipe()
    blend = fit_blend(Z[found.rows], y, weights=weights, recipe=recipe, seed=seed)
    return Chosen(blend=blend, recipe=recipe.label, losses={})


def _believe(prior: Floats, table: Floats, seen: Codes) -> Floats:
    """P(answers | prior, what was recorded), shape (n_rows, 16)."""
    belief = table[:, seen].T.copy()
    for check in range(len(CHECKS)):
        yes = prior[:, check : check + 1]
        belief *= np.where(ANSWERS[:, check] == 1, yes, 1 - yes)
    return np.asarray(belief / np.maximum(belief.sum(axis=1, keepdims=True), 1e-300))


def _learn_table(belief: Floats, guessed: Floats, seen: Codes) -> Floats:
    """Count what was recorded under each combination, on top of the guess."""
    counts = np.zeros_like(guessed)
    np.add.at(counts.T, seen, belief)
    table = counts + TABLE_PRIOR_LEADS * guessed
    is_unsound = ANSWERS[:, (_FIT, _AUTHORITY, _BUDGET)].min(axis=1) == 0
    table[is_unsound, _WON] = 0.0
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _refit_prior(Z: Floats, p: Floats, *, fold: Codes, recipe: Recipe, seed: int) -> Floats:
    """Predict each answer of each lead by a model of the other folds."""
    prior = p.copy()
    for check, held in product(range(len(CHECKS)), range(N_FOLDS)):
        inside, outside = fold != held, fold == held
        if inside.any() and outside.any():
            y, weights = p[inside, check], np.ones(int(inside.sum()))
            model = fit_blend(Z[inside], y, weights=weights, recipe=recipe, seed=seed)
            prior[outside, check] = model.probability(Z[outside])
    return np.clip(prior, 1e-4, 1 - 1e-4)
