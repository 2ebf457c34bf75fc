from datetime import timedelta

import pytest

from leadqual.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    StaleTokenError,
)
from leadqual.outcomes.events import OutcomeType
from leadqual.qualify.score import Answer
from leadqual.queue.handoff import RepAnswers, Topic
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Queue
from leadqual.services.calls import Call, Role, Scope
from leadqual.services.intake import MAX_BATCH
from leadqual.services.outcomes import Outcome, RowStatus
from leadqual.services.serving import Serving
from leadqual.testing import FrozenClock, make_call, take_in


@pytest.fixture
def rep(serving: Serving) -> Call:
    return make_call(serving, Role.MRR, name="mira")


@pytest.fixture
def ae(serving: Serving) -> Call:
    serving.people.add_user("anna", "a long enough password", role=Role.AE, call=make_call(serving))
    return make_call(serving, Role.AE, name="anna")


@pytest.fixture
def lead_id(serving: Serving) -> str:
    return take_in(serving, 49).lead_id


def hand_off(serving: Serving, lead_id: str, rep: Call, *, to: str | None = None) -> None:
    row = serving.working.claim(lead_id, call=rep).value
    serving.outcomes.record(
        lead_id,
        Outcome(
            type="handed_off",
            token=row.token,
            note="wants a demo",
            handed_to=to,
            answers=RepAnswers(budget=Answer.YES, texts={Topic.BUDGET: "20k approved"}),
        ),
        call=rep,
    )


def test_a_lead_goes_from_claim_to_won_and_its_history_tells_it(
    serving: Serving, lead_id: str, rep: Call, ae: Call
) -> None:
    hand_off(serving, lead_id, rep, to="anna")
    (handed,) = serving.queues.handoffs(call=ae)

    accepted = serving.outcomes.record(lead_id, Outcome(type="accepted"), call=ae).value
    won = serving.outcomes.record(lead_id, Outcome(type="won", amount_usd=18_000), call=ae).value

    budget = next(answer for answer in handed.brief.answers if answer.topic is Topic.BUDGET)
    assert (handed.row.state, handed.row.owner_rep) == (ItemState.HANDED_OFF, "mira")
    assert (budget.answer, budget.said_by, budget.text) == (Answer.YES, "rep", "20k approved")
    assert (accepted.state, won.state) == (ItemState.OPPORTUNITY, ItemState.WON)
    history = serving.leads.history(lead_id, call=make_call(serving))
    assert [event.type for event in history.events] == [
        OutcomeType.HANDED_OFF,
        OutcomeType.ACCEPTED,
        OutcomeType.WON,
    ]
    assert [event.actor for event in history.events] == ["mira", "anna", "anna"]
    assert [row.row.lead_id for row in serving.queues.handoffs(call=ae, is_finished=True)] == [
        lead_id
    ]


def test_a_rejected_hand_off_is_back_with_the_reps_with_its_history(
    serving: Serving, lead_id: str, rep: Call, ae: Call
) -> None:
    hand_off(serving, lead_id, rep, to="anna")
    with pytest.raises(InputError, match="reason"):
        serving.outcomes.record(lead_id, Outcome(type="rejected"), call=ae)

    serving.outcomes.record(
        lead_id, Outcome(type="rejected", reason="no_authority", note="talk to the CFO"), call=ae
    )
    hand_off(serving, lead_id, rep, to="anna")

    brief = serving.queues.handoff(lead_id, call=ae).brief
    assert brief.n_rejections == 1
    assert "talk to the CFO" in brief.notes


def test_a_hand_off_to_one_ae_does_not_exist_for_another(
    serving: Serving, lead_id: str, rep: Call, ae: Call
) -> None:
    hand_off(serving, lead_id, rep, to="anna")
    other = make_call(serving, Role.AE, name="bert")

    assert serving.queues.handoffs(call=other) == ()
    with pytest.raises(NotFoundError):
        serving.queues.handoff(lead_id, call=other)
    with pytest.raises(NotFoundError):
        serving.outcomes.record(lead_id, Outcome(type="accepted"), call=other)


def test_a_hand_off_to_nobody_in_particular_is_taken_by_the_ae_who_accepts(
    serving: Serving, lead_id: str, rep: Call, ae: Call
) -> None:
    hand_off(serving, lead_id, rep)

    serving.outcomes.record(lead_id, Outcome(type="accepted"), call=ae)

    assert serving.queues.handoff(lead_id, call=ae).row.handed_to == "anna"
    assert serving.queues.handoffs(call=make_call(serving, Role.AE, name="bert")) == ()


def test_an_ae_who_does_not_exist_gets_no_hand_off(
    serving: Serving, lead_id: str, rep: Call
) -> None:
    with pytest.raises(InputError, match="AE"):
        hand_off(serving, lead_id, rep, to="nobody")

    assert serving.leads.history(lead_id, call=rep).events == ()


def test_what_the_state_forbids_is_refused_with_what_it_allows_and_leaves_no_event(
    serving: Serving, lead_id: str
) -> None:
    with pytest.raises(ConflictError) as refused:
        serving.outcomes.record(lead_id, Outcome(type="accepted"), call=make_call(serving))

    assert "handed_off" in refused.value.allowed
    assert serving.leads.history(lead_id, call=make_call(serving)).events == ()


@pytest.mark.parametrize(
    ("role", "outcome"),
    [(Role.MRR, "accepted"), (Role.MRR, "won"), (Role.AE, "disqualified"), (Role.AE, "handed_off")],
)
def test_a_role_does_not_report_what_is_anothers(
    serving: Serving, lead_id: str, role: Role, outcome: str
) -> None:
    with pytest.raises(PermissionDeniedError):
        serving.outcomes.record(lead_id, Outcome(type=outcome), call=make_call(serving, role))


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(type="contacted", reason="no_budget"),
        Outcome(type="handed_off", amount_usd=5.0),
        Outcome(type="won", until="2027-01-01T00:00:00Z"),
        Outcome(type="contact_later", until="2020-01-01T00:00:00Z"),
        Outcome(type="contacted", handed_to="anna"),
        Outcome(type="contacted", occurred_at="2027-01-01T00:00:00Z"),
        Outcome(type="contacted", occurred_at="0001-01-01T00:00:00Z"),
    ],
    ids=lambda outcome: outcome.type.value,
)
def test_a_field_out_of_place_is_refused(serving: Serving, lead_id: str, outcome: Outcome) -> None:
    with pytest.raises(InputError):
        serving.outcomes.record(lead_id, outcome, call=make_call(serving))


def test_a_token_of_an_earlier_stay_does_not_act_on_a_later_one(
    serving: Serving, lead_id: str, rep: Call
) -> None:
    old = serving.working.claim(lead_id, call=rep).value.token
    serving.outcomes.record(lead_id, Outcome(type="lost", token=old), call=make_call(serving))
    take_in(serving, 49)
    otto = make_call(serving, Role.MRR, name="otto")
    serving.working.claim(lead_id, call=otto)

    with pytest.raises(StaleTokenError):
        serving.outcomes.record(lead_id, Outcome(type="disqualified", token=old), call=rep)
    with pytest.raises(StaleTokenError):
        serving.working.release(lead_id, token=old or 0, call=rep)

    assert serving.queues.row(lead_id, call=otto).claimed_by == "otto"


def test_an_ae_can_add_a_late_win_after_the_lead_came_again(
    serving: Serving, lead_id: str, rep: Call, ae: Call
) -> None:
    hand_off(serving, lead_id, rep, to="anna")
    serving.outcomes.record(lead_id, Outcome(type="lost"), call=ae)
    take_in(serving, 49)
    with pytest.raises(ConflictError):
        serving.outcomes.record(lead_id, Outcome(type="lost"), call=ae)

    won = serving.outcomes.record(lead_id, Outcome(type="won", amount_usd=5.0), call=ae).value

    assert won.state is ItemState.WON
    with serving.store.read() as tx:
        assert tx.queue.verify(serving.clock()) == ()
    assert serving.queues.page(Queue.MRR, call=rep).rows == ()


def test_an_account_manager_closes_without_handing_over(
    serving: Serving, clock: FrozenClock
) -> None:
    customer = take_in(serving, 49, company={"name": "Old Friend", "is_customer": True})
    call = make_call(serving, Role.AM)
    row = serving.working.claim_next(Queue.ACCOUNT_MANAGER, call=call).value

    assert row is not None
    won = serving.outcomes.record(
        customer.lead_id, Outcome(type="won", amount_usd=1.0, token=row.token), call=call
    )

    assert won.value.state is ItemState.WON


def test_contact_later_hides_the_lead_until_then(
    serving: Serving, lead_id: str, rep: Call, clock: FrozenClock
) -> None:
    until = clock() + timedelta(days=3)
    serving.outcomes.record(lead_id, Outcome(type="contact_later", until=until), call=rep)

    row = serving.queues.row(lead_id, call=rep)

    assert (row.state, row.snoozed_until) == (ItemState.SNOOZED, until)


def test_a_batch_names_leads_by_either_id_and_says_what_became_of_each(serving: Serving) -> None:
    by_id = take_in(serving, 49).lead_id
    take_in(serving, 48, external_id="crm-48")
    rows = serving.outcomes.record_many(
        [
            {"type": "contacted", "lead_id": by_id},
            {"type": "won", "external_id": "crm-48", "amount_usd": 700},
            {"type": "won", "external_id": "crm-unknown"},
            {"type": "accepted", "lead_id": by_id},
            {"type": "married", "lead_id": by_id},
            {"type": "contacted"},
            "no object",
        ],
        call=make_call(serving),
    )

    assert [row.status for row in rows] == [
        RowStatus.RECORDED,
        RowStatus.RECORDED,
        RowStatus.NOT_FOUND,
        RowStatus.CONFLICT,
        RowStatus.REJECTED,
        RowStatus.REJECTED,
        RowStatus.REJECTED,
    ]
    assert "handed_off" in rows[3].allowed
    assert rows[4].reasons[0].field == "type"


def test_a_repeated_batch_records_nothing_twice(serving: Serving, lead_id: str) -> None:
    payloads = [{"type": "contacted", "lead_id": lead_id}] * 60
    call = make_call(serving, once="batch:body")
    serving.outcomes.record_many(payloads, call=call)

    again = serving.outcomes.record_many(payloads, call=call)

    assert {row.status for row in again} == {RowStatus.REPLAYED}
    assert len(serving.leads.history(lead_id, call=call).events) == 60


def test_a_batch_above_the_limit_is_refused_whole(serving: Serving) -> None:
    with pytest.raises(InputError, match="1001"):
        serving.outcomes.record_many([{}] * (MAX_BATCH + 1), call=make_call(serving))


def test_a_crm_that_only_writes_outcomes_may_report_them(serving: Serving, lead_id: str) -> None:
    key = serving.keys.create_secret("crm", [Scope.OUTCOMES_WRITE], call=make_call(serving))
    principal = serving.keys.verify(key.secret, now=serving.clock())

    recorded = serving.outcomes.record(
        lead_id, Outcome(type="contacted"), call=Call(principal, serving.clock())
    )

    assert recorded.value.actor == principal.name
