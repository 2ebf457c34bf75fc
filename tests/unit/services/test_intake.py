import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from leadqual.errors import (
    IdempotencyError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
)
from leadqual.leads.schema import Rejected
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.routing.decision import Queue
from leadqual.routing.standard import default_standard_text
from leadqual.services.calls import Role
from leadqual.services.intake import (
    MAX_BATCH,
    SLICE,
    SUPPRESSED,
    IntakeResult,
    IntakeStatus,
)
from leadqual.services.outcomes import Outcome
from leadqual.services.previewing import Preview
from leadqual.services.serving import Serving
from leadqual.testing import FrozenClock, make_call, make_payload, make_raw_lead, take_in


def n_leads(serving: Serving) -> int:
    with serving.store.read() as tx:
        return tx.leads.count()


def test_an_accepted_lead_is_on_disk_with_score_queue_item_and_outbox_message(
    serving: Serving,
) -> None:
    result = take_in(serving, 49)

    with serving.store.read() as tx:
        record, scored = tx.leads.get(result.lead_id), tx.scores.latest(result.lead_id)
        item = tx.queue.get(result.lead_id)
        messages = tx.outbox.due(now=serving.clock(), limit=10)
    assert result.status is IntakeStatus.CREATED
    assert record.lead.contact.email == "person49@company49.example"
    assert scored is not None
    assert (scored.score, scored.decision) == (result.score, result.decision)
    assert item is not None
    assert item.queue is result.decision.queue
    assert [(message.kind, message.lead_id) for message in messages] == [
        ("lead.created", result.lead_id)
    ]


def test_outbox_messages_and_snapshots_hold_nothing_personal(serving: Serving) -> None:
    take_in(serving, 49)

    with serving.store.read() as tx:
        told = str(tx.outbox.due(now=serving.clock(), limit=10))
        trained_on = str([row.snapshot for rows in tx.scores.iter_training_rows() for row in rows])
    assert "person49@" not in told + trained_on
    assert "Number49" not in told + trained_on


def test_inbound_goes_to_mrr_and_outbound_to_sdr(serving: Serving) -> None:
    inbound = take_in(serving, 49)
    outbound = take_in(serving, 48, source="bought_list")

    assert inbound.decision.queue is Queue.MRR
    assert outbound.decision.queue is Queue.SDR


def test_a_lead_nobody_can_reach_is_rejected_and_nothing_is_stored(serving: Serving) -> None:
    raw = make_raw_lead(contact={}, company={})

    result = serving.intake.accept(raw, call=make_call(serving)).result(10)

    assert isinstance(result, Rejected)
    assert n_leads(serving) == 0


def test_the_same_person_within_30_days_is_a_touch_that_keeps_what_was_known(
    serving: Serving, clock: FrozenClock
) -> None:
    first = take_in(serving, 49)
    clock.advance(timedelta(days=29))

    second = take_in(serving, contact={"email": "PERSON49@company49.example"}, company={})

    assert (second.lead_id, second.created) == (first.lead_id, False)
    assert second.status is IntakeStatus.TOUCHED
    with serving.store.read() as tx:
        record = tx.leads.get(first.lead_id)
        reasons = [scored.reason for scored in tx.scores.of(first.lead_id)]
    assert record.n_touches == 2
    assert record.lead.company.name == "Company 49"
    assert reasons == ["created", "touched"]


def test_the_same_person_after_30_days_is_a_new_lead(serving: Serving, clock: FrozenClock) -> None:
    first = take_in(serving)
    clock.advance(timedelta(days=31))

    second = take_in(serving)

    assert second.created
    assert second.lead_id != first.lead_id


def test_the_same_record_of_a_feed_is_always_the_same_lead(
    serving: Serving, clock: FrozenClock
) -> None:
    first = take_in(serving, 1, external_id="crm-1")
    clock.advance(timedelta(days=400))

    again = take_in(serving, 1, external_id="crm-1", contact={"email": "new@address.example"})

    assert (again.lead_id, again.created) == (first.lead_id, False)


def test_a_touch_does_not_take_a_lead_from_the_rep_who_holds_it(serving: Serving) -> None:
    first = take_in(serving, 49)
    rep = make_call(serving, Role.MRR)
    held = serving.working.claim(first.lead_id, call=rep).value

    take_in(serving, 49, source="newsletter")

    row = serving.queues.row(first.lead_id, call=rep)
    assert (row.claimed_by, row.token) == (rep.principal.name, held.token)


def test_spam_and_tests_are_kept_in_quarantine(serving: Serving) -> None:
    result = take_in(serving, contact={"email": "test@company1.example", "full_name": "Test"})

    assert result.decision.queue is Queue.QUARANTINE


def test_who_asked_not_to_be_contacted_is_not_shown_to_a_rep_again(
    serving: Serving, clock: FrozenClock
) -> None:
    first = take_in(serving, 49)
    with serving.store.transaction() as tx:
        tx.events.append(
            OutcomeEvent(
                lead_id=first.lead_id, type=OutcomeType.DO_NOT_CONTACT, recorded_at=clock()
            )
        )
    clock.advance(timedelta(days=90))

    again = take_in(serving, 49)

    assert again.created
    assert again.decision.queue is Queue.QUARANTINE


def test_who_bought_before_goes_to_the_account_manager(
    serving: Serving, clock: FrozenClock
) -> None:
    first = take_in(serving, 49)
    serving.outcomes.record(
        first.lead_id, Outcome(type="won", amount_usd=9_000), call=make_call(serving)
    )
    clock.advance(timedelta(days=60))

    again = take_in(serving, 49)

    assert again.decision.queue is Queue.ACCOUNT_MANAGER


def test_an_erased_person_is_not_added_again(serving: Serving) -> None:
    first = take_in(serving)
    serving.leads.erase(first.lead_id, call=make_call(serving))

    again = serving.intake.accept(make_raw_lead(), call=make_call(serving)).result(10)
    by_batch = serving.intake.accept_many([make_payload()], call=make_call(serving))

    assert again == SUPPRESSED
    assert by_batch[0].status is IntakeStatus.REJECTED
    assert n_leads(serving) == 1


def test_the_same_key_and_body_repeats_the_answer_and_another_body_is_refused(
    serving: Serving,
) -> None:
    first = take_in(serving, 49, call=make_call(serving, once="key:one"))

    again = take_in(serving, 49, call=make_call(serving, once="key:one"))

    assert again.status is IntakeStatus.REPLAYED
    assert (again.lead_id, again.created, again.score, again.decision) == (
        first.lead_id,
        True,
        first.score,
        first.decision,
    )
    with pytest.raises(IdempotencyError):
        take_in(serving, 2, call=make_call(serving, once="key:two"))
    assert n_leads(serving) == 1


def test_a_key_is_free_again_after_seven_days(serving: Serving, clock: FrozenClock) -> None:
    take_in(serving, 1, call=make_call(serving, once="key:one"))
    clock.advance(timedelta(days=7, seconds=1))

    result = take_in(serving, 2, call=make_call(serving, once="key:two"))

    assert result.created


def test_an_error_keeps_nothing_under_the_key(serving: Serving) -> None:
    call = make_call(serving, once="key:one")
    with pytest.raises(NotFoundError):
        serving.outcomes.record("no-such-lead", Outcome(type="contacted"), call=call)

    lead_id = take_in(serving, 49).lead_id

    assert not serving.outcomes.record(lead_id, Outcome(type="contacted"), call=call).replayed


def test_twenty_threads_with_one_key_create_one_lead(serving: Serving) -> None:
    start = threading.Barrier(20)

    def post(_: int) -> IntakeResult:
        start.wait()
        return take_in(serving, 49, call=make_call(serving, once="key:one"))

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(post, range(20)))

    assert len({result.lead_id for result in results}) == 1
    assert [result.status for result in results].count(IntakeStatus.CREATED) == 1
    assert len({result.score.model_dump_json() for result in results}) == 1
    assert n_leads(serving) == 1


def test_a_batch_says_for_each_row_what_became_of_it(serving: Serving) -> None:
    payloads = [
        make_payload(1),
        {"source": "webinar"},
        "no object",
        make_payload(2, contact={"email": "not an address"}),
        make_payload(1),
    ]

    rows = serving.intake.accept_many(payloads, call=make_call(serving))

    assert [row.status.value for row in rows] == [
        "created",
        "rejected",
        "rejected",
        "rejected",
        "touched",
    ]
    assert [row.index for row in rows] == [0, 1, 2, 3, 4]
    assert rows[3].reasons[0].field == "contact.email"
    assert n_leads(serving) == 1


def test_a_batch_that_broke_off_goes_on_where_it_stopped(serving: Serving) -> None:
    payloads = [make_payload(number) for number in range(SLICE * 2 + 1)]
    call = make_call(serving, once="batch:body")
    begun = serving.intake.accept_many(payloads[:SLICE], call=call)

    whole = serving.intake.accept_many(payloads, call=call)

    assert [row.status for row in whole[:SLICE]] == [IntakeStatus.REPLAYED] * SLICE
    assert {row.status for row in whole[SLICE:]} == {IntakeStatus.CREATED}
    assert [row.result and row.result.lead_id for row in whole[:SLICE]] == [
        row.result and row.result.lead_id for row in begun
    ]
    assert n_leads(serving) == len(payloads)


def test_a_batch_above_the_limit_is_refused_whole(serving: Serving) -> None:
    with pytest.raises(InputError, match="1001"):
        serving.intake.accept_many([make_payload()] * (MAX_BATCH + 1), call=make_call(serving))

    assert n_leads(serving) == 0


def test_a_preview_stores_nothing_and_says_what_intake_would_say(serving: Serving) -> None:
    preview = serving.previews.preview(make_raw_lead(49), call=make_call(serving))

    assert n_leads(serving) == 0
    stored = take_in(serving, 49)
    assert not isinstance(preview, Rejected)
    assert preview.score == stored.score
    assert preview.decision == stored.decision


def test_a_queue_takes_no_more_than_its_capacity_a_day(
    serving: Serving, clock: FrozenClock
) -> None:
    text = default_standard_text().replace("mode: thresholds", "mode: fill_capacity")
    text = text.replace(
        "mrr: {capacity_per_day: 60, expected_per_day: 120",
        "mrr: {capacity_per_day: 3, expected_per_day: 3",
    )
    text = text.replace("always_queue_percentile: 97", "always_queue_percentile: 100")
    call = make_call(serving)
    version = serving.standards.propose(text, call=call).value.version
    serving.standards.activate(version, call=call)
    serving.scorer.refresh(clock())

    queues = [take_in(serving, number).decision.queue for number in range(40, 45)]
    refused = serving.previews.preview(make_raw_lead(46), call=call)
    clock.advance(timedelta(days=3))
    monday = take_in(serving, 46).decision.queue

    assert queues.count(Queue.MRR) == 3
    assert isinstance(refused, Preview)
    assert refused.decision.queue is Queue.NURTURE
    assert monday is Queue.MRR


def test_a_rep_may_not_add_leads(serving: Serving) -> None:
    with pytest.raises(PermissionDeniedError):
        serving.intake.accept(make_raw_lead(), call=make_call(serving, Role.MRR))


def test_without_a_model_leads_are_accepted_and_say_that_rules_scored_them(
    rules_serving: Serving,
) -> None:
    result = take_in(rules_serving)

    assert result.score.scored_by == "rules"
    assert result.created
