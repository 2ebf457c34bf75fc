from datetime import timedelta

import pytest

from leadqual.errors import InputError, NotFoundError, PermissionDeniedError
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Queue
from leadqual.services.calls import Role
from leadqual.services.outcomes import Outcome
from leadqual.services.queues import QueueRow
from leadqual.services.serving import Serving
from leadqual.testing import FrozenClock, make_call, make_payload, take_in


def fill(serving: Serving, n_leads: int) -> None:
    payloads = [make_payload(number) for number in range(n_leads)]
    serving.intake.accept_many(payloads, call=make_call(serving))


def test_a_queue_lists_the_best_lead_first_page_by_page_and_none_twice(serving: Serving) -> None:
    fill(serving, 60)
    call = make_call(serving, Role.MRR)
    whole = serving.queues.page(Queue.MRR, call=call, limit=200)

    rows: list[QueueRow] = []
    cursor = None
    while True:
        page = serving.queues.page(Queue.MRR, call=call, limit=7, cursor=cursor)
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break

    assert [row.lead_id for row in rows] == [row.lead_id for row in whole.rows]
    assert len({row.lead_id for row in rows}) == len(rows) > 20
    values = [row.score.expected_value_usd for row in rows]
    assert values == sorted(values, reverse=True)


def test_a_row_says_who_it_is_why_it_stands_there_and_what_to_ask(serving: Serving) -> None:
    lead_id = take_in(serving, 49).lead_id

    row = serving.queues.row(lead_id, call=make_call(serving, Role.MRR))

    assert (row.name, row.company, row.job_title, row.country) == (
        "Person Number49",
        "Company 49",
        "Head of Operations",
        "DE",
    )
    assert row.score.reasons
    assert row.decision.why
    assert row.ask is not None
    assert row.ask.endswith("?")
    assert "handed_off" in row.allowed
    assert "accepted" not in row.allowed


def test_a_row_is_overdue_once_its_due_time_has_passed(
    serving: Serving, clock: FrozenClock
) -> None:
    lead_id = take_in(serving, 49).lead_id
    before = serving.queues.row(lead_id, call=make_call(serving, Role.MRR)).is_overdue

    clock.advance(timedelta(days=3))

    assert not before
    assert serving.queues.row(lead_id, call=make_call(serving, Role.MRR)).is_overdue


def test_a_claimed_lead_stays_listed_and_shows_its_token_to_its_holder_only(
    serving: Serving,
) -> None:
    lead_id = take_in(serving, 49).lead_id
    holder = make_call(serving, Role.MRR, name="mira")
    token = serving.working.claim(lead_id, call=holder).value.token

    (seen,) = serving.queues.page(Queue.MRR, call=make_call(serving, Role.MRR, name="otto")).rows

    assert (seen.state, seen.claimed_by, seen.token) == (ItemState.CLAIMED, "mira", None)
    assert token is not None
    assert serving.queues.row(lead_id, call=holder).token == token


@pytest.mark.parametrize(
    ("role", "queue"),
    [
        (Role.MRR, Queue.SDR),
        (Role.SDR, Queue.MRR),
        (Role.AM, Queue.MRR),
        (Role.AE, Queue.MRR),
        (Role.MRR, Queue.QUARANTINE),
        (Role.LEADER, Queue.QUARANTINE),
        (Role.SCIENTIST, Queue.MRR),
    ],
)
def test_queues_of_other_roles_are_refused(serving: Serving, role: Role, queue: Queue) -> None:
    with pytest.raises(PermissionDeniedError):
        serving.queues.page(queue, call=make_call(serving, role))


def test_a_lead_of_another_role_does_not_exist_for_a_rep(serving: Serving) -> None:
    inbound, outbound = take_in(serving, 49), take_in(serving, 48, source="bought_list")

    for lead_id, role in ((inbound.lead_id, Role.SDR), (outbound.lead_id, Role.MRR)):
        call = make_call(serving, role)
        with pytest.raises(NotFoundError):
            serving.queues.row(lead_id, call=call)
        with pytest.raises(NotFoundError):
            serving.leads.get(lead_id, call=call)
        with pytest.raises(NotFoundError):
            serving.leads.history(lead_id, call=call)
        with pytest.raises(NotFoundError):
            serving.working.claim(lead_id, call=call)
        with pytest.raises(NotFoundError):
            serving.outcomes.record(lead_id, Outcome(type="contacted"), call=call)


def test_summaries_count_only_the_queues_of_the_role(serving: Serving) -> None:
    fill(serving, 30)
    take_in(serving, 48, source="bought_list", contact={"email": "else@company99.example"})
    serving.working.claim_next(Queue.MRR, call=make_call(serving, Role.MRR))

    (mine,) = serving.queues.summaries(call=make_call(serving, Role.MRR))
    everything = serving.queues.summaries(call=make_call(serving))

    assert (mine.queue, mine.n_claimed) == (Queue.MRR, 1)
    assert mine.n_open > 10
    assert [summary.queue for summary in everything] == list(Queue)
    assert sum(s.n_open + s.n_claimed for s in everything) == 31


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_page_of_impossible_size_is_refused(serving: Serving, limit: int) -> None:
    with pytest.raises(InputError):
        serving.queues.page(Queue.MRR, call=make_call(serving), limit=limit)


def test_a_cursor_that_is_none_of_ours_is_refused(serving: Serving) -> None:
    with pytest.raises(InputError):
        serving.queues.page(Queue.MRR, call=make_call(serving), cursor="' OR 1=1 --")
