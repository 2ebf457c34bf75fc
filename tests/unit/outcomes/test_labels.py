"""Labels: the table of DESIGN section 4, as of a moment."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.outcomes.checks import Check
from leadqual.outcomes.events import OutcomeEvent, OutcomeType, Reason
from leadqual.outcomes.history import History, Recorded
from leadqual.outcomes.labels import DEFAULT_CHECK_ORDER, Labels, label_history
from leadqual.outcomes.progress import State

START = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN = None
Story = list[tuple[str, str | None, float]]
"""What happened to one lead: type, reason, days after its creation."""


def history_of(*stories: Story, has_times: bool = True, losses: bool = True) -> History:
    ids = [f"lead-{i}" for i in range(len(stories))]
    events = [
        OutcomeEvent(
            lead_id=lead_id,
            type=OutcomeType(kind),
            reason=None if reason is None else Reason(reason),
            occurred_at=START + timedelta(days=days) if has_times else None,
        )
        for lead_id, story in zip(ids, stories, strict=True)
        for kind, reason, days in story
    ]
    moments = np.full(len(ids), np.datetime64(START.replace(tzinfo=None), "us"))
    return History(
        source="test",
        lead_ids=ids,
        moments=moments,
        columns={},
        events=events,
        has_times=has_times,
        recorded=Recorded(losses=losses),
    )


def label(
    *stories: Story, at_day: float = 100, check_order: Sequence[Check] = DEFAULT_CHECK_ORDER
) -> Labels:
    as_of = START + timedelta(days=at_day)
    return label_history(history_of(*stories), as_of=as_of, check_order=check_order)


def answers(labels: Labels, row: int = 0) -> dict[str, float | None]:
    values = {check.value: found.values[row] for check, found in labels.heads.items()}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


CALL = ("contacted", None, 1.0)
HANDED = ("handed_off", None, 2.0)
ACCEPTED = ("accepted", None, 3.0)


@pytest.mark.parametrize(
    ("story", "fit", "authority", "budget"),
    [
        pytest.param([CALL, HANDED, ACCEPTED, ("won", None, 9)], 1, 1, 1, id="won"),
        pytest.param([CALL, HANDED, ACCEPTED], 1, 1, 1, id="accepted"),
        pytest.param([CALL, HANDED], 1, 1, 1, id="handed off"),
        pytest.param([CALL, ("disqualified", "bad_fit", 2)], 0, UNKNOWN, UNKNOWN, id="bad fit"),
        pytest.param([CALL, ("disqualified", "no_authority", 2)], 1, 0, UNKNOWN, id="no authority"),
        pytest.param([CALL, ("disqualified", "no_need", 2)], 1, 1, UNKNOWN, id="no need"),
        pytest.param([CALL, ("disqualified", "timing", 2)], 1, 1, UNKNOWN, id="timing"),
        pytest.param([CALL, ("disqualified", "competitor", 2)], 1, 1, UNKNOWN, id="competitor"),
        pytest.param([CALL, ("disqualified", "no_budget", 2)], 1, 1, 0, id="no budget"),
        pytest.param([CALL, HANDED, ("rejected", "no_budget", 3)], 1, 1, 0, id="AE: no budget"),
        pytest.param(
            [CALL, HANDED, ("rejected", "bad_fit", 3)], 0, UNKNOWN, UNKNOWN, id="AE: bad fit"
        ),
        pytest.param(
            [CALL, HANDED, ACCEPTED, ("lost", "no_budget", 9)], 1, 1, 0, id="lost: no budget"
        ),
        pytest.param(
            [CALL, HANDED, ACCEPTED, ("lost", None, 9)],
            1,
            1,
            1,
            id="accepted, then lost for nothing",
        ),
        pytest.param([CALL, ("disqualified", None, 2)], UNKNOWN, UNKNOWN, UNKNOWN, id="no reason"),
        pytest.param(
            [CALL, ("disqualified", "other", 2)], UNKNOWN, UNKNOWN, UNKNOWN, id="other reason"
        ),
        pytest.param([("no_response", None, 2)], UNKNOWN, UNKNOWN, UNKNOWN, id="no response"),
        pytest.param([CALL], UNKNOWN, UNKNOWN, UNKNOWN, id="being worked"),
        pytest.param([], UNKNOWN, UNKNOWN, UNKNOWN, id="never worked"),
    ],
)
def test_each_ending_says_what_the_table_says(
    story: Story, fit: float | None, authority: float | None, budget: float | None
) -> None:
    found = answers(label(story))

    assert (found["fit"], found["authority"], found["budget"]) == (fit, authority, budget)


def test_what_nobody_confirmed_weighs_less() -> None:
    labels = label([CALL, HANDED], [CALL, HANDED, ACCEPTED], [CALL, ("won", None, 9)])

    budget = labels.heads[Check.BUDGET].weights

    assert budget[0] < budget[1] < budget[2] == 1.0


def test_the_teams_order_of_checks_decides_what_was_passed() -> None:
    story = [CALL, ("disqualified", "no_budget", 2)]

    usual = answers(label(story))
    money_first = answers(
        label(story, check_order=(Check.BUDGET, Check.FIT, Check.AUTHORITY, Check.NEED))
    )

    assert (usual["fit"], usual["budget"]) == (1, 0)
    assert (money_first["fit"], money_first["budget"]) == (None, 0)


def test_a_check_order_must_name_every_check_once() -> None:
    with pytest.raises(ValueError, match="fit, authority, need, budget"):
        label([CALL], check_order=(Check.FIT, Check.FIT, Check.NEED, Check.BUDGET))


@pytest.mark.parametrize("kind", ["spam", "bad_data", "duplicate", "do_not_contact"])
def test_unusable_leads_leave_training_even_when_won(kind: str) -> None:
    labels = label([CALL, ("won", None, 5), (kind, None, 6)])

    assert labels.is_excluded[0]
    assert not labels.is_usable[0]
    assert not labels.is_won[0]
    assert answers(labels)["fit"] is None


def test_a_lead_that_nobody_worked_is_not_a_failure() -> None:
    labels = label([], [CALL])

    assert not labels.is_worked[0]
    assert not labels.is_settled[0]
    assert labels.counts()["never_worked"] == 1
    assert labels.counts()["ended_without_win"] == 0


def test_a_history_of_wins_alone_does_not_say_who_was_worked() -> None:
    labels = label([("won", None, 5)], [])

    assert labels.is_worked.all()
    assert labels.is_open.tolist() == [False, True]


def test_events_recorded_after_the_moment_do_not_exist() -> None:
    before = label([CALL, ("won", None, 50)], at_day=49)
    after = label([CALL, ("won", None, 50)], at_day=50)

    assert not before.is_won[0]
    assert before.is_open[0]
    assert after.is_won[0]


def test_when_it_was_recorded_counts_before_when_it_happened() -> None:
    history = history_of([])
    late_entry = OutcomeEvent(
        lead_id="lead-0",
        type=OutcomeType.WON,
        occurred_at=START + timedelta(days=10),
        recorded_at=START + timedelta(days=60),
    )
    history.events.append(late_entry)  # type: ignore[attr-defined]

    known_early = label_history(history, as_of=START + timedelta(days=30))
    known_late = label_history(history, as_of=START + timedelta(days=90))

    assert not known_early.is_won[0]
    assert known_late.is_won[0]
    assert known_late.delay_days[0] == pytest.approx(10)


def test_leads_from_after_the_moment_are_not_there_yet() -> None:
    labels = label([CALL, ("won", None, 5)], at_day=-1)

    assert labels.is_future[0]
    assert not labels.is_usable[0]


def test_events_before_their_lead_are_moved_to_it_and_counted() -> None:
    labels = label([CALL, ("won", None, -2)])

    assert labels.is_won[0]
    assert labels.delay_days[0] == 0
    assert labels.n_clamped == 1


def test_events_of_unknown_leads_are_counted_and_ignored() -> None:
    history = history_of([CALL])
    history.events.append(  # type: ignore[attr-defined]
        OutcomeEvent(lead_id="nobody", type=OutcomeType.WON, occurred_at=START)
    )

    labels = label_history(history, as_of=None)

    assert labels.n_unknown_lead == 1
    assert not labels.is_won.any()


def test_a_win_stays_a_win_whatever_comes_before_or_after() -> None:
    labels = label(
        [CALL, ("disqualified", "no_budget", 2), ("won", None, 30)],
        [CALL, ("won", None, 30), ("lost", None, 40)],
    )

    assert labels.is_won.all()
    assert answers(labels, 0)["budget"] == 1


def test_a_rejected_lead_handed_off_again_waits_for_a_new_answer() -> None:
    labels = label([CALL, HANDED, ("rejected", "no_authority", 3), ("handed_off", None, 20)])

    assert labels.progress.state[0] == State.QUALIFIED
    assert answers(labels)["authority"] == 1
    assert labels.is_open[0]


def test_silence_after_a_talk_ends_a_lead_and_a_talk_after_silence_opens_it() -> None:
    labels = label(
        [CALL, ("no_response", None, 5)], [("no_response", None, 1), ("contacted", None, 5)]
    )

    assert labels.progress.state.tolist() == [State.UNREACHED, State.WORKING]
    assert labels.progress.was_reached.all()


def test_the_funnel_counts_each_step_on_those_who_came_to_it() -> None:
    labels = label(
        [],
        [("no_response", None, 2)],
        [CALL, ("disqualified", "no_need", 2)],
        [CALL, HANDED, ("rejected", None, 3)],
        [CALL, HANDED, ACCEPTED],
        [CALL, HANDED, ACCEPTED, ("won", None, 9)],
    )

    steps = {
        stage.name: (int(stage.is_in.sum()), int(stage.is_known.sum()), int(stage.is_passed.sum()))
        for stage in labels.stages
    }

    assert steps == {
        "reached": (5, 5, 4),
        "qualified": (4, 4, 3),
        "accepted": (3, 3, 2),
        "won": (2, 1, 1),
    }


def test_without_times_every_event_counts_and_the_furthest_one_decides() -> None:
    history = history_of([ACCEPTED, CALL, HANDED], [("won", None, 0)], has_times=False)

    labels = label_history(history, as_of=START - timedelta(days=900))

    assert labels.progress.state.tolist() == [State.OPPORTUNITY, State.WON]
    assert np.isnan(labels.age_days).all()
    assert np.isnan(labels.delay_days).all()


def test_the_largest_amount_of_a_repeated_win_is_kept() -> None:
    history = history_of([])
    for amount in (None, 0.0, 900.0):
        history.events.append(  # type: ignore[attr-defined]
            OutcomeEvent(
                lead_id="lead-0", type=OutcomeType.WON, occurred_at=START, amount_usd=amount
            )
        )

    labels = label_history(history, as_of=None)

    assert labels.amount_usd[0] == 900.0


def test_an_empty_history_has_no_labels() -> None:
    labels = label_history(history_of(), as_of=None)

    assert labels.n_leads == 0
    assert labels.counts()["won"] == 0


def by(actor: str, kind: str, day: float) -> OutcomeEvent:
    return OutcomeEvent(
        lead_id="lead-0",
        type=OutcomeType(kind),
        actor=actor,
        occurred_at=START + timedelta(days=day),
    )


@pytest.mark.parametrize(
    ("events", "decided_by"),
    [
        ([by("ann", "contacted", 1), by("bob", "disqualified", 2)], "bob"),
        ([by("eve", "rejected", 3), by("bob", "handed_off", 2)], "bob"),
        ([by("ann", "lost", 4), by("bob", "disqualified", 2)], "bob"),
        ([by("ann", "contacted", 1), by("eve", "won", 9)], None),
        ([by("", "disqualified", 2)], None),
        ([by("bob", "disqualified", 200)], None),
    ],
)
def test_the_rep_is_who_first_decided_as_far_as_known(
    events: list[OutcomeEvent], decided_by: str | None
) -> None:
    everyone = [by(name, "contacted", 0) for name in ("ann", "bob", "eve")]
    base = history_of([CALL])
    history = replace(base, events=[*everyone, *events])

    rep = label_history(history, as_of=START + timedelta(days=100)).rep

    wanted = -1 if decided_by is None else ["ann", "bob", "eve"].index(decided_by)
    assert rep.tolist() == [wanted]
