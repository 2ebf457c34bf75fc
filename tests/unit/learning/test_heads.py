"""Heads from what reps recorded, with their mistakes and habits."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit, logit

from leadqual.features.encoder import Encoder
from leadqual.learning.dispositions import DISPOSITIONS, guess_process, read_dispositions
from leadqual.learning.head_choice import (
    TREE_COUNTS,
    HeadChoice,
    choose_heads,
    head_candidates,
    start_recipe,
)
from leadqual.learning.heads import FittedHeads, fit_head_levels, fit_heads
from leadqual.learning.latent import Evidence, read_evidence
from leadqual.learning.metrics import Outcome, measure
from leadqual.learning.settings import Learners
from leadqual.outcomes.checks import CHECKS, Check
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import DEFAULT_CHECK_ORDER, Labels, label_history

MakeHistory = Callable[..., History]
Fitted = tuple[np.ndarray, Labels, FittedHeads]


@pytest.fixture(scope="module")
def fitted(funnel: MakeHistory) -> Fitted:
    history = funnel(3_000, seed=4)
    labels = label_history(history, as_of=None)
    encoder = Encoder.fit(history.columns, n_leads=history.n_leads)
    Z = encoder.transform(history.columns, n_leads=history.n_leads)
    return Z, labels, fit_heads(Z, labels, seed=0)


def test_a_win_is_believed_and_a_stated_reason_counts_against(fitted: Fitted) -> None:
    _, labels, found = fitted
    codes = read_dispositions(labels.progress)[found.rows]

    won = found.p[codes == DISPOSITIONS.index("won")]
    blamed = found.p[codes == DISPOSITIONS.index("disqualified: authority")]

    assert (won[:, [0, 1, 3]] > 0.99).all()
    assert blamed[:, CHECKS.index(Check.AUTHORITY)].mean() < 0.3
    assert blamed[:, CHECKS.index(Check.FIT)].mean() > 0.7


@pytest.mark.parametrize("check", [Check.FIT, Check.AUTHORITY, Check.BUDGET])
def test_each_head_ranks_what_the_events_imply(fitted: Fitted, check: Check) -> None:
    Z, labels, found = fitted
    implied = labels.heads[check].values
    known = ~np.isnan(implied)

    p = found.chosen[check].blend.probability(Z[known])

    assert measure(p, Outcome.of(implied[known]))["auc"] > 0.6


def test_the_report_says_which_learner_won_against_which(fitted: Fitted) -> None:
    _, _, found = fitted
    learners = Learners()
    candidates = head_candidates(start_recipe(len(found.rows), 2_000, learners), learners)

    for chosen in found.chosen.values():
        assert chosen.recipe in chosen.losses
        assert len(chosen.losses) == len(candidates)


def test_the_same_seed_gives_the_same_heads(funnel: MakeHistory) -> None:
    history = funnel(600)
    labels = label_history(history, as_of=None)
    encoder = Encoder.fit(history.columns, n_leads=history.n_leads)
    Z = encoder.transform(history.columns, n_leads=history.n_leads)

    one, other = (fit_heads(Z, labels, seed=3) for _ in range(2))

    np.testing.assert_array_equal(one.p, other.p)


def test_a_lead_without_importance_teaches_nothing(funnel: MakeHistory) -> None:
    history = funnel(600)
    labels = label_history(history, as_of=None)
    encoder = Encoder.fit(history.columns, n_leads=history.n_leads)
    Z = encoder.transform(history.columns, n_leads=history.n_leads)
    is_new = np.arange(len(Z)) >= 200
    wrong = Z.copy()
    wrong[~is_new] = Z[~is_new][::-1]

    found = [
        fit_heads(matrix, labels, seed=0, importance=is_new.astype(np.float64))
        for matrix in (Z, wrong)
    ]

    logits = [heads.chosen[Check.FIT].blend.logit(Z) for heads in found]
    assert np.corrcoef(logits[0], logits[1])[0, 1] > 0.9


def evidence_of(truth: np.ndarray, rng: np.random.Generator) -> Evidence:
    """Evidence of a generic team on leads with these probabilities."""
    process = guess_process(DEFAULT_CHECK_ORDER)
    n = len(truth)
    row = ((rng.random(truth.shape) < truth) @ np.array([8, 4, 2, 1])).astype(np.intp)
    chances = process.average[row].cumsum(axis=1)
    seen = (rng.random(n)[:, None] > chances[:, :-1]).sum(axis=1)
    return read_evidence(
        process, seen, reps=np.full(n, -1), prior=np.zeros((n, 4)), weights=np.ones(n)
    )


def choose(Z: np.ndarray, evidence: Evidence) -> list[HeadChoice]:
    learners = Learners()
    start = [start_recipe(len(Z), 2_000, learners)] * 4
    return choose_heads(Z, evidence, start, learners=learners, seed=0)


def test_linear_heads_replace_trees_only_where_later_leads_clearly_say_so() -> None:
    rng = np.random.default_rng(2)
    Z = rng.normal(size=(1_500, 12))
    logits = np.zeros((1_500, 4))
    logits[:, 0] = Z @ np.full(12, 0.6)
    evidence = evidence_of(expit(logits), rng)

    choice = choose(Z, evidence)

    assert choice[0].recipe.linear_share >= 0.5
    assert min(choice[0].losses, key=choice[0].losses.__getitem__) == choice[0].recipe.label


def test_crossing_columns_keep_the_trees() -> None:
    rng = np.random.default_rng(3)
    Z = rng.integers(0, 2, (2_000, 4)).astype(np.float64)
    logits = np.zeros((2_000, 4))
    logits[:, 0] = np.where(Z[:, 0] == Z[:, 1], 1.5, -1.5)

    choice = choose(Z, evidence_of(expit(logits), rng))

    assert choice[0].recipe.linear_share < 0.5


def test_few_leads_get_few_trees() -> None:
    counts = [start_recipe(n, 2_000, Learners()).n_trees for n in (100, 1_000, 10_000)]

    assert counts == sorted(TREE_COUNTS)


def test_where_little_is_known_a_linear_part_joins_the_trees() -> None:
    shares = [start_recipe(9_000, worth, Learners()).linear_share for worth in (200, 5_000)]

    assert shares[0] > shares[1] == 0


def test_too_few_leads_are_not_chosen_on() -> None:
    rng = np.random.default_rng(4)
    evidence = evidence_of(np.full((150, 4), 0.5), rng)

    choice = choose(rng.normal(size=(150, 2)), evidence)

    assert {found.recipe for found in choice} == {start_recipe(150, 2_000, Learners())}
    assert all(found.losses == {} for found in choice)


def test_the_level_follows_the_newest_leads() -> None:
    rng = np.random.default_rng(6)
    n = 4_000
    truth = np.full((n, 4), 0.6)
    truth[n // 2 :, 0] = 0.4
    evidence = evidence_of(truth, rng)

    shift = fit_head_levels(np.full((n, 4), logit(0.6)), evidence)

    assert expit(logit(0.6) + shift[0]) == pytest.approx(0.4, abs=0.06)
    assert np.abs(shift[1:]).max() < 0.5


def test_few_leads_hardly_move_the_level() -> None:
    rng = np.random.default_rng(7)
    evidence = evidence_of(np.full((40, 4), 0.1), rng)

    shift = fit_head_levels(np.full((40, 4), logit(0.9)), evidence)

    assert np.abs(shift).max() < 1.0
