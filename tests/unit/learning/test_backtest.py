"""Backtest: nothing from later, the same start for both models, figures one can recompute."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.errors import InputError, NotEnoughDataError
from leadqual.learning.backtest import FROZEN, PREDICTORS, RETRAINED, Backtest, backtest
from leadqual.learning.baselines import ODOO
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import History

MakeHistory = Callable[..., History]
FIRST = datetime(2025, 8, 1, tzinfo=UTC)
EVERY = 60


def replayed(history: History) -> Backtest:
    return backtest(history, every_days=EVERY, first=FIRST, n_resamples=30)


@pytest.fixture(scope="module")
def history(wins_only: MakeHistory) -> History:
    return wins_only(1_500, signal=2.0, seed=4)


@pytest.fixture(scope="module")
def found(history: History) -> Backtest:
    return replayed(history)


def arrived(history: History, start: datetime, end: datetime) -> np.ndarray:
    low, high = (np.datetime64(day.replace(tzinfo=None), "us") for day in (start, end))
    return np.flatnonzero((history.moments >= low) & (history.moments < high))


def rank_auc(p: np.ndarray, won: np.ndarray) -> float:
    above = p[won == 1][:, None] - p[won == 0][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def test_outcomes_recorded_after_a_step_change_no_score_of_it(
    history: History, found: Backtest
) -> None:
    second = found.steps[1].start
    known = [e for e in history.events if e.occurred_at is not None and e.occurred_at <= second]
    later = [e for e in history.events if e not in known]
    invented = [
        OutcomeEvent(
            lead_id=history.lead_ids[row],
            type=OutcomeType.WON,
            occurred_at=second - timedelta(days=1),
            recorded_at=second + timedelta(seconds=1),
        )
        for row in range(0, 700, 5)
    ]

    other = replayed(replace(history, events=[*known, *later[::2], *invented]))

    early = arrived(history, FIRST, second + timedelta(days=EVERY))
    late = arrived(history, found.steps[2].start, found.steps[2].start + timedelta(days=EVERY))
    for name in PREDICTORS:
        assert np.isfinite(found.scores[name][early]).all()
        np.testing.assert_array_equal(other.scores[name][early], found.scores[name][early])
    for name in (RETRAINED, ODOO):
        assert not np.array_equal(other.scores[name][late], found.scores[name][late])


def test_frozen_and_retrained_part_after_the_first_step(history: History, found: Backtest) -> None:
    first = arrived(history, FIRST, FIRST + timedelta(days=EVERY))
    second = arrived(history, found.steps[1].start, found.steps[2].start)
    frozen, retrained = found.scores[FROZEN], found.scores[RETRAINED]

    np.testing.assert_array_equal(frozen[first], retrained[first])
    assert not np.array_equal(frozen[second], retrained[second])
    assert found.steps[0].metrics[FROZEN] == found.steps[0].metrics[RETRAINED]


def test_pooled_and_step_figures_match_a_computation_by_hand(
    history: History, found: Backtest
) -> None:
    p = found.scores[ODOO]
    rows = found.judged
    won_at = {e.lead_id: e.occurred_at for e in history.events}
    within = timedelta(days=found.horizon_days)
    won = np.array([
        (at := won_at.get(history.lead_ids[row])) is not None
        and at - history.moments[row].astype(datetime).replace(tzinfo=UTC) <= within
        for row in rows
    ]).astype(float)
    pooled = found.pooled.metrics[ODOO]
    step = found.steps[1]
    of_step = np.isin(rows, arrived(history, step.start, step.start + timedelta(days=EVERY)))

    assert pooled["auc"].value == pytest.approx(rank_auc(p[rows], won))
    assert pooled["observed_expected"].value == pytest.approx(won.sum() / p[rows].sum())
    assert pooled["auc"].low < pooled["auc"].value < pooled["auc"].high
    assert (step.n_judged, step.n_won) == (of_step.sum(), won[of_step].sum())
    assert step.metrics[ODOO]["auc"] == pytest.approx(rank_auc(p[rows[of_step]], won[of_step]))


def test_a_first_step_is_found_where_none_is_given(wins_only: MakeHistory) -> None:
    found = backtest(wins_only(700, signal=2.0, seed=5), every_days=90, n_resamples=0)

    assert found.steps[0].start >= datetime(2025, 5, 1, tzinfo=UTC)
    assert found.steps[0].is_retrained


def test_history_without_times_is_refused(won_or_lost: MakeHistory) -> None:
    with pytest.raises(InputError, match="no times"):
        replayed(won_or_lost())


def test_wins_without_a_time_are_refused(history: History) -> None:
    undated = OutcomeEvent(lead_id=history.lead_ids[0], type=OutcomeType.WON)

    with pytest.raises(InputError, match="1 wins of this history have no time"):
        replayed(replace(history, events=[*history.events, undated]))


def test_first_step_outside_the_history_or_too_early_is_refused(history: History) -> None:
    with pytest.raises(InputError, match="2025-01-01 to 2026-02-0"):
        backtest(history, every_days=30, first=datetime(2027, 1, 1, tzinfo=UTC))
    with pytest.raises(NotEnoughDataError, match=r"by 2025-01-10 .* later --first"):
        backtest(history, every_days=30, first=datetime(2025, 1, 10, tzinfo=UTC))
