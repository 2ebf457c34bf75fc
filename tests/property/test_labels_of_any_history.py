"""Labels of any history: order does not matter, later events do not exist, unknown stays so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadqual.learning.dispositions import DISPOSITIONS, read_dispositions
from leadqual.outcomes.events import OutcomeEvent, OutcomeType, Reason
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels, label_history

START = datetime(2026, 1, 1, tzinfo=UTC)
N_LEADS = 4

days = st.integers(-5, 60).map(float)
events = st.lists(
    st.builds(
        lambda lead, kind, reason, at, delay, amount: OutcomeEvent(
            lead_id=f"lead-{lead}",
            type=kind,
            reason=reason,
            occurred_at=START + timedelta(days=at),
            recorded_at=None if delay is None else START + timedelta(days=at + delay),
            amount_usd=amount,
        ),
        st.integers(0, N_LEADS),
        st.sampled_from(OutcomeType),
        st.none() | st.sampled_from(Reason),
        days,
        st.none() | st.integers(0, 20),
        st.none() | st.floats(0, 1e6),
    ),
    max_size=14,
)


def history_of(listed: list[OutcomeEvent], *, has_times: bool = True) -> History:
    created = np.array([START.replace(tzinfo=None) + timedelta(days=i) for i in range(N_LEADS)])
    return History(
        source="any",
        lead_ids=[f"lead-{i}" for i in range(N_LEADS)],
        moments=created.astype("datetime64[us]"),
        columns={},
        events=listed,
        has_times=has_times,
    )


def assert_same(left: Labels, right: Labels) -> None:
    for name in ("is_usable", "is_worked", "is_won", "is_settled", "delay_days", "amount_usd"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)
    np.testing.assert_array_equal(left.progress.state, right.progress.state)
    for check, found in left.heads.items():
        np.testing.assert_array_equal(found.values, right.heads[check].values)
        np.testing.assert_array_equal(found.weights, right.heads[check].weights)
    for mine, theirs in zip(left.stages, right.stages, strict=True):
        np.testing.assert_array_equal(mine.is_passed, theirs.is_passed)
        np.testing.assert_array_equal(mine.answer_days, theirs.answer_days)


@given(events, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_events_and_repeating_one_change_nothing(listed, has_times, random) -> None:
    shuffled = [*listed, *listed[:2]]
    random.shuffle(shuffled)
    as_of = START + timedelta(days=40)

    one = label_history(history_of(listed, has_times=has_times), as_of=as_of)
    other = label_history(history_of(shuffled, has_times=has_times), as_of=as_of)

    assert_same(one, other)


@given(events, days)
def test_what_is_recorded_later_is_as_if_it_were_not_there(listed, day) -> None:
    as_of = START + timedelta(days=day)
    known = [e for e in listed if (e.recorded_at or e.occurred_at) <= as_of]

    assert_same(
        label_history(history_of(listed), as_of=as_of),
        label_history(history_of(known), as_of=as_of),
    )


@given(events, days)
def test_labels_never_contradict_themselves(listed, day) -> None:
    labels = label_history(history_of(listed), as_of=START + timedelta(days=day))

    assert not (labels.is_won & ~labels.is_usable).any()
    assert not (labels.is_open & labels.is_settled).any()
    assert not (labels.is_settled & ~labels.is_worked).any()
    assert (labels.delay_days[labels.is_won] >= 0).all()
    for found in labels.heads.values():
        assert np.isin(found.values[~np.isnan(found.values)], (0.0, 1.0)).all()
        assert ((found.weights > 0) == ~np.isnan(found.values)).all()
        assert (found.values[labels.is_won] == 1).all()
        assert np.isnan(found.values[~labels.is_worked]).all()
    for stage in labels.stages:
        assert not (stage.is_passed & ~stage.is_known).any()
        assert not (stage.is_known & ~stage.is_in).any()


@given(events)
def test_each_lead_counts_once_and_speaks_at_most_once(listed) -> None:
    labels = label_history(history_of(listed), as_of=None)

    counts = labels.counts()
    kinds = ("future", "excluded", "never_worked", "open", "ended_without_win", "won")
    codes = read_dispositions(labels.progress)

    assert sum(counts[kind] for kind in kinds) == N_LEADS
    assert codes.min() >= -1
    assert codes.max() < len(DISPOSITIONS)


@given(events)
def test_taking_leads_keeps_their_labels(listed) -> None:
    history = history_of(listed)
    as_of = START + timedelta(days=40)
    rows = np.array([2, 0])

    whole = label_history(history, as_of=as_of)
    part = label_history(replace(history.take(rows)), as_of=as_of)

    np.testing.assert_array_equal(whole.is_won[rows], part.is_won)
    np.testing.assert_array_equal(whole.progress.state[rows], part.progress.state)
