"""Metrics equal their definitions; ties and resamples are treated evenly."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as reference_log_loss

from leadqual.learning.metrics import Outcome, compare, measure, reliability, tally


@pytest.fixture
def judged() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z = rng.normal(size=2_000) - 2
    won = (rng.random(2_000) < 1 / (1 + np.exp(-z))).astype(float)
    return np.round(1 / (1 + np.exp(-z)), 2), won


def test_metrics_equal_the_reference_implementations_also_with_ties(judged) -> None:
    p, won = judged

    found = measure(p, Outcome.of(won))

    assert found["auc"] == pytest.approx(roc_auc_score(won, p))
    assert found["average_precision"] == pytest.approx(average_precision_score(won, p))
    assert found["log_loss"] == pytest.approx(
        reference_log_loss(won, np.clip(p, 1e-6, 1 - 1e-6)), abs=1e-9
    )
    assert found["brier"] == pytest.approx(brier_score_loss(won, p))


def test_predictions_that_are_nearly_the_same_have_no_slope() -> None:
    rng = np.random.default_rng(1)
    base_rates = np.repeat([0.505, 0.506, 0.507], 100)  # as folds of a cross-validation give

    found = measure(base_rates, Outcome.of((rng.random(300) < 0.5).astype(float)))

    assert np.isnan(found["slope"])


def test_a_right_probability_has_slope_and_ratio_one(judged) -> None:
    p, won = judged

    found = measure(p, Outcome.of(won))

    assert found["slope"] == pytest.approx(1.0, abs=0.15)
    assert found["observed_expected"] == pytest.approx(1.0, abs=0.1)
    assert found["ece"] < 0.02


def test_an_overconfident_probability_has_a_slope_below_one(judged) -> None:
    p, won = judged
    z = np.log(p / (1 - p), where=p > 0, out=np.full(len(p), -6.0))

    found = measure(1 / (1 + np.exp(-(3 * z + 4))), Outcome.of(won))

    assert found["slope"] == pytest.approx(1 / 3, abs=0.1)


def test_a_constant_catches_what_chance_catches() -> None:
    won = np.repeat([1.0, 0.0], [30, 70])

    found = measure(np.full(100, 0.3), Outcome.of(won, won * 10))

    assert found["auc"] == 0.5
    assert found["lift_10"] == pytest.approx(1.0)
    assert found["captured_20"] == pytest.approx(0.2)
    assert found["revenue_20"] == pytest.approx(0.2)
    assert np.isnan(found["slope"])


def test_one_class_only_gives_no_ranking_figure() -> None:
    found = measure(np.linspace(0, 1, 10), Outcome.of(np.zeros(10)))

    assert np.isnan(found["auc"])
    assert np.isnan(found["captured_20"])
    assert np.isfinite(found["log_loss"])


def test_reliability_bins_hold_every_lead_once(judged) -> None:
    p, won = judged

    bins = reliability(tally(p, Outcome.of(won)))

    assert sum(n for _, _, n in bins) == len(p)
    assert sum(rate * n for _, rate, n in bins) == pytest.approx(won.sum())


def test_intervals_hold_the_figure_and_paired_ones_are_narrower(judged) -> None:
    p, won = judged
    noisy = np.clip(p + np.random.default_rng(1).normal(0, 0.05, len(p)), 0, 1)

    found = compare(
        {"ours": p, "other": noisy}, Outcome.of(won), reference="ours", rng=np.random.default_rng(2)
    )

    alone, paired = found.metrics["other"]["auc"], found.differences["other"]["auc"]
    assert alone.low < alone.value < alone.high
    assert paired.value == pytest.approx(found.metrics["ours"]["auc"].value - alone.value)
    assert paired.high - paired.low < alone.high - alone.low


def test_duplicates_drawn_together_widen_the_interval(judged) -> None:
    p, won = judged[0][:200], judged[1][:200]
    five_fold = np.tile(np.arange(200), 5)
    outcome = Outcome(np.tile(won, 5), np.zeros(1_000), five_fold)
    pretended = Outcome.of(np.tile(won, 5))

    together = compare(
        {"x": np.tile(p, 5)}, outcome, reference="x", rng=np.random.default_rng(3)
    ).metrics["x"]["auc"]
    apart = compare(
        {"x": np.tile(p, 5)}, pretended, reference="x", rng=np.random.default_rng(3)
    ).metrics["x"]["auc"]

    assert together.high - together.low > 1.6 * (apart.high - apart.low)
