import json
from collections.abc import Callable

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.features.document import Document, write_document
from leadqual.qualify.trees import TreeEnsemble

TOLERANCE = 1e-6
WIDTH = 12


@pytest.fixture(scope="module")
def matrix() -> NDArray[np.float64]:
    rng = np.random.default_rng(3)
    numbers = rng.normal(size=(1_000, 6))
    flags = (rng.random((1_000, WIDTH - 6)) < 0.3).astype(np.float64)
    return np.hstack([numbers, flags])


def train(matrix: NDArray[np.float64], **parameters: object) -> lightgbm.Booster:
    logit = matrix[:, 0] * matrix[:, 1] + 2 * matrix[:, 8] * matrix[:, 2] - matrix[:, 9]
    settings = {
        "objective": "cross_entropy",
        "num_leaves": 6,
        "num_threads": 1,
        "verbosity": -1,
        "min_data_in_leaf": 5,
        **parameters,
    }
    return lightgbm.train(settings, lightgbm.Dataset(matrix, 1 / (1 + np.exp(-logit))), 40)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"num_leaves": 2},
        {"num_leaves": 9, "bagging_fraction": 0.5, "bagging_freq": 1},
        {"num_leaves": 31, "max_depth": 8},
        {"num_leaves": 31, "max_depth": 5, "lambda_l2": 5.0, "feature_fraction": 0.5},
        {"min_data_in_leaf": 900},
    ],
    ids=["six leaves", "stumps", "nine leaves", "31 leaves", "31 regularised", "no split at all"],
)
def test_values_and_contributions_equal_those_of_lightgbm(
    matrix: NDArray[np.float64], parameters: dict[str, object]
):
    booster = train(matrix, **parameters)
    trees = TreeEnsemble.from_lightgbm(booster.dump_model(), n_columns=WIDTH)
    expected = np.asarray(booster.predict(matrix, pred_contrib=True))

    contributions = trees.contributions(matrix)

    assert np.abs(trees.values(matrix) - booster.predict(matrix, raw_score=True)).max() < TOLERANCE
    assert np.abs(contributions - expected[:, :-1]).max() < TOLERANCE
    assert abs(trees.expected_value - expected[0, -1]) < TOLERANCE


def test_values_on_a_threshold_go_left_as_in_lightgbm(matrix: NDArray[np.float64]):
    booster = train(matrix)
    trees = TreeEnsemble.from_lightgbm(booster.dump_model(), n_columns=WIDTH)
    rows = np.zeros((len(trees.threshold), WIDTH))
    rows[np.arange(len(rows)), trees.column] = trees.threshold

    found = trees.values(rows)

    assert np.abs(found - booster.predict(rows, raw_score=True)).max() < TOLERANCE


def test_no_leads_and_no_trees_give_empty_and_zero_results(matrix: NDArray[np.float64]):
    trees = TreeEnsemble.from_lightgbm(train(matrix).dump_model(), n_columns=WIDTH)
    none = TreeEnsemble.from_lightgbm(
        {"num_tree_per_iteration": 1, "tree_info": []}, n_columns=WIDTH
    )

    assert trees.values(np.zeros((0, WIDTH))).shape == (0,)
    assert trees.contributions(np.zeros((0, WIDTH))).shape == (0, WIDTH)
    assert not none.values(matrix).any()
    assert not none.contributions(matrix).any()
    assert none.expected_value == 0.0


def test_reading_back_gives_the_same_bits(matrix: NDArray[np.float64]):
    trees = TreeEnsemble.from_lightgbm(train(matrix).dump_model(), n_columns=WIDTH)

    document = Document.parse(write_document(trees.as_dict()), where="heads.json")
    again = TreeEnsemble.from_document(document, n_columns=WIDTH)

    assert (again.contributions(matrix) == trees.contributions(matrix)).all()
    assert (again.values(matrix) == trees.values(matrix)).all()


def test_models_of_another_kind_are_refused(matrix: NDArray[np.float64]):
    labels = np.arange(len(matrix)) % 3
    settings = {"objective": "multiclass", "num_class": 3, "num_threads": 1, "verbosity": -1}
    several = lightgbm.train(settings, lightgbm.Dataset(matrix, labels), 2)
    codes = np.column_stack([labels, matrix[:, 0]])
    data = lightgbm.Dataset(codes, labels == 1, categorical_feature=[0])
    categorical = lightgbm.train({"num_threads": 1, "verbosity": -1}, data, 2)

    with pytest.raises(BundleError, match="several classes"):
        TreeEnsemble.from_lightgbm(several.dump_model(), n_columns=WIDTH)
    with pytest.raises(BundleError, match="split on categories"):
        TreeEnsemble.from_lightgbm(categorical.dump_model(), n_columns=2)
    with pytest.raises(BundleError, match="not what Booster"):
        TreeEnsemble.from_lightgbm(
            {"num_tree_per_iteration": 1, "tree_info": None}, n_columns=WIDTH
        )


def test_a_tree_deeper_than_eight_says_what_to_set():
    depth = 9
    chain = TreeEnsemble(
        n_columns=1,
        n_leaves=np.array([depth + 1]),
        column=np.zeros(depth, dtype=np.intp),
        threshold=np.arange(depth, dtype=np.float64),
        left=-1 - np.arange(depth),
        right=np.array([*range(1, depth), -1 - depth]),
        value=np.ones(depth + 1),
        cover=np.ones(depth + 1),
    )

    with pytest.raises(BundleError, match="deeper than 8; set max_depth"):
        chain.values(np.zeros((1, 1)))


def cut(name: str) -> Callable[[dict[str, list[object]]], None]:
    def change(stored: dict[str, list[object]]) -> None:
        del stored[name][-1]

    return change


def put(name: str, index: int, value: object) -> Callable[[dict[str, list[object]]], None]:
    def change(stored: dict[str, list[object]]) -> None:
        stored[name][index] = value

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (cut("threshold"), "threshold: has"),
        (cut("n_leaves"), "column: has"),
        (put("column", 3, WIDTH), r"column\[3\]: out of range"),
        (put("column", 3, -1), r"column\[3\]: out of range"),
        (put("column", 3, 1.5), r"column\[3\]: found a number, expected a whole number"),
        (put("left", 0, 0), r"left\[0\]: cyclic tree"),
        (put("right", 0, 63), r"right\[0\]: index out of range"),
        (put("right", 0, -64), r"right\[0\]: index out of range"),
        (put("right", 4, -1), "no parent or two"),
        (put("n_leaves", 0, 65), r"n_leaves\[0\]: out of range"),
        (put("value", 0, 10**400), "value: holds a number beyond floating point"),
        (put("value", 0, "1"), r"value\[0\]: found a text"),
        (put("cover", 0, 0.0), r"cover\[0\]"),
    ],
)
def test_damaged_trees_are_refused_with_what_and_where(
    matrix: NDArray[np.float64], change: Callable[[dict[str, list[object]]], None], why: str
):
    trees = TreeEnsemble.from_lightgbm(train(matrix).dump_model(), n_columns=WIDTH)
    stored = json.loads(write_document(trees.as_dict()))
    change(stored)
    document = Document.parse(json.dumps(stored).encode(), where="heads.json.fit.trees")

    with pytest.raises(BundleError, match=rf"heads\.json\.fit\.trees.*{why}"):
        TreeEnsemble.from_document(document, n_columns=WIDTH)


def test_too_many_trees_are_refused():
    n_trees = 5_001
    stored = {
        "n_leaves": [1] * n_trees,
        "column": [],
        "threshold": [],
        "left": [],
        "right": [],
        "value": [0.1] * n_trees,
        "cover": [1.0] * n_trees,
    }

    with pytest.raises(BundleError, match="too large"):
        TreeEnsemble.from_document(Document(stored, "trees"), n_columns=1)
