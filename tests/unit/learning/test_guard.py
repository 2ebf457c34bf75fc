"""The leakage guard stops what knows the outcome, and lets honest columns through."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.leads.schema import Scalar
from leadqual.learning.guard import find_leaks
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history

MakeHistory = Callable[..., History]


@pytest.fixture
def history(wins_only: MakeHistory) -> History:
    return wins_only(2_000, seed=5)


def leaks_with(history: History, values: list[Scalar]) -> dict[str, str]:
    history.columns["attributes.suspect"] = values
    return find_leaks(history, label_history(history, as_of=None))


def won(history: History) -> np.ndarray:
    return label_history(history, as_of=None).is_won


def test_honest_columns_pass(history: History) -> None:
    assert find_leaks(history, label_history(history, as_of=None)) == {}


def test_a_status_column_is_stopped(history: History) -> None:
    found = leaks_with(history, ["closed" if w else "open" for w in won(history)])

    assert "AUC" in found["attributes.suspect"]


def test_a_counter_read_later_is_stopped(history: History) -> None:
    rng = np.random.default_rng(0)
    calls = rng.poisson(np.where(won(history), 14.0, 3.0))

    assert "AUC" in leaks_with(history, calls.tolist())["attributes.suspect"]


def test_a_field_filled_for_won_leads_only_is_stopped_though_it_is_rare(history: History) -> None:
    rng = np.random.default_rng(1)
    filled = won(history) & (rng.random(history.n_leads) < 0.15)

    found = leaks_with(history, ["small" if f else None for f in filled])

    assert "all of them won" in found["attributes.suspect"]


def test_a_field_filled_for_lost_leads_only_is_stopped(history: History) -> None:
    found = leaks_with(history, [None if w else "too expensive" for w in won(history)])

    assert found


def test_dates_after_the_lead_are_stopped_and_earlier_ones_are_not(history: History) -> None:
    days = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=i * 0.2) for i in range(2_000)]
    later: list[Scalar] = [(day + timedelta(days=30)).isoformat() for day in days]
    earlier: list[Scalar] = [(day - timedelta(days=30)).isoformat() for day in days]

    assert "dates after" in leaks_with(history, later)["attributes.suspect"]
    assert leaks_with(history, earlier) == {}


def test_a_column_that_follows_a_moving_market_is_no_leak(wins_only: MakeHistory) -> None:
    slow = wins_only(2_000, base=-4.0, seed=6)
    fast = wins_only(2_000, base=1.0, seed=7)
    later = np.datetime64("2026-03-01", "us") - fast.moments[0]
    both = History(
        source="two regimes",
        lead_ids=[*slow.lead_ids, *(f"new-{i}" for i in fast.lead_ids)],
        moments=np.concatenate([slow.moments, fast.moments + later]),
        columns={"attributes.market": [*["bad"] * 2_000, *["good"] * 2_000]},
        events=[
            *slow.events,
            *(e.model_copy(update={"lead_id": f"new-{e.lead_id}"}) for e in fast.events),
        ],
    )
    labels = label_history(both, as_of=None)

    assert find_leaks(both, labels) == {}


def test_too_few_outcomes_raise_no_alarm(wins_only: MakeHistory) -> None:
    history = wins_only(60, base=-3.0)

    assert leaks_with(history, [bool(w) for w in won(history)]) == {}
