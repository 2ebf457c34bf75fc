"""Which learner each head gets: judged by how probable it makes what was recorded later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from leadqual.learning.choosing import CLEAR_GAIN, MAX_CHOICE_ROWS, MIN_CHOICE_ROWS
from leadqual.learning.joint import fit_linear_heads, grow_heads, linear_logits, tree_logits
from leadqual.learning.latent import N_CHECKS, Evidence
from leadqual.learning.learners.blend import Blend
from leadqual.learning.learners.logistic import Linear
from leadqual.learning.learners.matrix import Matrix
from leadqual.learning.learners.workers import open_workers
from leadqual.learning.settings import Learners
from leadqual.learning.split import Fold, forward_folds

Floats = NDArray[np.float64]

N_FOLDS: Final = 2
TREE_COUNTS: Final = (60, 120, 240)
LINEAR_SHARES: Final = (0.0, 0.15, 0.5)
LEADS_PER_TREE: Final = 8
"""Fewer leads, fewer trees: in a small history the later ones learn noise."""

FEW_ANSWERS: Final = 1_200
"""Where the evidence is worth fewer known answers, a little of a linear model steadies trees."""


@dataclass(frozen=True)
class HeadRecipe:
    """How much of one head is linear, how much trees, and of how many trees.

    Parameters
    ----------
    ridge : float
        Penalty of the linear member.
    linear_share : float
        Its share of the log-odds; the rest is the trees'. 1 means no trees.
    n_trees : int
        Trees of the other member, 0 for none.
    """

    ridge: float
    linear_share: float
    n_trees: int

    @property
    def label(self) -> str:
        """Return the recipe in words, for reports."""
        linear = f"logistic regression (ridge {self.ridge:g})"
        trees = f"LightGBM of {self.n_trees} trees"
        if self.linear_share in (0.0, 1.0):
            return linear if self.linear_share else trees
        return f"{trees} + {self.linear_share:.0%} {linear}"


@dataclass(frozen=True)
class HeadChoice:
    """A recipe, and the mean validation loss of every candidate by its label.

    The loss is -log P(what was recorded later), up to a constant; empty where nothing was chosen.
    """

    recipe: HeadRecipe
    losses: dict[str, float]


@dataclass(frozen=True)
class HeadMembers:
    """Fitted learners of the four answers, from which recipes are put together.

    Parameters
    ----------
    linear : dict of float to tuple of Linear
        Ridge to one model per answer.
    trees : tuple of Booster
        One per answer.
    start : ndarray of float64, shape (4,)
        Log-odds to which the trees add.
    """

    linear: dict[float, tuple[Linear, ...]]
    trees: tuple[lgb.Booster, ...]
    start: Floats

    @classmethod
    def fit(
        cls,
        Z: Matrix,
        evidence: Evidence,
        *,
        n_trees: Sequence[int],
        ridges: Sequence[float],
        seed: int,
    ) -> HeadMembers:
        """Fit linear models at these ridges, and the given number of trees per answer.

        The trees set out from the level that the linear models at the first ridge find.
        """
        linear = {r: fit_linear_heads(Z, evidence, ridge=r) for r in ridges}
        level = expit(linear_logits(Z, linear[ridges[0]])).mean(axis=0)
        start = np.asarray(logit(level), dtype=np.float64)
        trees = grow_heads(Z, evidence, start=start, n_trees=n_trees, seed=seed)
        return cls(linear=linear, trees=trees, start=start)

    def logits(self, Z: Matrix, recipes: Sequence[HeadRecipe]) -> Floats:
        """Return the log-odds of each answer by its recipe, shape (n, 4)."""
        found = [
            self.blend(recipe, check, shift=0.0).logit(Z) for check, recipe in enumerate(recipes)
        ]
        return np.stack(found, axis=1)

    def blend(self, recipe: HeadRecipe, check: int, *, shift: float) -> Blend:
        """Return one answer by a recipe that asks for all of its trees."""
        share = recipe.linear_share
        linear = self.linear[recipe.ridge][check]
        intercept = share * linear.intercept + (1 - share) * float(self.start[check]) + shift
        return Blend(
            linear=Linear(coef=share * linear.coef, intercept=intercept),
            linear_weight=1.0,
            trees=self.trees[check] if recipe.n_trees else None,
            tree_weight=1 - share,
        )


def start_recipe(n_leads: int, n_answers: float, learners: Learners) -> HeadRecipe:
    """Return what is right where nothing speaks against it.

    Parameters
    ----------
    n_leads : int
        Whose dispositions say something.
    n_answers : float
        Known answers that they are worth (`Evidence.worth`).
    learners : Learners
        The ridge of the linear member.
    """
    allowed = [n for n in TREE_COUNTS if n * LEADS_PER_TREE <= n_leads]
    return HeadRecipe(
        ridge=learners.ridge,
        linear_share=LINEAR_SHARES[1] if n_answers < FEW_ANSWERS else LINEAR_SHARES[0],
        n_trees=max(allowed, default=min(TREE_COUNTS)),
    )


def head_candidates(start: HeadRecipe, learners: Learners) -> list[HeadRecipe]:
    """Return every recipe that may be chosen for a head; none has more trees than the start."""
    counts = [n for n in TREE_COUNTS if n <= start.n_trees]
    return [
        *(HeadRecipe(ridge, 1.0, 0) for ridge in learners.ridges),
        *(HeadRecipe(learners.ridge, s, n) for s in LINEAR_SHARES for n in counts),
    ]


def choose_heads(
    Z: Matrix, evidence: Evidence, start: Sequence[HeadRecipe], *, learners: Learners, seed: int
) -> list[HeadChoice]:
    """Choose the learner of each answer by validation on later leads.

    A head cannot be judged by its own answers, which nobody knows; it is judged by how probable
    it makes what was recorded of later leads, with the start for the other three. Another recipe
    replaces the start only when it is better by more than two standard errors: on few leads a
    selection is mostly noise.

    Parameters
    ----------
    Z : ndarray or sparse array of float64, shape (n, width)
        Leads in time order.
    evidence : Evidence
        Of the same leads.
    start : sequence of HeadRecipe
        Per answer, all with the same number of trees (`start_recipe`).
    learners : Learners
        Ridges.
    seed : int
        For the trees.

    Returns
    -------
    list of HeadChoice
        One per answer, in the order of `CHECKS`.
    """
    if Z.shape[0] < MIN_CHOICE_ROWS:
        return [HeadChoice(recipe, {}) for recipe in start]
    newest = slice(-MAX_CHOICE_ROWS, None)
    Z, evidence = Z[newest], evidence.take(newest)
    n_trees = [recipe.n_trees for recipe in start]
    recipes = head_candidates(start[0], learners)
    ridges = list(dict.fromkeys([learners.ridge, *learners.ridges]))

    def judge(fold: Fold) -> dict[HeadRecipe, list[Floats]]:
        seen = evidence.take(fold.train)
        members = HeadMembers.fit(Z[fold.train], seen, n_trees=n_trees, ridges=ridges, seed=seed)
        return _judge(_predict(Z[fold.test], members, recipes), evidence.take(fold.test), start)

    with open_workers() as run:
        losses = run(judge, forward_folds(Z.shape[0], n_folds=N_FOLDS))
    return [
        _choose({r: np.concatenate([fold[r][check] for fold in losses]) for r in losses[0]}, recipe)
        for check, recipe in enumerate(start)
    ]


def _choose(losses: dict[HeadRecipe, Floats], start: HeadRecipe) -> HeadChoice:
    mean = {recipe: float(loss.mean()) for recipe, loss in losses.items()}
    best = min(mean, key=mean.__getitem__)
    gain = losses[start] - losses[best]
    if gain.mean() <= CLEAR_GAIN * gain.std() / np.sqrt(len(gain)):
        best = start
    return HeadChoice(best, {recipe.label: loss for recipe, loss in mean.items()})


def _predict(
    Z: Matrix, members: HeadMembers, candidates: Sequence[HeadRecipe]
) -> dict[HeadRecipe, Floats]:
    """Return the log-odds of all answers by every recipe, each (n, 4)."""
    linear = {ridge: linear_logits(Z, heads) for ridge, heads in members.linear.items()}
    trees = {
        n: tree_logits(Z, members.trees, members.start, n_trees=n)
        for n in {recipe.n_trees for recipe in candidates if recipe.n_trees}
    }
    trees[0] = np.zeros((Z.shape[0], N_CHECKS))
    return {
        r: np.asarray(r.linear_share * linear[r.ridge] + (1 - r.linear_share) * trees[r.n_trees])
        for r in candidates
    }


def _judge(
    found: dict[HeadRecipe, Floats], evidence: Evidence, start: Sequence[HeadRecipe]
) -> dict[HeadRecipe, list[Floats]]:
    """Return the loss of each lead by recipe and answer."""
    others = np.stack([found[recipe][:, check] for check, recipe in enumerate(start)], axis=1)
    single = [evidence.one_check(others, check) for check in range(N_CHECKS)]
    return {
        recipe: [one.log_loss(logits[:, check]) for check, one in enumerate(single)]
        for recipe, logits in found.items()
    }
