import numpy as np
import pytest

from leadqual.errors import BundleError
from leadqual.features.encoder import Encoder
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.conversion import ConversionModel, StageModel
from leadqual.qualify.predict import Predictor
from leadqual.qualify.score import Head

FIT, AUTHORITY, BUDGET, REACHED, WON, DIRECT, NEED = 0.8, 0.5, 0.6, 0.7, 0.3, 0.05, 0.2


def log_odds(p: float) -> float:
    return float(np.log(p / (1 - p)))


def always(p: float) -> AdditiveModel:
    nothing = np.zeros(0)
    return AdditiveModel(coef=nothing, intercept=log_odds(p), center=nothing)


def p_conversion(conversion: ConversionModel) -> float:
    encoder = Encoder.fit({}, n_leads=1)
    heads = dict(zip(Head, map(always, (FIT, AUTHORITY, BUDGET)), strict=True))
    amount = AmountModel.constant(1.0, width=0)
    predictor = Predictor(encoder, heads, conversion=conversion, amount=amount)
    leads = encoder.encode({}, n_leads=1)
    return float(predictor.predict(leads, explain=True).p[0, -1])


STAGES = (
    StageModel(name="reached", model=always(REACHED), is_with_heads=True),
    StageModel(name="won", model=always(WON)),
)


def test_stages_multiply():
    found = p_conversion(ConversionModel(stages=STAGES, stage_weight=1.0))

    assert found == pytest.approx(REACHED * WON)


def test_heads_multiply_with_their_stages_and_the_need():
    conversion = ConversionModel(stages=STAGES, need=always(NEED), need_floor=0.3, heads_weight=1.0)

    found = p_conversion(conversion)

    assert found == pytest.approx(FIT * AUTHORITY * BUDGET * REACHED * (0.3 + 0.7 * NEED))


def test_estimates_are_averaged_in_log_odds_and_shifted():
    conversion = ConversionModel(
        stages=STAGES, direct=always(DIRECT), stage_weight=0.75, direct_weight=0.25, shift=0.2
    )

    found = p_conversion(conversion)

    expected = 0.75 * log_odds(REACHED * WON) + 0.25 * log_odds(DIRECT) + 0.2
    assert log_odds(found) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"stages": STAGES, "stage_weight": 0.5}, "sum to 1"),
        ({"stage_weight": 1.0}, "no stages"),
        ({"direct_weight": 1.0}, "no direct model"),
        ({"stages": STAGES, "stage_weight": 2.0, "heads_weight": -1.0}, "0 or more"),
        ({"stages": STAGES, "stage_weight": 1.0, "shift": np.nan}, "not finite"),
        ({"stages": STAGES, "stage_weight": 1.0, "need_floor": 2.0}, "need_floor"),
    ],
)
def test_weights_without_models_and_impossible_numbers_are_refused(
    arguments: dict[str, object], why: str
):
    with pytest.raises(BundleError, match=why):
        ConversionModel(**arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_an_expected_amount_is_capped_and_never_overflows():
    amount = AmountModel(log_usd=always(0.5), smearing=1.5, cap_usd=1e6)

    found = amount.expected_usd(np.array([np.log(1_000.0), 20.0, 1e6, -1e6]))

    assert found.tolist() == pytest.approx([1_500.0, 1e6, 1e6, 0.0])


def test_an_expected_amount_may_come_from_a_huge_and_a_tiny_factor():
    amount = AmountModel(log_usd=always(0.5), smearing=1e-300, cap_usd=1e6)

    found = amount.expected_usd(np.array([np.log(1e300) + np.log(1_000.0), 708.0]))

    assert found.tolist() == pytest.approx([1_000.0, 1e6])
