"""Learners of four answers that nobody knows, from what was recorded."""

import numpy as np
import pytest
from scipy.special import expit

from leadqual.learning.dispositions import ANSWERS, DISPOSITIONS, guess_process
from leadqual.learning.joint import fit_linear_heads, grow_heads, linear_logits, tree_logits
from leadqual.learning.latent import Evidence, read_evidence
from leadqual.learning.metrics import Outcome, measure
from leadqual.outcomes.labels import DEFAULT_CHECK_ORDER

N = 3_000
FIT, AUTHORITY = 0, 1


def recorded(truth: np.ndarray, rng: np.random.Generator) -> Evidence:
    """What a generic team leaves behind of leads with these probabilities, shape (n, 4)."""
    process = guess_process(DEFAULT_CHECK_ORDER)
    has = rng.random(truth.shape) < truth
    row = (has @ (1 << np.arange(3, -1, -1))).astype(np.intp)
    assert (ANSWERS[row] == has).all()
    chances = process.average[row].cumsum(axis=1)
    seen = (rng.random(len(truth))[:, None] > chances[:, :-1]).sum(axis=1)
    assert seen.max() < len(DISPOSITIONS)
    n = len(truth)
    return read_evidence(
        process, seen, reps=np.full(n, -1), prior=np.zeros((n, 4)), weights=np.ones(n)
    )


@pytest.fixture(scope="module")
def crossed() -> tuple[np.ndarray, np.ndarray, Evidence]:
    """Fit depends on two columns that cross, authority on a third."""
    rng = np.random.default_rng(0)
    Z = rng.integers(0, 2, (N, 4)).astype(np.float64)
    logits = np.zeros((N, 4))
    logits[:, FIT] = np.where(Z[:, 0] == Z[:, 1], 1.5, -1.5)
    logits[:, AUTHORITY] = 2.0 * (Z[:, 2] - 0.5)
    truth = expit(logits)
    return Z, truth, recorded(truth, rng)


def auc(logits: np.ndarray, truth: np.ndarray, check: int) -> float:
    return measure(expit(logits[:, check]), Outcome.of(truth[:, check]))["auc"]


def best(truth: np.ndarray, check: int) -> float:
    return measure(truth[:, check], Outcome.of(truth[:, check]))["auc"]


def grow(Z: np.ndarray, evidence: Evidence, n_trees: list[int], seed: int = 0) -> np.ndarray:
    trees = grow_heads(Z, evidence, start=np.zeros(4), n_trees=n_trees, seed=seed)
    return tree_logits(Z, trees, np.zeros(4))


def test_a_linear_head_finds_a_hidden_answer_behind_mistakes(crossed) -> None:
    Z, truth, evidence = crossed

    logits = linear_logits(Z, fit_linear_heads(Z, evidence, ridge=3.0))

    assert auc(logits, truth, AUTHORITY) == pytest.approx(best(truth, AUTHORITY), abs=0.01)
    assert auc(logits, truth, FIT) < 0.56
    assert expit(logits[:, AUTHORITY]).mean() == pytest.approx(truth[:, AUTHORITY].mean(), abs=0.04)


def test_trees_find_what_only_two_columns_together_tell(crossed) -> None:
    Z, truth, evidence = crossed

    logits = grow(Z, evidence, [60] * 4)

    assert auc(logits, truth, FIT) == pytest.approx(best(truth, FIT), abs=0.01)
    assert auc(logits, truth, AUTHORITY) == pytest.approx(best(truth, AUTHORITY), abs=0.02)


def test_each_head_gets_its_own_number_of_trees(crossed) -> None:
    Z, _, evidence = crossed

    logits = grow(Z, evidence, [10, 0, 0, 0])

    assert logits[:, FIT].std() > 0.1
    assert (logits[:, 1:] == 0).all()


def test_the_same_seed_grows_the_same_trees(crossed) -> None:
    Z, _, evidence = crossed

    np.testing.assert_array_equal(grow(Z, evidence, [10] * 4), grow(Z, evidence, [10] * 4))


def test_a_lead_that_counts_nothing_changes_nothing(crossed) -> None:
    Z, _, evidence = crossed
    half = np.arange(N) < N // 2
    silent = Evidence(evidence.likelihood, half.astype(np.float64))

    kept = fit_linear_heads(Z[half], evidence.take(np.flatnonzero(half)), ridge=10.0)
    found = fit_linear_heads(Z, silent, ridge=10.0)

    for one, other in zip(kept, found, strict=True):
        np.testing.assert_allclose(one.coef, other.coef, atol=5e-3)


def test_where_columns_say_nothing_trees_do_not_grow() -> None:
    rng = np.random.default_rng(5)
    evidence = recorded(np.full((400, 4), 0.5), rng)

    logits = grow(rng.normal(size=(400, 3)), evidence, [40] * 4)

    assert logits.std() < 0.5
