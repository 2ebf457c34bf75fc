import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from leadqual.errors import ConflictError, IdempotencyError, InputError, StaleTokenError
from leadqual.queue.items import LEASE
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Queue
from leadqual.services.calls import Role
from leadqual.services.outcomes import Outcome
from leadqual.services.serving import Serving
from leadqual.testing import FrozenClock, make_call, make_payload, take_in


def test_claim_next_gives_the_best_open_lead_and_none_when_all_are_taken(serving: Serving) -> None:
    best = take_in(serving, 49)
    take_in(serving, 30)
    mira, otto = (make_call(serving, Role.MRR, name=name) for name in ("mira", "otto"))

    first = serving.working.claim_next(Queue.MRR, call=mira).value
    second = serving.working.claim_next(Queue.MRR, call=otto).value

    assert first is not None
    assert (first.lead_id, first.claimed_by) == (best.lead_id, "mira")
    assert first.lease_until == serving.clock() + LEASE
    assert second is not None
    assert second.lead_id != first.lead_id
    assert serving.working.claim_next(Queue.MRR, call=mira).value is None


def test_a_held_lead_cannot_be_claimed_and_a_lease_that_ran_out_can(
    serving: Serving, clock: FrozenClock
) -> None:
    lead_id = take_in(serving, 49).lead_id
    mira, otto = "mira", "otto"
    first = serving.working.claim(lead_id, call=make_call(serving, Role.MRR, name=mira)).value
    with pytest.raises(ConflictError):
        serving.working.claim(lead_id, call=make_call(serving, Role.MRR, name=otto))
    clock.advance(LEASE)

    second = serving.working.claim(lead_id, call=make_call(serving, Role.MRR, name=otto)).value

    assert first.token is not None
    assert second.token is not None
    assert second.token > first.token
    stale = make_call(serving, Role.MRR, name=mira)
    with pytest.raises(StaleTokenError):
        serving.working.release(lead_id, token=first.token, call=stale)
    with pytest.raises(StaleTokenError):
        serving.outcomes.record(
            lead_id, Outcome(type="disqualified", token=first.token), call=stale
        )
    assert serving.queues.row(lead_id, call=stale).claimed_by == otto


def test_a_released_lead_is_open_again(serving: Serving) -> None:
    lead_id = take_in(serving, 49).lead_id
    call = make_call(serving, Role.MRR)
    token = serving.working.claim(lead_id, call=call).value.token

    released = serving.working.release(lead_id, token=token or 0, call=call).value

    assert (released.state, released.claimed_by) == (ItemState.OPEN, None)


def test_a_snoozed_lead_comes_back_by_itself(serving: Serving, clock: FrozenClock) -> None:
    lead_id = take_in(serving, 49).lead_id
    call = make_call(serving, Role.MRR)
    token = serving.working.claim(lead_id, call=call).value.token or 0
    with pytest.raises(InputError):
        serving.working.snooze(lead_id, token=token, until=clock(), call=call)

    serving.working.snooze(lead_id, token=token, until=clock() + timedelta(hours=4), call=call)
    hidden = serving.queues.page(Queue.MRR, call=call).rows
    clock.advance(timedelta(hours=4))
    back = serving.queues.page(Queue.MRR, call=make_call(serving, Role.MRR)).rows

    assert hidden == ()
    assert [row.lead_id for row in back] == [lead_id]


def test_a_repeated_claim_under_one_key_takes_one_lead(serving: Serving) -> None:
    take_in(serving, 49)
    take_in(serving, 30)
    call = make_call(serving, Role.MRR, once="claim:mrr")

    first = serving.working.claim_next(Queue.MRR, call=call)
    again = serving.working.claim_next(Queue.MRR, call=call)

    assert (first.replayed, again.replayed) == (False, True)
    assert again.value == first.value


def test_reps_who_ask_at_once_are_answered_each_for_their_own_key(serving: Serving) -> None:
    best = take_in(serving, 49).lead_id
    next_best = take_in(serving, 30).lead_id
    mira = make_call(serving, Role.MRR, name="mira", once="claim:mrr")
    kept = serving.working.claim_next(Queue.MRR, call=mira)
    other_body = make_call(serving, Role.MRR, name="mira", once="claim:sdr")
    otto, ada = (make_call(serving, Role.MRR, name=name) for name in ("otto", "ada"))
    is_held, is_free = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        is_held.set()
        is_free.wait(30)

    serving.writer.submit(hold)
    is_held.wait(30)  # the writer has its group: those who ask now wait for the next one

    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(serving.working.claim_next, Queue.MRR, call=call)
            for call in (mira, other_body, otto, ada)
        ]
        while serving.writer.n_waiting < len(asked):
            time.sleep(0.001)
        is_free.set()
        again, refused, *fresh = asked

    assert again.result().replayed
    assert again.result().value == kept.value
    assert kept.value is not None
    assert kept.value.lead_id == best
    with pytest.raises(IdempotencyError):
        refused.result()
    rows = [answer.result().value for answer in fresh]
    assert sorted(row.lead_id if row else "" for row in rows) == ["", next_best]


def test_what_is_kept_for_a_replay_names_nobody(serving: Serving) -> None:
    take_in(serving, 49)

    serving.working.claim_next(Queue.MRR, call=make_call(serving, Role.MRR, once="claim:mrr"))

    with serving.store.read() as tx:
        kept = tx.idempotency.find("claim", "mrr-1")
    assert kept is not None
    assert "Number49" not in kept.response_json


def test_eight_reps_at_once_never_share_a_lead(serving: Serving) -> None:
    numbers = [number for number in range(300) if number % 50 > 14][:200]
    serving.intake.accept_many(
        [make_payload(number) for number in numbers], call=make_call(serving)
    )

    def work(rep: int) -> list[str]:
        taken: list[str] = []
        dice = random.Random(rep)
        while True:
            call = make_call(serving, Role.MRR, name=f"rep-{rep}")
            row = serving.working.claim_next(Queue.MRR, call=call).value
            if row is None:
                return taken
            taken.append(row.lead_id)
            if dice.random() < 0.1:  # gives it back, so it is somebody's later
                serving.working.release(row.lead_id, token=row.token or 0, call=call)
                taken.pop()

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(work, range(8)))

    everything = [lead_id for one in taken for lead_id in one]
    assert len(everything) == len(set(everything)) == 200
    assert sum(bool(one) for one in taken) > 1
