"""The numbers that may be tuned: kept in files, checked, and really used."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from leadqual.errors import ConfigError
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.settings import MAX_LEAVES, FitSettings, Learners
from leadqual.outcomes.history import History

MakeHistory = Callable[..., History]
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_learners_read_back_from_json() -> None:
    learners = Learners(ridges=(1.0, 5.0), n_trees=30, plain_weight=0.4)

    assert Learners.from_dict(json.loads(json.dumps(learners.as_dict()))) == learners


def test_what_a_file_does_not_name_keeps_its_default() -> None:
    assert Learners.from_dict({"n_leaves": 4}) == Learners(n_leaves=4)


@pytest.mark.parametrize(
    "values",
    [
        {"n_leafs": 4},
        {"n_trees": 12.5},
        {"n_trees": True},
        {"learning_rate": "0.1"},
        {"learning_rate": float("nan")},
        {"plain_weight": 1.5},
        {"ridges": []},
        {"ridges": 3.0},
        {"ridges": [10.0, 3.0]},
        {"min_count": 0},
        {"half_lives": 0.5},
        {"half_lives": [0.0]},
    ],
)
def test_a_number_that_makes_no_sense_is_refused_by_name(values: dict[str, object]) -> None:
    (name,) = values

    with pytest.raises(ConfigError, match=name):
        Learners.from_dict(values)


def predict(history: History, learners: Learners) -> tuple[FittedModel, np.ndarray]:
    settings = FitSettings(learners=learners)
    model = fit_bundle(history, as_of=None, version="v1", created_at=NOW, settings=settings)
    leads = model.bundle.encoder.encode(history.columns, n_leads=history.n_leads)
    return model, model.bundle.predictor.predict(leads, explain=False).p[:, -1]


def assert_changes_the_fit(history: History, learners: Learners) -> None:
    _, usual = predict(history, Learners())
    model, p = predict(history, learners)

    assert np.abs(p - usual).max() > 1e-6
    assert model.bundle.summary["learners"] == learners.as_dict()


@pytest.mark.parametrize(
    "learners",
    [
        Learners(min_count=400),
        Learners(ridges=(300.0,)),
        Learners(plain_weight=0.9, plain_weight_few_wins=0.9),
    ],
)
def test_every_number_of_linear_learners_changes_a_model_with_heads(
    funnel: MakeHistory, learners: Learners
) -> None:
    assert_changes_the_fit(funnel(1_200), learners)


@pytest.mark.parametrize(
    "learners", [Learners(n_trees=5), Learners(n_leaves=2), Learners(learning_rate=0.3)]
)
def test_every_number_of_trees_changes_conversion_in_one_step(
    wins_only: MakeHistory, learners: Learners
) -> None:
    assert_changes_the_fit(wins_only(800), learners)


def test_the_largest_trees_that_are_allowed_can_be_served(wins_only: MakeHistory) -> None:
    largest = Learners(n_leaves=MAX_LEAVES, learning_rate=0.2)

    model, p = predict(wins_only(2_000), largest)

    assert model.bundle.conversion is not None
    assert model.bundle.conversion.direct is not None
    trees = model.bundle.conversion.direct.trees
    assert trees is not None
    assert trees.n_leaves.max() == MAX_LEAVES
    assert np.isfinite(p).all()
    with pytest.raises(ConfigError, match="n_leaves"):
        Learners(n_leaves=MAX_LEAVES + 1)
