"""Counts of the Odoo-like scorer: each outcome as it is recorded, and nothing twice."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.learning.learners.odoo import OdooCounts, Standing, follow_outcomes, replay_odoo
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import History, Recorded
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.timeline import moments_to_days

MakeHistory = Callable[..., History]
START = datetime(2025, 1, 1, tzinfo=UTC)
N_VALUES = (4, 3)


def codes_of(history: History) -> np.ndarray:
    return np.random.default_rng(1).integers(0, N_VALUES, (history.n_leads, len(N_VALUES)))


def counted_anew(leads: np.ndarray, won: np.ndarray, asked: np.ndarray) -> float:
    """P(won) from tables made in one go."""
    odds = np.log(won.sum() / (~won).sum())
    for field in range(leads.shape[1]):
        values = np.unique(leads[:, field])
        if asked[field] not in values:
            continue
        for side, sign in ((won, 1), (~won, -1)):
            n_here = (leads[side, field] == asked[field]).sum() + 0.1
            odds += sign * np.log(n_here / (side.sum() + 0.1 * len(values)))
    return float(1 / (1 + np.exp(-odds)))


def replayed(history: History, codes: np.ndarray) -> np.ndarray:
    everybody = np.ones(history.n_leads, dtype=bool)
    clock = moments_to_days(history.moments)
    return replay_odoo(
        codes,
        N_VALUES,
        clock=clock,
        changes=follow_outcomes(history, clock=clock),
        counted=everybody,
        asked=everybody,
    )


@pytest.mark.parametrize("row", [900, 1_500, 2_999])
def test_scores_equal_a_recount_of_everything_recorded_before_the_lead(
    funnel: MakeHistory, row: int
) -> None:
    history = funnel(3_000)
    codes = codes_of(history)
    arrived = START + timedelta(days=500 * row / 3_000)
    labels = label_history(history.take(np.arange(row)), as_of=arrived - timedelta(milliseconds=1))
    (counted,) = np.nonzero(labels.is_settled)

    p = replayed(history, codes)

    expected = counted_anew(codes[counted], labels.is_won[counted], codes[row])
    assert p[row] == pytest.approx(expected, rel=1e-9)


def test_where_losses_are_never_recorded_a_lead_is_lost_until_it_is_won(
    wins_only: MakeHistory,
) -> None:
    history = wins_only(600)
    codes = codes_of(history)
    row = 500
    arrived = START + timedelta(days=400 * row / 600)
    labels = label_history(history.take(np.arange(row)), as_of=arrived - timedelta(milliseconds=1))

    p = replayed(history, codes)

    expected = counted_anew(codes[:row], labels.is_won, codes[row])
    assert p[row] == pytest.approx(expected, rel=1e-9)


def test_a_lead_never_counts_for_its_own_score_even_if_its_win_is_dated_before_it() -> None:
    moments = np.datetime64("2025-01-01", "us") + np.arange(3) * np.timedelta64(1, "D")
    early_win = OutcomeEvent(
        lead_id="lead-1", type=OutcomeType.WON, occurred_at=START - timedelta(days=9)
    )
    lost = OutcomeEvent(lead_id="lead-0", type=OutcomeType.LOST, occurred_at=START)
    history = History("x", [f"lead-{i}" for i in range(3)], moments, {}, [early_win, lost])

    p = replayed(history, np.zeros((3, 2), dtype=np.intp))

    assert p[0] == 0.5
    assert p[1] == 0.0
    assert 0 < p[2] < 1


def test_taken_back_outcomes_leave_no_trace() -> None:
    fresh, used = OdooCounts(N_VALUES), OdooCounts(N_VALUES)
    leads = [np.array(lead) for lead in ((0, 1), (1, 2), (0, 0), (3, 2))]
    for counts in (fresh, used):
        for lead in leads[:3]:
            counts.add(lead, lead[0] == 0)
    used.add(leads[3], won=True)
    used.remove(leads[3], won=True)

    asked = np.array(leads)
    assert used.probability(asked).tolist() == fresh.probability(asked).tolist()


def test_an_excluded_lead_is_taken_out_again() -> None:
    moments = np.datetime64("2025-01-01", "us") + np.arange(2) * np.timedelta64(1, "D")
    events = [
        OutcomeEvent(
            lead_id="lead-0", type=OutcomeType.LOST, occurred_at=START + timedelta(days=1)
        ),
        OutcomeEvent(
            lead_id="lead-0", type=OutcomeType.SPAM, occurred_at=START + timedelta(days=3)
        ),
    ]
    history = History("x", ["lead-0", "lead-1"], moments, {}, events, recorded=Recorded())

    changes = follow_outcomes(history, clock=moments_to_days(moments))

    assert [change.standing for change in changes] == [Standing.LOST, Standing.NOT_COUNTED]
