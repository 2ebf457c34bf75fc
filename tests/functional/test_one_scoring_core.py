"""A fitted bundle answers the same for one lead and for a file, and its reasons are exact."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.core import Case, Size, prepare
from benchmarks.peers.same_trees import to_booster
from leadqual.features.columns import Coded, Column
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.compiling import compile_models
from leadqual.qualify.scoring import ScoreTable, score_columns, score_snapshots
from leadqual.routing.standard import default_standard

N_SEEN = 1_000
N_LARGE = 10_000
NOW = datetime(2026, 11, 21, tzinfo=UTC)
POLICY = default_standard().scoring_policy


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder: Path = tmp_path_factory.mktemp("history")
    return prepare(folder, Size(n_history=5_000, n_leads=N_SEEN, n_rounds=1))


@pytest.fixture(scope="module")
def large(case: Case) -> ScoreTable:
    """Return the scores of 10,000 leads, the known ones again and again, from arrays."""
    row = np.arange(N_LARGE) % N_SEEN

    def repeat(column: Column) -> Column:
        if isinstance(column, Coded):
            return Coded(column.values, column.codes[row])
        return np.asarray(column)[row]

    columns = {name: repeat(column) for name, column in case.columns.items()}
    return score_columns(case.bundle, columns, n_leads=N_LARGE, policy=POLICY, scored_at=NOW)


def models_of(case: Case) -> list[AdditiveModel]:
    assert case.bundle.conversion is not None
    return [*case.bundle.heads.values(), *case.bundle.conversion.models]


def contributions(model: AdditiveModel, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return linear terms plus what LightGBM says of the trees, with its bias as last column."""
    centered = (matrix - model.center) * (model.linear_weight * model.coef)
    shares = np.column_stack([centered, np.full(len(matrix), 0.0)])
    if model.trees is not None:
        booster = to_booster(model.trees)
        shares += model.tree_weight * np.asarray(booster.predict(matrix, pred_contrib=True))
    return shares


def test_reasons_are_linear_terms_plus_pred_contrib_and_add_up_to_the_answer(case: Case):
    encoder, models = case.bundle.encoder, models_of(case)
    matrix = case.matrix[:300]
    leads = encoder.encode(case.columns, n_leads=N_SEEN).take(slice(0, 300))

    logits, found = compile_models(encoder, models).evaluate(leads, explain=True)

    assert found is not None
    assert sum(model.trees is not None for model in models) >= 3
    for column, model in enumerate(models):
        shares = contributions(model, matrix)
        expected = np.zeros((len(matrix), len(encoder.features)))
        np.add.at(expected.T, encoder.feature_of, shares[:, :-1].T)
        assert np.abs(found[:, column] - expected).max() < 1e-6
        start = model.shift + model.linear_weight * (
            model.intercept + float((model.coef * model.center).sum())
        )
        assert np.abs(start + shares.sum(axis=1) - logits[:, column]).max() < 1e-6


@pytest.mark.parametrize("n_leads", [1, 7, 64])
def test_a_few_snapshots_get_the_bits_of_a_large_table_of_arrays(
    case: Case, large: ScoreTable, n_leads: int
):
    for start in range(0, N_SEEN - n_leads, 1 + N_SEEN // 12):
        some = slice(start, start + n_leads)
        snapshots = case.snapshots[some]

        found = score_snapshots(case.bundle, snapshots, policy=POLICY, scored_at=NOW)

        assert_same_bits(found, large, start)
        again = slice(N_LARGE - N_SEEN + start, N_LARGE - N_SEEN + start + n_leads)
        assert list(found.rows()) == list(large.rows(some)) == list(large.rows(again))
        plain = score_snapshots(case.bundle, snapshots, policy=POLICY, scored_at=NOW, explain=False)
        assert_same_bits(plain, large, start)


def assert_same_bits(found: ScoreTable, large: ScoreTable, start: int) -> None:
    some = slice(start, start + found.n_leads)
    for field in fields(ScoreTable):
        mine, other = getattr(found, field.name), getattr(large, field.name)
        if isinstance(mine, np.ndarray):
            assert mine.tobytes() == other[some].tobytes(), field.name
    if found.chosen is None or large.chosen is None:
        return
    is_reason = found.chosen.feature >= 0
    assert (is_reason == (large.chosen.feature[some] >= 0)).all()
    for field in fields(found.chosen):
        mine, other = getattr(found.chosen, field.name), getattr(large.chosen, field.name)[some]
        assert mine[is_reason].tobytes() == other[is_reason].tobytes(), field.name
