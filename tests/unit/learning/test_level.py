"""The level of steps: as high as the newest answers, unless that is chance."""

from collections.abc import Callable

import numpy as np
import pytest

from leadqual.learning.funnel import fit_stages, read_stage
from leadqual.learning.learners.blend import Recipe, fit_blend
from leadqual.learning.level import fit_answer_level
from leadqual.learning.preparing import prepare
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.history import History

MakeHistory = Callable[..., History]


def answers(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = (np.random.default_rng(0).random(len(rates)) < rates).astype(float)
    return y, np.ones(len(rates))


def test_a_step_that_lets_fewer_pass_than_before_predicts_fewer() -> None:
    y, weights = answers(np.repeat([0.4, 0.2], 1_500))
    before = np.log(0.4 / 0.6)

    shift = fit_answer_level(np.full(3_000, before), y, weights=weights)

    assert 1 / (1 + np.exp(-(before + shift))) == pytest.approx(0.2, abs=0.04)


def test_what_chance_explains_moves_nothing() -> None:
    y, weights = answers(np.full(2_000, 0.3))
    rate = y[-500:].mean()

    shift = fit_answer_level(np.full(2_000, np.log(rate / (1 - rate)) + 0.03), y, weights=weights)

    assert shift == pytest.approx(0.0, abs=0.06)


def test_a_shifted_blend_moves_all_log_odds_alike() -> None:
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(500, 3))
    y = (rng.random(500) < 0.3).astype(float)
    blend = fit_blend(Z, y, weights=np.ones(500), recipe=Recipe(uses_bayes=True), seed=0)

    np.testing.assert_allclose(blend.shifted(0.7).logit(Z), blend.logit(Z) + 0.7)


def test_every_step_is_right_on_its_newest_leads(funnel: MakeHistory) -> None:
    data = prepare(funnel(4_000), as_of=None, settings=FitSettings())

    for stage, answered in zip(
        fit_stages(data, settings=FitSettings()), data.labels.stages, strict=True
    ):
        rows, passed, weights = read_stage(answered)
        newest = slice(-len(rows) // 3, None)
        expected = (weights * stage.blend.probability(data.Z[rows]))[newest].sum()

        assert (weights * passed)[newest].sum() == pytest.approx(expected, rel=0.15), stage.name
