"""Learners find the same in a matrix with its zeros and without them."""

import numpy as np
import pytest
from scipy import sparse

from leadqual.learning.learners.blend import Recipe, fit_bayes, fit_blend
from leadqual.learning.learners.matrix import (
    count_copies,
    drop_zeros,
    fill_zeros,
    find_flags,
    split_rows,
)

N = 20_000
RECIPE = Recipe(uses_bayes=True, n_trees=20)


@pytest.fixture(scope="module")
def dense() -> np.ndarray:
    """A number, a bend, a column of .3 and flags, two of them equal."""
    rng = np.random.default_rng(0)
    Z = np.zeros((N, 24))
    Z[:, 0] = rng.normal(size=N)
    Z[:, 1] = 0.3 * np.maximum(Z[:, 0] - 1, 0)
    Z[:, 2] = 0.3 * (rng.random(N) < 0.1)
    Z[:, 3:] = rng.random((N, 21)) < 0.05
    Z[:, 9] = Z[:, 5]
    return Z


def test_most_of_a_wide_matrix_is_left_out_and_comes_back(dense: np.ndarray) -> None:
    thin = drop_zeros(dense)

    assert isinstance(thin, sparse.csr_array)
    assert thin.nnz < dense.size / 4
    assert np.array_equal(fill_zeros(thin), dense)


def test_flags_and_equal_columns_are_found_in_both_forms(dense: np.ndarray) -> None:
    thin = drop_zeros(dense)

    assert find_flags(thin).tolist() == find_flags(dense).tolist() == [False] * 3 + [True] * 21
    assert count_copies(thin).tolist() == count_copies(dense).tolist()
    assert count_copies(thin)[[5, 9]].tolist() == [2, 2]


def test_every_learner_answers_the_same(dense: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    y = (dense[:, 0] + 2 * dense[:, 5] + rng.normal(size=N) > 0.5).astype(np.float64)
    thin, weights = drop_zeros(dense), rng.uniform(0.5, 1, N)

    bayes = [fit_bayes(Z, y, weights=weights) for Z in (dense, thin)]
    blends = [fit_blend(Z, y, weights=weights, recipe=RECIPE, seed=0) for Z in (dense, thin)]

    assert bayes[0].coef == pytest.approx(bayes[1].coef, abs=1e-6)
    assert blends[0].logit(dense) == pytest.approx(blends[1].logit(thin), abs=1e-6)
    trees = [blend.trees.model_to_string() for blend in blends if blend.trees is not None]
    assert trees[0] == trees[1]


def test_slices_are_views_that_hold_every_row(dense: np.ndarray) -> None:
    thin = drop_zeros(dense)
    parts = split_rows(thin)

    assert len(parts) > 1
    assert all(np.shares_memory(part.data, thin.data) for _, part in parts)
    assert np.array_equal(np.vstack([fill_zeros(part) for _, part in parts]), dense)
