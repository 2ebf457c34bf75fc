import numpy as np
import pytest
from numpy.typing import NDArray

from leadqual.features.encoder import Encoder
from leadqual.leads.schema import Scalar
from leadqual.outcomes.history import Columns
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.compiling import compile_models
from leadqual.qualify.trees import TreeEnsemble

N = 1_500
TOLERANCE = 1e-9


def by_feature(encoder: Encoder, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
    summed = np.zeros((len(encoder.features), len(contributions)))
    np.add.at(summed, encoder.feature_of, contributions.T)
    return summed.T


def test_one_pass_equals_each_model_on_the_matrix(
    encoder: Encoder,
    columns: Columns,
    matrix: NDArray[np.float64],
    models: tuple[AdditiveModel, ...],
):
    leads = encoder.encode(columns, n_leads=N)

    logits, shares = compile_models(encoder, models).evaluate(leads, explain=True)

    assert shares is not None
    for column, model in enumerate(models):
        expected = by_feature(encoder, model.contributions(matrix))
        assert np.abs(logits[:, column] - model.logit(matrix)).max() < TOLERANCE
        assert np.abs(shares[:, column] - expected).max() < TOLERANCE
        total = shares[:, column].sum(axis=1) + model.bias
        assert np.abs(total - logits[:, column]).max() < TOLERANCE


def test_reasons_do_not_change_the_answer_and_one_alone_is_the_same_bits(
    encoder: Encoder, columns: Columns, models: tuple[AdditiveModel, ...]
):
    leads = encoder.encode(columns, n_leads=N)
    for chosen in (models, models[:1]):
        compiled = compile_models(encoder, chosen)
        logits, shares = compiled.evaluate(leads, explain=True)
        plain, nothing = compiled.evaluate(leads, explain=False)

        assert nothing is None
        assert shares is not None
        assert (plain == logits).all()
        for row in range(0, N, 50):
            alone, alone_shares = compiled.evaluate(leads.take(slice(row, row + 1)), explain=True)
            assert alone_shares is not None
            assert (alone[0] == logits[row]).all()
            assert (alone_shares[0] == shares[row]).all()


def test_trees_that_read_no_number_score_one_lead_and_many():
    columns: Columns = {"source": ["webinar", "referral"] * 20}
    encoder = Encoder.fit(columns, n_leads=40)
    stump = TreeEnsemble(
        n_columns=2,
        n_leaves=np.array([2]),
        column=np.array([1]),
        threshold=np.array([0.5]),
        left=np.array([-1]),
        right=np.array([-2]),
        value=np.array([0.25, -0.5]),
        cover=np.array([20.0, 20.0]),
    )
    nothing = np.zeros(2)
    model = AdditiveModel(coef=nothing, intercept=0.0, center=nothing, trees=stump, tree_weight=1.0)

    logits, _ = compile_models(encoder, [model]).evaluate(
        encoder.encode(columns, n_leads=40), explain=True
    )

    on_second = np.array([encoder.categorical[0].levels[1] == s for s in columns["source"]])
    assert logits[:, 0].tolist() == np.where(on_second, -0.5, 0.25).tolist()


def test_trees_that_never_split_add_their_constant():
    columns: Columns = {"source": ["webinar", "referral"] * 20, "n": list(range(40))}
    encoder = Encoder.fit(columns, n_leads=40)
    no_nodes, no_limits = np.zeros(0, dtype=np.intp), np.zeros(0)
    leaves = TreeEnsemble(
        n_columns=encoder.width,
        n_leaves=np.array([1, 1]),
        column=no_nodes,
        threshold=no_limits,
        left=no_nodes,
        right=no_nodes,
        value=np.array([0.25, -1.0]),
        cover=np.array([40.0, 40.0]),
    )
    nothing = np.zeros(encoder.width)
    model = AdditiveModel(coef=nothing, intercept=0.0, center=nothing, trees=leaves, tree_weight=1)

    logits, shares = compile_models(encoder, [model]).evaluate(
        encoder.encode(columns, n_leads=40), explain=True
    )

    assert logits[:, 0].tolist() == [-0.75] * 40
    assert shares is not None
    assert not shares.any()


def test_purely_linear_models_and_an_empty_encoder_work():
    encoder = Encoder.fit({"source": ["x"] * 50}, n_leads=50)
    nothing = np.zeros(0)
    model = AdditiveModel(coef=nothing, intercept=-2.0, center=nothing)

    leads = encoder.encode({"source": ["y", "z"]}, n_leads=2)
    logits, shares = compile_models(encoder, [model]).evaluate(leads, explain=True)

    assert logits.tolist() == [[-2.0], [-2.0]]
    assert shares is not None
    assert shares.shape == (2, 1, 0)


@pytest.mark.parametrize("threshold", [-1e-35, 1e-35, 0.05, 9.0])
def test_a_tree_that_splits_beyond_a_bend_sends_missing_numbers_where_the_matrix_does(
    threshold: float,
):
    values: list[Scalar] = [*range(100), *[None] * 40]
    columns: Columns = {"attributes.index": values}
    encoder = Encoder.fit(columns, n_leads=140)
    (bend, *_) = (i for i, name in enumerate(encoder.column_names) if " above " in name)
    split = TreeEnsemble(
        n_columns=encoder.width,
        n_leaves=np.array([2]),
        column=np.array([bend]),
        threshold=np.array([threshold]),
        left=np.array([-1]),
        right=np.array([-2]),
        value=np.array([0.25, -0.5]),
        cover=np.array([20.0, 20.0]),
    )
    nothing = np.zeros(encoder.width)
    model = AdditiveModel(coef=nothing, intercept=0.0, center=nothing, trees=split, tree_weight=1.0)
    leads = encoder.encode(columns, n_leads=140)

    logits, _ = compile_models(encoder, [model]).evaluate(leads, explain=False)

    goes_left = encoder.to_matrix(leads)[:, bend] <= threshold
    assert logits[:, 0].tolist() == np.where(goes_left, 0.25, -0.5).tolist()
