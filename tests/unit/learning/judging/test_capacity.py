"""Capacity: so many leads a day, the best of each week first."""

import numpy as np
import pytest

from leadqual.learning.judging.capacity import CapacityCurve, draw_capacity
from leadqual.learning.judging.curves import draw_gain
from leadqual.learning.metrics import Outcome, resample


@pytest.fixture(scope="module")
def curve() -> CapacityCurve:
    rng = np.random.default_rng(0)
    day = np.sort(rng.uniform(0, 140, 1_400))
    p = rng.beta(2, 8, 1_400)
    outcome = Outcome.of((rng.random(1_400) < p).astype(float))
    drawn = draw_capacity(p, day, outcome, draws=resample(outcome.group, rng, 50))
    assert drawn is not None
    return drawn


def test_more_work_never_catches_less_and_all_work_catches_all(curve: CapacityCurve) -> None:
    for caught in (curve.wins, curve.low, curve.high):
        assert (np.diff(caught) >= -1e-9).all()
    assert curve.wins[0] == 0
    assert curve.wins[-1] == curve.low[-1] == curve.high[-1] == curve.n_wins


def test_the_best_come_first(curve: CapacityCurve) -> None:
    half = np.interp(curve.busiest_per_day / 2, curve.leads_per_day, curve.wins)

    assert half > 0.6 * curve.n_wins


def test_leads_compete_with_those_of_their_own_week_only() -> None:
    day = np.repeat(np.arange(0, 56, 7.0), 5)  # eight weeks of five leads
    p = np.tile([0.9, 0.1, 0.1, 0.1, 0.1], 8) * np.repeat(np.linspace(0.1, 1, 8), 5)
    won = np.tile([1.0, 0, 0, 0, 0], 8)

    curve = draw_capacity(p, day, Outcome.of(won), draws=[])

    assert curve is not None
    assert curve.busiest_per_day == 1.0
    # One lead a week is the best of each week, though weeks differ in their level.
    assert np.interp(0.2, curve.leads_per_day, curve.wins) == pytest.approx(8, abs=0.01)
    assert curve.low == ()


def test_the_capacity_of_a_team_is_marked_with_its_interval(curve: CapacityCurve) -> None:
    team = curve.of_team(capacity=3, days_per_week=4)

    assert np.isnan(curve.at_capacity.value)
    assert team.busiest_per_day == pytest.approx(curve.busiest_per_day * 5 / 4)
    assert 0 < team.at_capacity.low < team.at_capacity.value < team.at_capacity.high < 1


def test_without_times_nothing_is_said_of_days() -> None:
    won = np.array([1.0, 0.0])

    assert draw_capacity(won, np.array([np.nan, np.nan]), Outcome.of(won), draws=[]) is None


def test_gain_has_a_band_that_ends_at_all_wins() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(2, 8, 500)
    outcome = Outcome.of((rng.random(500) < p).astype(float), rng.lognormal(8, 1, 500))

    gain = draw_gain(p, p, outcome, draws=resample(outcome.group, rng, 40))

    assert gain.wins[0] == 0
    assert gain.wins[-1] == gain.wins_low[-1] == gain.wins_high[-1] == pytest.approx(1)
    assert all(low <= x + 0.02 for low, x in zip(gain.wins_low, gain.wins, strict=True))
    assert len(gain.revenue_high) == len(gain.worked)
