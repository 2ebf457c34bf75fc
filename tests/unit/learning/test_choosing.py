"""Splits, choice of learners, and the level."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.learning.choosing import Choice, Sample, candidates, choose_recipe
from leadqual.learning.direct import build_target
from leadqual.learning.learners.blend import Recipe
from leadqual.learning.learners.logistic import fit_shift
from leadqual.learning.level import censoring_weights, fit_level, level_rows
from leadqual.learning.settings import Learners
from leadqual.learning.single_column import find_time_proxies
from leadqual.learning.split import duplicate_groups, forward_folds, grouped_folds
from leadqual.outcomes.history import Columns, History
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.maturity import read_maturity

MakeHistory = Callable[..., History]
START = datetime(2025, 1, 1, tzinfo=UTC)


def test_forward_folds_never_judge_on_earlier_rows() -> None:
    folds = forward_folds(1_000)

    assert len(folds) == 3
    for fold in folds:
        assert fold.train.max() < fold.test.min()
    assert folds[-1].test[-1] == 999


def test_copies_of_a_row_are_never_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    columns: Columns = {
        "source": rng.integers(0, 4, 300).tolist(),
        "size": rng.integers(0, 9, 300).tolist(),
    }
    group = duplicate_groups(columns, 300)

    folds = grouped_folds(rng.random(300) < 0.5, group, seed=0)

    assert len(np.unique(group)) <= 36
    for fold in folds:
        assert not set(group[fold.train]) & set(group[fold.test])
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(300))


def test_twins_are_no_copies_where_columns_tell_few_leads_apart() -> None:
    columns: Columns = {"is_customer": [bool(i % 2) for i in range(300)]}

    group = duplicate_groups(columns, 300)

    assert len(np.unique(group)) == 300


LEARNERS = Learners()
AVERAGE = LEARNERS.recipe(uses_bayes=True)
RATE = LEARNERS.recipe(ridge=math.inf, uses_trees=False)


def choose(Z: np.ndarray, y: np.ndarray, start: Recipe = AVERAGE) -> Choice:
    sample = Sample(Z, y, np.ones(len(y)))
    return choose_recipe(sample, forward_folds(len(y)), start=start, learners=LEARNERS, seed=0)


def test_without_folds_the_start_is_taken() -> None:
    sample = Sample(np.zeros((10, 1)), np.zeros(10), np.ones(10))

    choice = choose_recipe(sample, [], start=AVERAGE, learners=LEARNERS, seed=0)

    assert choice.recipe == AVERAGE
    assert choice.losses == {}


def test_a_learner_that_clearly_hurts_leaves() -> None:
    rng = np.random.default_rng(1)
    twin = rng.integers(0, 2, (3_000, 1)).astype(float)
    # Ten copies of one opinion against one honest column: naive Bayes believes the crowd.
    crowd = np.where(rng.random((3_000, 10)) < 0.95, twin, 1 - twin)
    honest = rng.normal(size=(3_000, 1))
    logit = 0.3 * twin[:, 0] + 2 * honest[:, 0] - 1.5 * (crowd[:, 0] * honest[:, 0])
    y = (rng.random(3_000) < 1 / (1 + np.exp(-logit))).astype(float)

    choice = choose(np.column_stack([crowd, honest]), y)

    assert not choice.recipe.uses_bayes
    assert choice.recipe.uses_trees


def test_noise_does_not_talk_a_step_out_of_its_rate_and_signal_does() -> None:
    rng = np.random.default_rng(2)
    Z = rng.normal(size=(600, 8))
    noise = (rng.random(600) < 0.4).astype(float)
    signal = (rng.random(600) < 1 / (1 + np.exp(-2 * Z[:, 0]))).astype(float)

    assert choose(Z, noise, RATE).recipe == RATE
    assert math.isfinite(choose(Z, signal, RATE).recipe.ridge)


def test_an_average_never_gives_way_to_the_rate() -> None:
    rng = np.random.default_rng(5)
    Z = rng.normal(size=(600, 8))

    choice = choose(Z, (rng.random(600) < 0.4).astype(float))

    assert math.isfinite(choice.recipe.ridge)
    assert "the rate alone" not in choice.losses


def test_every_candidate_is_reported_with_its_loss() -> None:
    rng = np.random.default_rng(3)
    Z = rng.normal(size=(400, 3))
    y = (rng.random(400) < 1 / (1 + np.exp(-Z[:, 0]))).astype(float)

    losses = choose(Z, y, RATE).losses

    assert set(losses) == {recipe.label for recipe in candidates(LEARNERS, RATE)}
    assert losses["logistic regression (ridge 10)"] < losses["the rate alone"]


def test_a_candidate_is_judged_as_it_would_be_fitted() -> None:
    rng = np.random.default_rng(4)
    Z = rng.normal(size=(500, 4))
    y = (rng.random(500) < 1 / (1 + np.exp(-Z[:, 0]))).astype(float)
    (fold,) = forward_folds(500, n_folds=1)
    sample = Sample(Z, y, np.ones(500))

    said = choose_recipe(sample, [fold], start=AVERAGE, learners=LEARNERS, seed=0).losses

    z = sample.take(fold.train).fit(AVERAGE, seed=0).logit(Z[fold.test])
    z += fit_shift(z, y[fold.test], weights=np.ones(len(fold.test)))
    assert said[AVERAGE.label] == pytest.approx(np.mean(np.logaddexp(0, z) - y[fold.test] * z))


def test_open_leads_weigh_what_their_age_makes_them(wins_only: MakeHistory) -> None:
    history = wins_only(2_000, n_days=200, seed=3)
    labels = label_history(history, as_of=START + timedelta(days=200))
    maturity = read_maturity(labels)

    target = build_target(labels, maturity)
    is_open = target.won == 0
    age = labels.age_days[target.rows]

    assert (target.weights[~is_open] == 1).all()
    assert target.weights[is_open & (age < 1)].max() < 0.1
    assert target.weights[is_open & (age > 150)].min() > 0.95
    assert (np.diff(target.weights[is_open]) <= 1e-12).all()


def test_answers_that_take_long_weigh_more_because_few_rows_could_show_them() -> None:
    available = np.linspace(0, 100, 101)
    answer = np.where(available >= 80, 80.0, np.nan)

    rows, weights = censoring_weights(available, answer, horizon_days=90)

    assert rows.tolist() == (available >= 80).tolist()
    assert weights[80] == pytest.approx(1 / 0.208, abs=0.3)
    assert weights.max() <= 5


def test_the_level_follows_the_newest_leads(won_or_lost: MakeHistory) -> None:
    history = won_or_lost(2_000, signal=0.0)
    labels = label_history(history, as_of=None)
    maturity = read_maturity(labels)
    newest = level_rows(labels, maturity)

    shift = fit_level(np.zeros(2_000), labels, maturity)

    assert newest[-1] == 1_999
    assert len(newest) < 700
    assert 1 / (1 + np.exp(-shift)) == pytest.approx(labels.is_won[newest].mean())


def test_columns_that_tell_the_time_are_found_and_seasons_are_not() -> None:
    n = 3_000
    columns: Columns = {
        "index": [100.0 + i // 100 for i in range(n)],
        "month": [str(i // 100 % 3) for i in range(n)],
        "source": [str(i % 4) for i in range(n)],
    }

    assert set(find_time_proxies(columns, n)) == {"index"}
