"""Evidence about answers that nobody knows, and the habits of those who recorded it."""

import numpy as np
import pytest
from scipy.special import expit, logit

from leadqual.learning.dispositions import ANSWERS, DISPOSITIONS, ORDERS, guess_process
from leadqual.learning.latent import Evidence, combine, read_evidence
from leadqual.outcomes.checks import CHECKS, Check
from leadqual.outcomes.labels import DEFAULT_CHECK_ORDER

PROCESS = guess_process(DEFAULT_CHECK_ORDER)
BUDGET = CHECKS.index(Check.BUDGET)
MONEY_FIRST = (BUDGET, 0, 1, 2)


def record(order: tuple[int, ...], n: int, rng: np.random.Generator) -> np.ndarray:
    """What a rep of one order leaves behind of leads with an even chance of each answer."""
    table = PROCESS.tables[ORDERS.index(order)].mean(axis=0)
    return rng.choice(len(DISPOSITIONS), n, p=table)


def read(seen: np.ndarray, reps: np.ndarray) -> Evidence:
    n = len(seen)
    return read_evidence(PROCESS, seen, reps=reps, prior=np.zeros((n, 4)), weights=np.ones(n))


def budget_says(evidence: Evidence) -> np.ndarray:
    """P(budget | what was recorded) of leads with an even chance."""
    return evidence.believe(np.zeros((len(evidence.weights), 4)))[:, BUDGET]


def test_answers_are_combined_independently() -> None:
    logits = np.array([[0.3, -1.0, 2.0, 0.0]])
    p = expit(logits[0])

    joint = combine(logits)[0]

    assert joint.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(ANSWERS.T @ joint, p)


def test_a_rep_who_asks_for_money_first_is_found_out() -> None:
    rng = np.random.default_rng(0)
    seen = np.concatenate([record(MONEY_FIRST, 300, rng), record((0, 1, 2, 3), 300, rng)])
    reps = np.repeat([0, 1], 300)
    blames_fit = seen == DISPOSITIONS.index("disqualified: fit")

    known, anonymous = budget_says(read(seen, reps)), budget_says(read(seen, np.full(600, -1)))

    # Before this rep asks about fit, money was no obstacle; the other has not asked for it yet.
    assert known[(reps == 0) & blames_fit].mean() > 0.75
    assert abs(known[(reps == 1) & blames_fit].mean() - 0.5) < 0.05
    assert abs(anonymous[(reps == 0) & blames_fit].mean() - 0.5) < 0.1


def test_a_rep_with_few_leads_counts_as_anybody() -> None:
    seen = np.array([DISPOSITIONS.index("disqualified: fit")])

    known, anonymous = read(seen, np.array([7])), read(seen, np.array([-1]))

    ratio = known.likelihood / anonymous.likelihood
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, atol=0.15)


def test_one_answer_is_judged_by_the_same_probability_as_all_together() -> None:
    rng = np.random.default_rng(1)
    evidence = read(record((0, 1, 2, 3), 50, rng), np.zeros(50, dtype=np.intp))
    logits = rng.normal(size=(50, 4))
    other = logits.copy()
    other[:, BUDGET] += 0.7

    one = evidence.one_check(logits, BUDGET)

    np.testing.assert_allclose(
        one.log_loss(other[:, BUDGET]) - one.log_loss(logits[:, BUDGET]),
        evidence.log_loss(other) - evidence.log_loss(logits),
    )


def test_a_win_leaves_no_doubt_about_what_it_takes() -> None:
    seen = np.array([DISPOSITIONS.index("won")])

    believed = read(seen, np.array([-1])).believe(np.full((1, 4), logit(0.2)))[0]

    assert believed[[0, 1, BUDGET]] == pytest.approx(1.0)
    assert believed[CHECKS.index(Check.NEED)] < 0.95


def test_evidence_is_worth_the_answers_it_gives_away() -> None:
    certain = Evidence(np.repeat(ANSWERS[:, BUDGET][None] * 1.0, 10, axis=0), np.ones(10))

    worth = certain.worth(np.zeros((10, 4)))

    np.testing.assert_allclose(worth, np.eye(4)[BUDGET] * 10, atol=1e-9)
