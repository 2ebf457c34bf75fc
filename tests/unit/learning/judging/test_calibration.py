"""Calibration: intervals that are honest about few leads, for steps of the funnel too."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.learning.evaluation import evaluate
from leadqual.learning.judging.calibration import draw_reliability, error_by_chance
from leadqual.learning.judging.stage_answers import answer_stage
from leadqual.learning.metrics import Outcome, compare, measure
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history

MakeHistory = Callable[..., History]
START = datetime(2025, 1, 1, tzinfo=UTC)


def test_bins_have_intervals_that_hold_the_truth() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(2, 10, 5_000)

    bins = draw_reliability(p, Outcome.of((rng.random(5_000) < p).astype(float)))

    assert sum(one.n_leads for one in bins) == 5_000
    assert sum(one.low <= one.predicted <= one.high for one in bins) >= 8


def test_right_probabilities_show_the_error_of_chance_and_no_more() -> None:
    errors, expected = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = rng.beta(2, 10, 1_000)
        outcome = Outcome.of((rng.random(1_000) < p).astype(float))
        errors.append(measure(p, outcome)["ece"])
        expected.append(error_by_chance(draw_reliability(p, outcome), n_effective=1_000))

    assert np.mean(errors) == pytest.approx(np.mean(expected), rel=0.15)


def test_the_interval_of_the_calibration_error_reaches_down_to_chance() -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(2, 10, 1_000)
    outcome = Outcome.of((rng.random(1_000) < p).astype(float))

    right = compare({"it": p}, outcome, reference="it", rng=rng, n_resamples=100)
    wrong = compare({"it": p / 3}, outcome, reference="it", rng=rng, n_resamples=100)

    assert right.metrics["it"]["ece"].low < 0.01
    assert wrong.metrics["it"]["ece"].low > 0.05


def test_steps_of_the_funnel_are_calibrated_with_intervals(funnel: MakeHistory) -> None:
    report = evaluate(funnel(3_000, seed=10), as_of=None, n_resamples=40)

    assert {"reached", "qualified", "accepted", "won"} == (
        set(report.stages) | set(report.stages_not_judged)
    )
    assert "qualified" in report.stages
    for judged in report.stages.values():
        for metric in ("ece", "observed_expected"):
            found = judged.ours[metric]
            assert found.low <= found.value <= found.high
        assert judged.reliability[0].low < judged.reliability[0].high
        assert "counts as stopped" in judged.remark


def test_young_leads_without_an_answer_are_weighted_for(funnel: MakeHistory) -> None:
    # Closing takes 25 days on average: of the last two months many are still open.
    history = funnel(6_000, n_days=300, seed=1)
    labels = label_history(history, as_of=START + timedelta(days=300))
    won = labels.stages[3]
    (judged,) = np.nonzero(won.is_in & (labels.age_days < 90))

    found = answer_stage(won, judged)
    raw = won.is_passed[judged][won.is_known[judged]].mean()
    weighted = np.average(found.passed, weights=found.weights)

    assert found.n_waiting > 50
    assert found.weights.max() > 1.2
    assert abs(weighted - 0.7) < abs(raw - 0.7) + 0.02
    assert f"{found.n_waiting} younger ones" in found.text


def test_weights_count_as_so_many_leads() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(2, 4, 400)
    won = (rng.random(400) < p).astype(float)
    twice = Outcome(won=won, value=np.zeros(400), group=np.arange(400), weight=np.full(400, 2.0))

    assert measure(p, twice) == pytest.approx(measure(p, Outcome.of(won)), nan_ok=True)
    assert twice.n_effective == pytest.approx(400)
