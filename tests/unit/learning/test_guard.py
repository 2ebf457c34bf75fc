"""The leakage guard stops what knows the outcome, and lets honest columns through."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.leads.schema import Scalar
from leadqual.learning.guard import find_leaks
from leadqual.outcomes.events import OutcomeType
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


def test_each_member_of_a_block_that_only_won_leads_have_is_named(history: History) -> None:
    rng = np.random.default_rng(2)
    is_won = won(history)
    for name, share in (("segment", 0.95), ("type", 0.9), ("stock", 0.08)):
        known = is_won & (rng.random(history.n_leads) < share)
        history.columns[f"attributes.{name}"] = [f"{name} {i % 3}" if k else None
                                                 for i, k in enumerate(known)]  # fmt: skip

    found = find_leaks(history, label_history(history, as_of=None))

    assert set(found) == {"attributes.segment", "attributes.type", "attributes.stock"}
    assert "only where `attributes.segment`" in found["attributes.stock"]


def test_a_block_that_follows_the_outcome_with_exceptions_is_stopped(history: History) -> None:
    rng = np.random.default_rng(3)
    is_filled = rng.random(history.n_leads) < np.where(won(history), 0.4, 0.003)
    history.columns["attributes.contract"] = ["signed" if f else None for f in is_filled]

    found = leaks_with(history, [f"note {i}" if f else None for i, f in enumerate(is_filled)])

    assert set(found) == {"attributes.contract", "attributes.suspect"}
    assert "of them won (beside them" in found["attributes.suspect"]


def test_a_block_that_good_leads_fill_more_often_is_honest(history: History) -> None:
    rng = np.random.default_rng(4)
    is_filled = rng.random(history.n_leads) < np.where(won(history), 0.6, 0.15)

    assert leaks_with(history, ["told" if f else None for f in is_filled]) == {}


def test_a_level_that_only_won_leads_have_is_stopped_among_other_levels(history: History) -> None:
    rng = np.random.default_rng(5)
    closed = won(history) & (rng.random(history.n_leads) < 0.2)
    other = rng.choice(["new", "called", "met"], history.n_leads)

    found = leaks_with(history, np.where(closed, "Closed Won", other).tolist())

    assert "is `closed won` for" in found["attributes.suspect"]


def test_a_rare_level_that_happens_to_be_won_is_honest(history: History) -> None:
    chosen = np.flatnonzero(won(history))[:9]
    values: list[Scalar] = ["usual"] * history.n_leads
    for row in chosen.tolist():
        values[row] = "rare"

    assert leaks_with(history, values) == {}


def test_a_much_better_source_of_leads_is_honest(history: History) -> None:
    rng = np.random.default_rng(6)
    referred = rng.random(history.n_leads) < np.where(won(history), 0.2, 0.02)

    assert leaks_with(history, np.where(referred, "referral", "web").tolist()) == {}


def test_numbers_that_are_exact_when_won_and_rounded_otherwise_are_stopped(
    history: History,
) -> None:
    rng = np.random.default_rng(7)
    amount = np.exp(rng.normal(9, 1, history.n_leads))
    is_exact = rng.random(history.n_leads) < np.where(won(history), 0.8, 0.1)

    found = leaks_with(history, np.where(is_exact, amount.round(2), amount.round(-3)).tolist())

    assert "more exact for one outcome" in found["attributes.suspect"]


def test_large_and_therefore_round_numbers_are_honest(history: History) -> None:
    rng = np.random.default_rng(8)
    size = 10 ** rng.normal(np.where(won(history), 3.0, 2.3), 0.8)

    assert leaks_with(history, [float(f"{x:.2g}") for x in size]) == {}


def test_an_amount_that_is_zero_unless_won_is_stopped(history: History) -> None:
    rng = np.random.default_rng(9)
    is_known = won(history) & (rng.random(history.n_leads) < 0.4)
    amount = rng.integers(1, 90, history.n_leads) * 1_000

    found = leaks_with(history, np.where(is_known, amount, 0).tolist())

    assert "is not zero for" in found["attributes.suspect"]


def test_a_counter_that_went_on_until_the_outcome_is_stopped(history: History) -> None:
    rng = np.random.default_rng(10)
    labels = label_history(history, as_of=None)
    days = np.where(labels.is_won, labels.delay_days, rng.exponential(15, history.n_leads))

    found = leaks_with(history, rng.poisson(2 + days).tolist())

    assert "follows the time until a lead was won" in found["attributes.suspect"]


def test_plans_that_foretell_the_time_a_sale_takes_are_honest(history: History) -> None:
    rng = np.random.default_rng(11)
    labels = label_history(history, as_of=None)
    days = np.where(labels.is_won, labels.delay_days, rng.exponential(15, history.n_leads))
    planned = np.exp(np.log(days + 1) + rng.normal(0, 1.0, history.n_leads)).round(-1)

    assert leaks_with(history, planned.tolist()) == {}


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y %H:%M", "%Y-%m-%dT%H:%M:%S.000Z"])
def test_late_dates_are_read_as_people_write_them(history: History, form: str) -> None:
    days = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=i * 0.2) for i in range(2_000)]
    later: list[Scalar] = [f"{day + timedelta(days=40):{form}}" for day in days]
    earlier: list[Scalar] = [f"{day - timedelta(days=40):{form}}" for day in days]

    assert "dates after" in leaks_with(history, later)["attributes.suspect"]
    assert leaks_with(history, earlier) == {}


def test_batches_that_were_sorted_by_outcome_are_named_by_the_gap(history: History) -> None:
    rng = np.random.default_rng(12)
    n = history.n_leads
    side = np.where(rng.random(n) < 0.85, won(history), ~won(history))
    month = np.arange(n) * 24 // n
    turned = (month * 7) % 3 == 0

    found = leaks_with(
        history, np.char.add(month.astype(str), (side ^ turned).astype(str)).tolist()
    )

    assert "leads of the same days" in found["attributes.suspect"]


def test_an_index_of_the_economy_makes_a_gap_and_is_no_leak(won_or_lost: MakeHistory) -> None:
    history = won_or_lost(3_000, seed=13)
    rng = np.random.default_rng(13)
    week = np.arange(3_000) // 50
    index, market = rng.normal(size=60).round(3), rng.normal(size=60)
    ends = rng.random(3_000) < 1 / (1 + np.exp(1 - 2.5 * market[week]))
    moved = replace(
        history,
        columns={**history.columns, "attributes.index": index[week].tolist()},
        events=[
            event.model_copy(update={"type": OutcomeType.WON if e else OutcomeType.LOST})
            for event, e in zip(history.events, ends, strict=True)
        ],
    )

    assert find_leaks(moved, label_history(moved, as_of=None)) == {}


def test_all_signs_of_a_column_are_told_in_the_order_of_the_history(history: History) -> None:
    status: list[Scalar] = ["closed won" if w else None for w in won(history)]
    history.columns["attributes.first"] = status

    found = leaks_with(history, ["open" if w is None else "closed" for w in status])

    assert list(found) == ["attributes.first", "attributes.suspect"]
    assert found["attributes.first"].count(";") >= 1
