import numpy as np
import pytest
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.features.document import Document, write_document
from leadqual.qualify.additive import AdditiveModel


def test_contributions_sum_to_the_log_odds(
    models: tuple[AdditiveModel, ...], matrix: NDArray[np.float64]
):
    model = models[0]

    total = model.bias + model.contributions(matrix).sum(axis=1)

    assert np.abs(total - model.logit(matrix)).max() < 1e-9


def test_contributions_are_zero_on_average_over_the_training_leads(
    models: tuple[AdditiveModel, ...], matrix: NDArray[np.float64]
):
    linear = AdditiveModel(coef=models[0].coef, intercept=1.0, center=models[0].center)

    assert np.abs(linear.contributions(matrix).mean(axis=0)).max() < 1e-9


def test_a_row_alone_has_the_same_bits(
    models: tuple[AdditiveModel, ...], matrix: NDArray[np.float64]
):
    together = models[0].logit(matrix)

    alone = np.concatenate([models[0].logit(matrix[i : i + 1]) for i in range(200)])

    assert (alone == together[:200]).all()


def test_reading_back_gives_the_same_bits(
    models: tuple[AdditiveModel, ...], matrix: NDArray[np.float64]
):
    document = Document.parse(write_document(models[0].as_dict()), where="heads.json")

    again = AdditiveModel.from_document(document, width=models[0].width)

    assert (again.logit(matrix) == models[0].logit(matrix)).all()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"coef": np.zeros(2)}, "different widths"),
        ({"coef": np.array([0.0, np.nan, 0.0])}, "not finite"),
        ({"intercept": np.inf}, "not finite"),
        ({"tree_weight": 1.5}, "outside 0 to 1"),
    ],
)
def test_contradictions_are_refused(arguments: dict[str, object], why: str):
    sound = {"coef": np.zeros(3), "intercept": 0.0, "center": np.zeros(3)}

    with pytest.raises(BundleError, match=why):
        AdditiveModel(**{**sound, **arguments})  # type: ignore[arg-type]  # wrong on purpose
