"""How long wins take, and what that says about open leads."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import History, Recorded
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.maturity import fit_delay_curve, read_maturity, soften

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_curve_is_right_although_slow_wins_are_cut_off() -> None:
    rng = np.random.default_rng(0)
    age = rng.uniform(0, 200, 20_000)
    delay = rng.exponential(60, 20_000)
    seen = np.where(delay <= age, delay, np.nan)

    curve = fit_delay_curve(seen, age)

    within_reach = 1 - np.exp(-200 / 60)
    for days in (20.0, 60.0, 120.0):
        true_share = (1 - np.exp(-days / 60)) / within_reach
        naive_share = np.nanmean(seen <= days) / np.isfinite(seen).mean()
        assert curve.share_by(days) == pytest.approx(true_share, abs=0.04)
        assert naive_share > true_share + 0.04 or days > 100


def test_the_curve_rises_from_nothing_to_everything() -> None:
    rng = np.random.default_rng(1)
    delay = rng.exponential(30, 500)

    curve = fit_delay_curve(delay, np.full(500, 400.0))
    shares = curve.share_by(np.linspace(-5, 500, 200))

    assert shares[0] == 0
    assert (np.diff(shares) >= 0).all()
    assert shares[-1] == 1
    assert curve.is_flat_at_end


def test_too_few_wins_make_every_age_mature() -> None:
    curve = fit_delay_curve(np.array([5.0] * 5 + [np.nan] * 5), np.full(10, 50.0))

    assert curve.days == ()
    assert curve.share_by(0.1) == 1.0
    assert curve.age_at(0.9) == 0.0


def test_an_unknown_age_counts_as_mature() -> None:
    curve = fit_delay_curve(np.linspace(1, 90, 60), np.full(60, 365.0))

    assert curve.share_by(np.array([np.nan]))[0] == 1.0


def test_a_young_history_says_that_its_curve_has_not_ended() -> None:
    rng = np.random.default_rng(2)
    age = rng.uniform(0, 30, 5_000)
    delay = rng.exponential(60, 5_000)

    curve = fit_delay_curve(np.where(delay <= age, delay, np.nan), age)

    assert not curve.is_flat_at_end


def test_open_leads_lose_hope_with_age() -> None:
    p = np.full(4, 0.2)

    label = soften(p, np.array([0.0, 0.3, 0.9, 1.0]))

    assert label[0] == pytest.approx(0.2)
    assert label[-1] == 0
    assert (np.diff(label) < 0).all()


def history_of_wins(n_days: int, recorded_from_day: float) -> History:
    """Ten leads a day, one in five won after a week; earlier wins were not written down."""
    rng = np.random.default_rng(3)
    created = np.repeat(np.arange(n_days, dtype=float), 10)
    won_at = created + rng.exponential(7, len(created))
    is_seen = (rng.random(len(created)) < 0.2) & (won_at >= recorded_from_day)
    is_seen &= won_at <= n_days
    base = np.datetime64("2026-01-01", "us")
    return History(
        source="wins",
        lead_ids=[str(i) for i in range(len(created))],
        moments=base + (created * 86_400e6).astype("timedelta64[us]"),
        columns={},
        events=[
            OutcomeEvent(
                lead_id=str(i),
                type=OutcomeType.WON,
                occurred_at=START + timedelta(days=float(won_at[i])),
            )
            for i in np.nonzero(is_seen)[0]
        ],
        recorded=Recorded(losses=False),
    )


def test_leads_from_before_wins_were_recorded_are_found() -> None:
    as_of = START + timedelta(days=300)

    late = read_maturity(label_history(history_of_wins(300, 120), as_of=as_of))
    complete = read_maturity(label_history(history_of_wins(300, 0), as_of=as_of))

    assert late.recording_start_days is not None
    first_day = late.recording_start_days - START.timestamp() / 86_400
    assert first_day == pytest.approx(120, abs=1)
    assert int((~late.is_covered).sum()) == 1_200
    assert complete.recording_start_days is None
    assert complete.is_covered.all()
