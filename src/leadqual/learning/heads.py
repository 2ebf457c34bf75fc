"""Fit, authority, need and budget from what reps recorded, with their habits and mistakes.

No lead's four answers are known. What was recorded has a probability under each combination of
them (`dispositions`), by the order in which each rep checks (`latent`). The learners raise
the probability of what was recorded (`joint`), and are judged by the same on later leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from leadqual.learning.choosing import Chosen
from leadqual.learning.dispositions import guess_process, read_dispositions
from leadqual.learning.head_choice import HeadMembers, choose_heads, start_recipe
from leadqual.learning.joint import fit_linear_heads, linear_logits
from leadqual.learning.latent import N_CHECKS, Evidence, read_evidence
from leadqual.learning.learners.matrix import Matrix
from leadqual.learning.settings import Learners
from leadqual.outcomes.checks import CHECKS, Check
from leadqual.outcomes.labels import DEFAULT_CHECK_ORDER, Labels

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

LEVEL_ROWS: Final = 1_500
LEVEL_SD: Final = 0.3
"""The level comes from this many newest leads; a shift beyond this needs them to say so."""


@dataclass(frozen=True)
class FittedHeads:
    """The four fitted answers, and what is believed of the leads they were learned from.

    Parameters
    ----------
    chosen : dict of Check to Chosen
        Fitted model, recipe and validation losses of each answer.
    rows : ndarray of intp, shape (n_rows,)
        Leads whose disposition says something.
    p : ndarray of float64, shape (n_rows, 4)
        P(answer is yes | features, everything recorded), columns in the order of `CHECKS`.
    """

    chosen: dict[Check, Chosen]
    rows: Codes
    p: Floats


def fit_heads(
    Z: Matrix,
    labels: Labels,
    *,
    seed: int,
    check_order: Sequence[Check] = DEFAULT_CHECK_ORDER,
    learners: Learners | None = None,
    importance: Floats | None = None,
) -> FittedHeads:
    """Fit the four answers together; the learner of each is chosen by validation on later leads.

    Parameters
    ----------
    Z : ndarray or sparse array of float64, shape (n_leads, width)
        Encoded features, at least one column, leads in time order where there is one.
    labels : Labels
        Of the same leads.
    seed : int
        For the trees.
    check_order : sequence of Check
        In which most of the team checks.
    learners : Learners, optional
        Ridges to choose from.
    importance : ndarray of float64, shape (n_leads,), optional
        What each lead counts; all alike by default.
    """
    learners = learners or Learners()
    codes = read_dispositions(labels.progress)
    (rows,) = np.nonzero(labels.is_usable & (codes >= 0))
    weights = np.ones(len(rows)) if importance is None else importance[rows]
    features, seen, process = Z[rows], codes[rows], guess_process(check_order)
    anyone = np.full(len(rows), -1)
    first = read_evidence(
        process, seen, reps=anyone, prior=np.zeros((len(rows), N_CHECKS)), weights=weights
    )
    prior = linear_logits(features, fit_linear_heads(features, first, ridge=learners.ridge))
    evidence = read_evidence(process, seen, reps=labels.rep[rows], prior=prior, weights=weights)
    start = [start_recipe(len(rows), worth, learners) for worth in evidence.worth(prior)]
    choices = choose_heads(features, evidence, start, learners=learners, seed=seed)
    recipes = [choice.recipe for choice in choices]
    n_trees = [recipe.n_trees for recipe in recipes]
    ridges = list(dict.fromkeys([learners.ridge, *(recipe.ridge for recipe in recipes)]))
    members = HeadMembers.fit(features, evidence, n_trees=n_trees, ridges=ridges, seed=seed)
    logits = members.logits(features, recipes)
    shift = fit_head_levels(logits, evidence)
    blends = [
        members.blend(recipe, check, shift=float(shift[check]))
        for check, recipe in enumerate(recipes)
    ]
    chosen = {
        check: Chosen(blend=blend, recipe=choice.recipe.label, losses=choice.losses)
        for check, blend, choice in zip(CHECKS, blends, choices, strict=True)
    }
    return FittedHeads(chosen=chosen, rows=rows, p=evidence.believe(logits + shift))


def fit_head_levels(logits: Floats, evidence: Evidence) -> Floats:
    """Return the shift of each answer that the newest leads ask for.

    The newest leads are asked, at most half of all. Few of them say little about an answer that
    reps seldom come to: a shift has to be more probable than its prior lets it be.

    Parameters
    ----------
    logits : ndarray of float64, shape (n, 4)
        Before the shift, leads in time order.
    evidence : Evidence
        Of the same leads.

    Returns
    -------
    ndarray of float64, shape (4,)
    """
    newest = slice(-max(min(LEVEL_ROWS, len(logits) // 2), 1), None)
    logits, evidence = logits[newest], evidence.take(newest)

    def loss(shift: Floats) -> tuple[float, Floats]:
        moved = logits + shift
        error = evidence.weights[:, None] * (expit(moved) - evidence.believe(moved))
        value = evidence.log_loss(moved).sum() + (shift**2).sum() / (2 * LEVEL_SD**2)
        return float(value), error.sum(axis=0) + shift / LEVEL_SD**2

    return np.asarray(minimize(loss, np.zeros(N_CHECKS), jac=True, method="L-BFGS-B").x)
