"""What outcomes do to an item."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from leadqual.errors import ConflictError, StaleTokenError
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.queue.items import LEASE, PUT_OFF, QueueItem
from leadqual.queue.states import FINAL_STATES, TRANSITIONS, ItemState, allowed_outcomes
from leadqual.queue.transitions import UNNAMED, Extras, advance, check_token
from leadqual.routing.decision import Queue

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPEN = QueueItem(
    item_id=1,
    lead_id="L1",
    queue=Queue.MRR,
    state=ItemState.OPEN,
    rank=0.5,
    order_key=1.0,
    due_at=NOW + timedelta(hours=1),
    created_at=NOW,
    token=3,
)
CLAIMED = replace(
    OPEN, state=ItemState.CLAIMED, claimed_by="ann", lease_until=NOW + timedelta(minutes=5)
)


def event(kind: OutcomeType, actor: str | None = "ann") -> OutcomeEvent:
    return OutcomeEvent(lead_id="L1", type=kind, actor=actor, recorded_at=NOW)


def test_working_a_claimed_lead_extends_the_lease_and_keeps_the_token() -> None:
    after = advance(CLAIMED, event(OutcomeType.CONTACTED), now=NOW)

    assert after == replace(CLAIMED, lease_until=NOW + LEASE)


def test_working_an_open_lead_claims_it() -> None:
    after = advance(OPEN, event(OutcomeType.CONTACTED, actor=None), now=NOW)

    assert (after.state, after.claimed_by, after.token) == (ItemState.CLAIMED, UNNAMED, 4)


@pytest.mark.parametrize(
    ("extras", "until"),
    [(Extras(), NOW + PUT_OFF), (Extras(until=NOW + LEASE), NOW + LEASE)],
)
def test_a_lead_to_contact_later_comes_back_and_stays_the_reps(
    extras: Extras, until: datetime
) -> None:
    after = advance(CLAIMED, event(OutcomeType.CONTACT_LATER), now=NOW, extras=extras)

    assert (after.snoozed_until, after.owner_rep, after.claimed_by) == (until, "ann", None)


def test_a_hand_off_credits_the_rep_and_a_rejection_brings_the_lead_back() -> None:
    handed = advance(
        CLAIMED, event(OutcomeType.HANDED_OFF), now=NOW, extras=Extras(handed_to="eva")
    )
    back = advance(handed, event(OutcomeType.REJECTED, actor="eva"), now=NOW)

    assert (handed.handed_to, handed.handed_at, handed.owner_rep) == ("eva", NOW, "ann")
    assert (back.state, back.handed_to, back.handed_at) == (ItemState.OPEN, None, None)
    assert back.owner_rep == "ann"


def test_a_lead_that_no_ae_was_named_for_goes_to_who_accepts_it() -> None:
    handed = advance(CLAIMED, event(OutcomeType.HANDED_OFF), now=NOW)

    accepted = advance(handed, event(OutcomeType.ACCEPTED, actor="eva"), now=NOW)

    assert (handed.handed_to, accepted.handed_to) == (None, "eva")


@pytest.mark.parametrize("state", ItemState)
@pytest.mark.parametrize("kind", OutcomeType)
def test_an_item_is_finished_exactly_in_a_final_state(state: ItemState, kind: OutcomeType) -> None:
    before = replace(OPEN, state=state, finished_at=NOW if state in FINAL_STATES else None)
    if kind not in TRANSITIONS[state]:
        with pytest.raises(ConflictError) as refusal:
            advance(before, event(kind), now=NOW)
        assert refusal.value.allowed == allowed_outcomes(state)
        return

    after = advance(before, event(kind), now=NOW)

    assert (after.finished_at is not None) == after.is_final
    assert (after.lease_until is not None) == (after.state is ItemState.CLAIMED)
    assert (after.snoozed_until is not None) == (after.state is ItemState.SNOOZED)


def test_an_older_token_comes_too_late() -> None:
    with pytest.raises(StaleTokenError):
        check_token(CLAIMED, event(OutcomeType.CONTACTED), token=2)


def test_without_a_token_only_the_holder_may_act_while_a_lead_is_claimed() -> None:
    check_token(CLAIMED, event(OutcomeType.CONTACTED), token=None)
    check_token(OPEN, event(OutcomeType.CONTACTED, actor="bob"), token=None)
    with pytest.raises(ConflictError, match="token"):
        check_token(CLAIMED, event(OutcomeType.CONTACTED, actor="bob"), token=None)


def test_leases_and_snoozes_end_at_their_time() -> None:
    end = NOW + timedelta(minutes=5)
    snoozed = replace(OPEN, state=ItemState.SNOOZED, snoozed_until=end)

    assert CLAIMED.as_of(end - timedelta(microseconds=1)) == CLAIMED
    assert CLAIMED.as_of(end) == OPEN
    assert snoozed.as_of(end) == OPEN


def test_a_lead_is_overdue_until_it_is_handed_over() -> None:
    late = NOW + timedelta(hours=2)

    assert not OPEN.is_overdue(NOW)
    assert OPEN.is_overdue(late)
    assert not replace(OPEN, handed_at=NOW).is_overdue(late)
