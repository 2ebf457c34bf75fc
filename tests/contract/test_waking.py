"""What was taken or put off comes back when its time is over, and nobody misses the best of it."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from leadqual.queue.items import LEASE, QueueItem, Taker
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Queue
from leadqual.store import NewLead, Store, Tx
from leadqual.store.claims import MAX_WOKEN
from leadqual.store.values import to_microseconds
from tests.contract.records import MINUTE, NOW, add_lead, decision, lead

LATER = NOW + LEASE


def add_claimed(store: Store, queue: Queue, n_leads: int, *, key: float = 0.0) -> None:
    """Store leads that were all claimed in one moment."""
    lead_ids = [f"{queue}{number:05}" for number in range(n_leads)]
    with store.transaction() as tx:
        tx.leads.insert_new([NewLead(lead_id, "api", lead(), NOW) for lead_id in lead_ids])
        tx.queue.put_many(
            [(lead_id, decision(key + i, queue)) for i, lead_id in enumerate(lead_ids)], now=NOW
        )
        assert None not in tx.queue.claim_best(queue, [Taker("ann", NOW)] * n_leads)


def count_asleep(tx: Tx) -> dict[str, int]:
    """Return how many items, by queue, are asleep though their time is over."""
    later = f"'{LATER.isoformat()}'" if tx.link.is_postgresql else to_microseconds(LATER)
    return dict(
        tx.link.ask(
            "SELECT queue, count(*) FROM queue_items "  # noqa: S608 - constants
            f"WHERE wakes_at <= {later} GROUP BY queue"
        )
    )


def keys(items: list[QueueItem | None]) -> list[float]:
    return [item.order_key for item in items if item is not None]


def test_one_claim_wakes_some_of_the_leases_that_ended_at_once_and_takes_the_best(
    store: Store,
) -> None:
    add_claimed(store, Queue.MRR, MAX_WOKEN + 100)
    add_claimed(store, Queue.SDR, 30, key=9_000.0)
    add_lead(store, "open", order_key=MAX_WOKEN + 97.5)

    with store.transaction() as tx:
        first = tx.queue.claim_best(Queue.MRR, [Taker("bob", LATER)] * 3)
        after_one = count_asleep(tx)
        second = tx.queue.claim_best(Queue.MRR, [Taker("bob", LATER)])
        after_two = count_asleep(tx)
        page = tx.queue.ranked(Queue.MRR, limit=2, now=LATER, states=[ItemState.OPEN])

    assert keys(first) == [MAX_WOKEN + 99, MAX_WOKEN + 98, MAX_WOKEN + 97.5]
    assert after_one == {Queue.MRR: 100, Queue.SDR: 30}
    assert keys(second) == [MAX_WOKEN + 97]
    assert after_two == {}
    assert [item.order_key for item in page.items] == [MAX_WOKEN + 96, MAX_WOKEN + 95]


def test_more_who_ask_than_a_claim_wakes_get_everything_in_order(store: Store) -> None:
    n_leads = MAX_WOKEN + 20
    add_claimed(store, Queue.MRR, n_leads)

    with store.transaction() as tx:
        claimed = tx.queue.claim_best(Queue.MRR, [Taker("bob", LATER)] * (n_leads + 1))

    assert claimed[-1] is None
    assert keys(claimed) == [float(number) for number in reversed(range(n_leads))]


def test_a_claim_finds_what_woke_where_nothing_was_open(store: Store) -> None:
    add_claimed(store, Queue.MRR, 1)

    with store.transaction() as tx:
        early = tx.queue.claim_next(Queue.MRR, actor="bob", now=LATER - MINUTE)
        late = tx.queue.claim_next(Queue.MRR, actor="bob", now=LATER)

    assert early is None
    assert late is not None
    assert (late.claimed_by, late.token) == ("bob", 2)


@pytest.mark.parametrize("seed", range(3))
def test_reps_are_given_what_a_page_shows_first(store: Store, seed: int) -> None:
    rng = np.random.default_rng(seed)
    queues = [Queue.MRR, Queue.SDR]
    for number in range(20):
        add_lead(store, f"L{number}", order_key=float(rng.integers(5)), queue=queues[number % 2])

    now = NOW
    for _ in range(15):
        now += timedelta(minutes=int(rng.integers(1, 30)))
        queue, n_reps = queues[int(rng.integers(2))], int(rng.integers(1, 6))
        put_some_off(store, rng, queue, now=now)
        check_pages(store, queue, now=now)
        with store.transaction() as tx:
            shown = tx.queue.ranked(queue, limit=n_reps, now=now, states=[ItemState.OPEN]).items
            given = tx.queue.claim_best(queue, [Taker("bob", now)] * n_reps)

        assert [item.lead_id for item in given if item is not None] == [
            item.lead_id for item in shown
        ]


def check_pages(store: Store, queue: Queue, *, now: datetime) -> None:
    """Check that short pages, one behind the other, are one long page."""
    cursor: str | None = None
    pieces: list[QueueItem] = []
    with store.read() as tx:
        for _ in range(10):
            page = tx.queue.ranked(queue, limit=3, now=now, cursor=cursor)
            pieces += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        whole = tx.queue.ranked(queue, limit=50, now=now)
    assert tuple(pieces) == whole.items
    assert whole.next_cursor is None


def put_some_off(store: Store, rng: np.random.Generator, queue: Queue, *, now: datetime) -> None:
    """Put half of what is claimed off for a while."""
    with store.transaction() as tx:
        held = tx.queue.ranked(queue, limit=50, now=now, states=[ItemState.CLAIMED]).items
        for item in held[::2]:
            until = now + timedelta(minutes=int(rng.integers(1, 90)))
            tx.queue.snooze(item.lead_id, actor="ann", token=item.token, until=until, now=now)
