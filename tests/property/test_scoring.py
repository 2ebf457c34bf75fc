"""A lead's score depends on that lead alone, to the last bit."""

from datetime import UTC, datetime

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadqual.features.encoder import Encoder
from leadqual.leads.schema import Scalar
from leadqual.outcomes.history import Columns
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.bundle import ModelBundle, bundle_files, bundle_from_files
from leadqual.qualify.conversion import ConversionModel, StageModel
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.reasons import choose
from leadqual.qualify.reference import Reference
from leadqual.qualify.score import Head
from leadqual.qualify.scoring import ScoreTable, score_columns
from leadqual.qualify.trees import TreeEnsemble

N = 600
NOW = datetime(2026, 11, 21, tzinfo=UTC)
NUMBERS = ("p_fit", "p_authority", "p_budget", "p_conversion", "expected_value_usd", "percentile")
FIELDS = (
    "source",
    "created_at",
    "is_free_mail",
    "company.n_employees",
    "interest.budget_usd",
    "interest.message",
    "campaign.landing_page",
    "attributes.anything",
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["webinar", "referral", "2026-05-01T10:00:00Z", "1e999", "007", " 3.5 "]),
)
leads = st.lists(
    st.dictionaries(st.sampled_from(FIELDS), scalars, max_size=len(FIELDS)), min_size=1, max_size=20
)


def history() -> Columns:
    rng = np.random.default_rng(5)
    return {
        "source": [["webinar", "referral", "fair"][i] for i in rng.integers(0, 3, N)],
        "created_at": [f"2026-05-{1 + i % 28:02d}T{i % 24:02d}:00:00Z" for i in range(N)],
        "is_free_mail": [[True, False, None][i] for i in rng.integers(0, 3, N)],
        "company.n_employees": [int(x) for x in rng.lognormal(4, 2, N)],
        "interest.budget_usd": [
            None if i % 3 else float(x) for i, x in enumerate(rng.lognormal(9, 1, N))
        ],
        "interest.message": [None if i % 2 else "x" * (i % 90) for i in range(N)],
        "attributes.anything": [[1, "1", True, "pro", None][i] for i in rng.integers(0, 5, N)],
    }


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    columns = history()
    encoder = Encoder.fit(columns, n_leads=N)
    matrix = encoder.transform(columns, n_leads=N)
    models = []
    for seed in range(5):
        weights = np.random.default_rng(seed).normal(size=encoder.width)
        label = 1 / (1 + np.exp(-(matrix @ weights)))
        parameters = {"num_leaves": 6, "num_threads": 1, "verbosity": -1, "seed": seed}
        booster = lightgbm.train(parameters, lightgbm.Dataset(matrix, label), 20)
        models.append(
            AdditiveModel(
                coef=weights,
                intercept=0.1,
                center=encoder.means,
                trees=TreeEnsemble.from_lightgbm(booster.dump_model(), n_columns=encoder.width),
                linear_weight=0.5,
                tree_weight=0.5,
            )
        )
    stages = (
        StageModel(name="reached", model=models[3], is_with_heads=True),
        StageModel(name="won", model=models[4], is_with_heads=True),
    )
    made = ModelBundle(
        version="v1",
        created_at=NOW,
        encoder=encoder,
        heads=dict(zip(Head, models, strict=False)),
        conversion=ConversionModel(stages=stages, stage_weight=0.5, heads_weight=0.5),
        amount=AmountModel(
            log_usd=AdditiveModel(
                coef=np.linspace(-1, 1, encoder.width), intercept=8.0, center=encoder.means
            ),
            smearing=1.1,
            cap_usd=1e7,
        ),
        reference=Reference(np.linspace(0, 5_000, 101)),
    )
    return bundle_from_files(bundle_files(made))


def score(bundle: ModelBundle | None, rows: list[dict[str, Scalar]]) -> ScoreTable:
    names = {name for row in rows for name in row}
    columns: Columns = {name: [row.get(name) for row in rows] for name in names}
    return score_columns(bundle, columns, n_leads=len(rows), policy=ScoringPolicy(), scored_at=NOW)


def assert_same(table: ScoreTable, index: int, other: ScoreTable, other_index: int) -> None:
    for name in NUMBERS:
        assert getattr(table, name)[index] == getattr(other, name)[other_index]
    assert table.row(index) == other.row(other_index)


@settings(max_examples=60, deadline=None)
@given(rows=leads)
@pytest.mark.parametrize("by_rules", [False, True])
def test_a_batch_equals_its_leads_one_by_one(
    bundle: ModelBundle, by_rules: bool, rows: list[dict[str, Scalar]]
):
    used = None if by_rules else bundle

    together = score(used, rows)

    for index, row in enumerate(rows):
        assert_same(together, index, score(used, [row]), 0)
        assert np.isfinite(together.expected_value_usd[index])


@settings(max_examples=30, deadline=None)
@given(rows=leads, data=st.data())
def test_the_order_of_leads_does_not_matter(
    bundle: ModelBundle, rows: list[dict[str, Scalar]], data: st.DataObject
):
    order = data.draw(st.permutations(range(len(rows))))

    straight, mixed = score(bundle, rows), score(bundle, [rows[i] for i in order])

    for place, index in enumerate(order):
        assert_same(straight, index, mixed, place)


@pytest.mark.parametrize("n_leads", [2, 7, 8, 9, 255, 256, 257, 600])
def test_chunks_and_sizes_of_arrays_do_not_show(bundle: ModelBundle, n_leads: int):
    columns = history()
    rows = [{name: values[i] for name, values in columns.items()} for i in range(n_leads)]

    together = score(bundle, rows)

    for index in range(0, n_leads, 1 + n_leads // 40):
        assert_same(together, index, score(bundle, [rows[index]]), 0)


@given(
    st.lists(
        st.lists(st.sampled_from([-2.0, -0.3, -0.05, 0.0, 0.05, 0.2, 0.9]), min_size=8, max_size=8),
        min_size=1,
        max_size=4,
    )
)
def test_few_leads_get_the_reasons_that_they_get_among_many(rows: list[list[float]]):
    few = np.array(rows).reshape(len(rows), 4, 2)
    many = np.concatenate([few, np.zeros((9, 4, 2))])
    seen = np.arange(2.0 * len(many)).reshape(2, len(many))

    alone, among = choose(few, seen[:, : len(few)]), choose(many, seen)

    is_reason = alone.feature >= 0
    np.testing.assert_array_equal(alone.feature, among.feature[: len(few)])
    for name in ("target", "weight", "seen"):
        mine, other = getattr(alone, name), getattr(among, name)[: len(few)]
        np.testing.assert_array_equal(mine[is_reason], other[is_reason])
