"""The learners: soft labels, small data, and nothing to learn."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from leadqual.learning.learners.blend import Recipe, fit_bayes, fit_blend
from leadqual.learning.learners.logistic import fit_logistic, fit_shift


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    Z = np.column_stack([rng.normal(size=(600, 3)), rng.random((600, 2)) < 0.4]).astype(float)
    logit = Z @ np.array([1.0, -0.5, 0.0, 0.8, 0.0]) - 1
    return Z, (rng.random(600) < 1 / (1 + np.exp(-logit))).astype(float)


def test_logistic_regression_equals_scikit_learn_on_hard_labels(data) -> None:
    Z, y = data

    ours = fit_logistic(Z, y, weights=np.ones(len(y)), ridge=10.0)
    theirs = LogisticRegression(C=0.1, max_iter=1000).fit(Z, y)

    np.testing.assert_allclose(ours.coef, theirs.coef_[0], atol=2e-3)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=2e-3)


def test_a_soft_label_is_worth_two_weighted_hard_ones(data) -> None:
    Z, y = data
    soft = 0.2 + 0.6 * y
    both = np.concatenate([np.ones(len(y)), np.zeros(len(y))])

    from_soft = fit_logistic(Z, soft, weights=np.ones(len(y)), ridge=5.0)
    from_hard = fit_logistic(
        np.vstack([Z, Z]), both, weights=np.concatenate([soft, 1 - soft]), ridge=5.0
    )

    np.testing.assert_allclose(from_soft.coef, from_hard.coef, atol=2e-3)


def test_rows_without_weight_do_not_count(data) -> None:
    Z, y = data
    weights = (np.arange(len(y)) < 300).astype(float)
    wrong = np.where(weights == 0, 1 - y, y)

    some = fit_logistic(Z[:300], y[:300], weights=np.ones(300), ridge=5.0)
    weighted = fit_logistic(Z, wrong, weights=weights, ridge=5.0)

    np.testing.assert_allclose(some.coef, weighted.coef, atol=2e-3)


def test_naive_bayes_counts_columns_that_are_equal_once(data) -> None:
    Z, y = data
    with_copies = np.column_stack([Z, Z[:, 3], Z[:, 3], Z[:, 4]])

    one = fit_bayes(Z, y, weights=np.ones(len(y))).logit(Z)
    many = fit_bayes(with_copies, y, weights=np.ones(len(y))).logit(with_copies)

    np.testing.assert_allclose(one, many, atol=1e-9)


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(uses_bayes=True), Recipe(uses_trees=False)])
def test_every_recipe_finds_the_signal_and_the_level(data, recipe: Recipe) -> None:
    Z, y = data

    p = fit_blend(Z, y, weights=np.ones(len(y)), recipe=recipe, seed=0).probability(Z)

    assert np.corrcoef(p, y)[0, 1] > 0.3
    assert p.mean() == pytest.approx(y.mean(), abs=0.03)


def test_the_same_seed_gives_the_same_model(data) -> None:
    Z, y = data

    one, other = (
        fit_blend(Z, y, weights=np.ones(len(y)), recipe=Recipe(), seed=7).logit(Z) for _ in range(2)
    )

    np.testing.assert_array_equal(one, other)


def test_no_column_and_one_class_give_the_rate() -> None:
    nothing = np.zeros((50, 0))
    y = np.repeat([1.0, 0.0], [10, 40])

    by_rate = fit_blend(nothing, y, weights=np.ones(50), recipe=Recipe(), seed=0)
    all_won = fit_blend(np.eye(50), np.ones(50), weights=np.ones(50), recipe=Recipe(), seed=0)

    assert by_rate.probability(nothing) == pytest.approx(0.2, abs=1e-3)
    assert (all_won.probability(np.eye(50)) > 0.99).all()


def test_a_shift_meets_the_wins_that_can_have_shown() -> None:
    logits = np.linspace(-3, 1, 400)
    seen = np.full(400, 0.5)
    won = np.zeros(400)
    won[:40] = 1

    shift = fit_shift(logits, won, weights=np.ones(400), seen=seen)

    assert (seen / (1 + np.exp(-(logits + shift)))).sum() == pytest.approx(40)


@pytest.mark.parametrize("won", [0.0, 1.0])
def test_a_shift_of_one_class_stays_finite(won: float) -> None:
    shift = fit_shift(np.zeros(20), np.full(20, won), weights=np.ones(20))

    assert abs(shift) < 5


def test_sparse_and_dense_rows_give_the_same_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    flags = (rng.random((4_000, 60)) < 0.05).astype(float)
    y = (rng.random(4_000) < 1 / (1 + np.exp(1 - flags[:, :5].sum(axis=1)))).astype(float)
    shifted = flags + np.where(np.arange(60) < 30, 1.0, 0.0)  # half of it without a zero

    sparse = fit_logistic(flags, y, weights=np.ones(4_000), ridge=10.0)
    dense = fit_logistic(shifted, y, weights=np.ones(4_000), ridge=10.0)

    np.testing.assert_allclose(sparse.logit(flags), dense.logit(shifted), atol=1e-2)


def test_an_infinite_ridge_leaves_the_rate(data) -> None:
    Z, y = data
    recipe = Recipe(ridge=math.inf, uses_trees=False)

    blend = fit_blend(Z, y, weights=np.ones(len(y)), recipe=recipe, seed=0)

    assert recipe.label == "the rate alone"
    assert blend.probability(Z) == pytest.approx(y.mean(), abs=1e-3)
