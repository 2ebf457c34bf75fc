"""Queues: ranked, leased, fenced, and derived from what was recorded."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from leadqual.errors import ConflictError, InputError, NotFoundError, StaleTokenError
from leadqual.outcomes.events import OutcomeType
from leadqual.queue.items import LEASE, Taker, WorkKind
from leadqual.queue.states import ItemState, allowed_outcomes
from leadqual.queue.transitions import Extras
from leadqual.routing.decision import Queue
from leadqual.store import Store
from tests.contract.records import MINUTE, NOW, add_lead, decision, lead, outcome


def test_queue_is_read_best_first_page_by_page(store: Store) -> None:
    keys = {"L1": 1.5, "L2": 7.25, "L3": 1.5, "L4": -3.0, "L5": 1e-300}
    for lead_id, key in keys.items():
        add_lead(store, lead_id, order_key=key)
    add_lead(store, "other", order_key=99.0, queue=Queue.SDR)

    seen: list[str] = []
    cursor = None
    with store.read() as tx:
        for _ in range(3):
            page = tx.queue.ranked(Queue.MRR, limit=2, cursor=cursor, now=NOW)
            seen += [item.lead_id for item in page.items]
            cursor = page.next_cursor

    assert seen == ["L2", "L1", "L3", "L5", "L4"]
    assert cursor is None


@pytest.mark.parametrize(
    "cursor", ["", "x", "nan_1", "0x1p0_-1", "0x1p0_99999999999999999999", "1"]
)
def test_foreign_cursors_are_refused(store: Store, cursor: str) -> None:
    with store.read() as tx, pytest.raises(InputError, match="cursor"):
        tx.queue.ranked(Queue.MRR, limit=2, cursor=cursor, now=NOW)


def test_reps_take_the_best_first_and_each_its_own(store: Store) -> None:
    for lead_id, key in {"L1": 1.0, "L2": 2.0}.items():
        add_lead(store, lead_id, order_key=key)

    with store.transaction() as tx:
        first = tx.queue.claim_next(Queue.MRR, actor="ann", now=NOW)
        second = tx.queue.claim_next(Queue.MRR, actor="bob", now=NOW)
        nothing = tx.queue.claim_next(Queue.MRR, actor="cid", now=NOW)

    assert first is not None
    assert second is not None
    assert nothing is None
    assert (first.lead_id, first.claimed_by, first.token) == ("L2", "ann", 1)
    assert (first.state, first.lease_until) == (ItemState.CLAIMED, NOW + LEASE)
    assert second.lead_id == "L1"


def test_reps_who_ask_together_get_what_they_would_get_one_after_the_other(store: Store) -> None:
    for lead_id, key in {"L1": 1.0, "L2": 2.0, "L3": 3.0}.items():
        add_lead(store, lead_id, order_key=key)
    lease = 5 * MINUTE
    with store.transaction() as tx:
        tx.queue.claim("L3", actor="gone", now=NOW - LEASE, lease=LEASE)

    with store.transaction() as tx:
        takers = [Taker("ann", NOW), Taker("bob", NOW + MINUTE, lease), Taker("cid", NOW)]
        first, second, third, nothing = tx.queue.claim_best(Queue.MRR, [*takers, Taker("dan", NOW)])

    assert nothing is None
    claimed = [item for item in (first, second, third) if item is not None]
    assert [(item.lead_id, item.claimed_by, item.token) for item in claimed] == [
        ("L3", "ann", 2),
        ("L2", "bob", 1),
        ("L1", "cid", 1),
    ]
    with store.read() as tx:
        stored = tx.queue.get_many(["L1", "L2", "L3"], now=NOW)
        [*_, entry] = tx.queue.log("L2")
        assert tx.queue.verify(NOW) == ()
    assert [stored[item.lead_id] for item in claimed] == claimed
    assert (entry.kind, entry.actor, entry.at) == (WorkKind.CLAIMED, "bob", NOW + MINUTE)
    assert (entry.token, entry.until) == (1, NOW + MINUTE + lease)


def test_many_reps_at_once_never_get_the_same_lead(store: Store) -> None:
    n_leads, n_reps = 60, 12
    for number in range(n_leads):
        add_lead(store, f"L{number}", order_key=float(number % 7))
    taken: list[tuple[str, str]] = []
    failures: list[Exception] = []

    def work(rep: str) -> None:
        try:
            while True:
                with store.transaction() as tx:
                    item = tx.queue.claim_next(Queue.MRR, actor=rep, now=NOW)
                if item is None:
                    return
                taken.append((item.lead_id, rep))
        except Exception as error:  # noqa: BLE001 - a thread's error must fail the test
            failures.append(error)

    reps = [threading.Thread(target=work, args=(f"rep{number}",)) for number in range(n_reps)]
    for rep in reps:
        rep.start()
    for rep in reps:
        rep.join()

    assert failures == []
    assert Counter(lead_id for lead_id, _ in taken) == Counter(f"L{n}" for n in range(n_leads))
    with store.read() as tx:
        owners = {
            item.lead_id: item.claimed_by
            for item in tx.queue.get_many([f"L{n}" for n in range(n_leads)], now=NOW).values()
        }
    assert owners == dict(taken)


def test_a_colleagues_claim_is_refused_and_ones_own_is_renewed(store: Store) -> None:
    add_lead(store, "L1")
    later = NOW + 10 * MINUTE

    with store.transaction() as tx:
        first = tx.queue.claim("L1", actor="ann", now=NOW)
        renewed = tx.queue.claim("L1", actor="ann", now=later)
        with pytest.raises(ConflictError, match="claimed by a colleague") as refusal:
            tx.queue.claim("L1", actor="bob", now=later)

    assert renewed.token == first.token
    assert renewed.lease_until == later + LEASE
    assert refusal.value.allowed == allowed_outcomes(ItemState.CLAIMED)


def test_a_lease_that_ran_out_returns_the_lead_and_fences_off_its_holder(store: Store) -> None:
    add_lead(store, "L1")
    later = NOW + LEASE
    with store.transaction() as tx:
        lost = tx.queue.claim_next(Queue.MRR, actor="ann", now=NOW)
    assert lost is not None

    with store.read() as tx:
        [listed] = tx.queue.ranked(Queue.MRR, limit=5, now=later, states=[ItemState.OPEN]).items
        [depth] = tx.queue.depths(later)
    with store.transaction() as tx:
        won = tx.queue.claim_next(Queue.MRR, actor="bob", now=later)

    assert (listed.state, listed.claimed_by) == (ItemState.OPEN, None)
    assert (depth.n_open, depth.n_claimed) == (1, 0)
    assert won is not None
    assert (won.claimed_by, won.token) == ("bob", lost.token + 1)
    event = outcome("L1", OutcomeType.CONTACTED)
    with store.transaction() as tx:
        with pytest.raises(StaleTokenError):
            tx.queue.release("L1", actor="ann", token=lost.token, now=later)
        with pytest.raises(StaleTokenError):
            tx.queue.snooze("L1", actor="ann", token=lost.token, until=later + MINUTE, now=later)
        with pytest.raises(StaleTokenError):
            tx.queue.apply("L1", event, token=lost.token, now=later)
        with pytest.raises(ConflictError, match="somebody holds"):
            tx.queue.apply("L1", event, token=None, now=later)


def test_release_gives_a_lead_back(store: Store) -> None:
    add_lead(store, "L1")

    with store.transaction() as tx:
        taken = tx.queue.claim("L1", actor="ann", now=NOW)
        back = tx.queue.release("L1", actor="ann", token=taken.token, now=NOW)
        again = tx.queue.claim_next(Queue.MRR, actor="bob", now=NOW)

    assert (back.state, back.claimed_by) == (ItemState.OPEN, None)
    assert again is not None


def test_a_snoozed_lead_comes_back_by_itself(store: Store) -> None:
    add_lead(store, "L1")
    until = NOW + timedelta(days=2)

    with store.transaction() as tx:
        taken = tx.queue.claim("L1", actor="ann", now=NOW)
        with pytest.raises(InputError, match="future"):
            tx.queue.snooze("L1", actor="ann", token=taken.token, until=NOW, now=NOW)
        tx.queue.snooze("L1", actor="ann", token=taken.token, until=until, now=NOW)
        too_early = tx.queue.claim_next(Queue.MRR, actor="bob", now=until - MINUTE)
    with store.read() as tx:
        hidden = tx.queue.ranked(Queue.MRR, limit=5, now=until - MINUTE).items
        snoozed = tx.queue.ranked(Queue.MRR, limit=5, now=NOW, states=[ItemState.SNOOZED]).items
        due = tx.queue.ranked(Queue.MRR, limit=5, now=until).items
    with store.transaction() as tx:
        taken_again = tx.queue.claim_next(Queue.MRR, actor="bob", now=until)

    assert too_early is None
    assert hidden == ()
    assert [item.snoozed_until for item in snoozed] == [until]
    assert [(item.state, item.owner_rep) for item in due] == [(ItemState.OPEN, "ann")]
    assert taken_again is not None


def test_a_lead_has_one_open_item_which_a_new_decision_updates(store: Store) -> None:
    first = add_lead(store, "L1", order_key=1.0)
    sooner, later = NOW + MINUTE, NOW + timedelta(days=9)

    with store.transaction() as tx:
        same_queue = tx.queue.put("L1", decision(5.0, rank=0.9, due_at=later), now=later)
        moved = tx.queue.put("L1", decision(2.0, Queue.NURTURE, due_at=None), now=later)
        back = tx.queue.put("L1", decision(2.0, due_at=sooner), now=later)
        tx.queue.claim("L1", actor="ann", now=NOW)
        while_worked = tx.queue.put("L1", decision(3.0, Queue.SDR), now=later)

    assert {item.item_id for item in (first, same_queue, moved, back, while_worked)} == {
        first.item_id
    }
    assert (same_queue.rank, same_queue.order_key, same_queue.due_at) == (0.9, 5.0, first.due_at)
    assert (moved.queue, moved.due_at) == (Queue.NURTURE, None)
    assert (back.queue, back.due_at) == (Queue.MRR, sooner)
    assert (while_worked.queue, while_worked.claimed_by) == (Queue.MRR, "ann")
    assert while_worked.order_key == 3.0


def test_a_customer_who_comes_back_gets_a_new_item_that_old_tokens_do_not_open(
    store: Store,
) -> None:
    add_lead(store, "L1")
    spam = outcome("L1", OutcomeType.SPAM)

    with store.transaction() as tx:
        first = tx.queue.claim("L1", actor="ann", now=NOW)
        tx.events.append(spam)
        tx.queue.apply("L1", spam, token=first.token, now=NOW)
        tx.queue.put("L1", decision(), now=NOW)
        second = tx.queue.claim("L1", actor="bob", now=NOW)
        with pytest.raises(StaleTokenError):
            tx.queue.release("L1", actor="ann", token=first.token, now=NOW)
        assert tx.queue.verify(NOW) == ()

    assert second.item_id != first.item_id
    assert second.token == first.token + 1


def test_only_leads_that_exist_are_queued(store: Store) -> None:
    with pytest.raises(ConflictError), store.transaction() as tx:
        tx.queue.put("nobody", decision(), now=NOW)


def test_other_roles_queues_do_not_exist(store: Store) -> None:
    add_lead(store, "in", queue=Queue.MRR)
    add_lead(store, "out", queue=Queue.SDR)

    with store.transaction() as tx:
        mrr = tx.queue.limited_to([Queue.MRR])
        nobody = tx.queue.limited_to([])
        assert mrr.get("in") is not None
        assert mrr.get("out") is None
        assert set(mrr.get_many(["in", "out"], now=NOW)) == {"in"}
        assert mrr.ranked(Queue.SDR, limit=5, now=NOW).items == ()
        assert mrr.claim_next(Queue.SDR, actor="ann", now=NOW) is None
        assert [depth.queue for depth in mrr.depths(NOW)] == [Queue.MRR]
        assert nobody.depths(NOW) == ()
        with pytest.raises(NotFoundError):
            mrr.claim("out", actor="ann", now=NOW)
        taken = tx.queue.claim("out", actor="sue", now=NOW)
        with pytest.raises(NotFoundError):
            mrr.release("out", actor="ann", token=taken.token, now=NOW)
        with pytest.raises(NotFoundError):
            mrr.apply("out", outcome("out", OutcomeType.SPAM), token=taken.token, now=NOW)


def test_an_ae_sees_what_was_handed_over_to_them_or_to_anybody(store: Store) -> None:
    for lead_id in ("mine", "theirs", "anyones", "still open"):
        add_lead(store, lead_id)
    handed = {"mine": "eva", "theirs": "max", "anyones": None}

    with store.transaction() as tx:
        for lead_id, handed_to in handed.items():
            event = outcome(lead_id, OutcomeType.HANDED_OFF)
            tx.queue.apply(lead_id, event, token=None, now=NOW, extras=Extras(handed_to=handed_to))
        eva = tx.queue.limited_to([], ae="eva")
        waiting = eva.handoffs()
        accepted = eva.apply(
            "anyones", outcome("anyones", OutcomeType.ACCEPTED, actor="eva"), token=None, now=NOW
        )
        won = eva.apply("mine", outcome("mine", OutcomeType.WON, actor="eva"), token=None, now=NOW)
        assert eva.get("theirs") is None
        assert eva.get("still open") is None
        assert {item.lead_id for item in eva.handoffs(is_finished=True)} == {"mine"}
        assert {item.lead_id for item in tx.queue.handoffs()} == {"theirs", "anyones"}
        assert {item.lead_id for item in tx.queue.handoffs(handed_to="max")} == {"theirs"}

    assert {item.lead_id for item in waiting} == {"mine", "anyones"}
    assert (accepted.state, accepted.handed_to) == (ItemState.OPPORTUNITY, "eva")
    assert (won.state, won.finished_at) == (ItemState.WON, NOW)


def test_a_state_refuses_outcomes_that_make_no_sense_and_names_the_others(store: Store) -> None:
    add_lead(store, "L1")

    with store.transaction() as tx:
        before = tx.queue.get("L1")
        with pytest.raises(ConflictError) as refusal:
            tx.queue.apply("L1", outcome("L1", OutcomeType.ACCEPTED), token=None, now=NOW)
        assert tx.queue.get("L1") == before

    assert refusal.value.allowed == allowed_outcomes(ItemState.OPEN)


def test_counts_say_what_waits(store: Store) -> None:
    for number in range(4):
        add_lead(store, f"L{number}", order_key=float(number))

    with store.transaction() as tx:
        tx.queue.claim("L0", actor="ann", now=NOW)
        tx.queue.apply("L1", outcome("L1", OutcomeType.HANDED_OFF), token=None, now=NOW)
        [depth] = tx.queue.depths(NOW)
        [late] = tx.queue.depths(NOW + timedelta(hours=2))
        n_today = tx.queue.count_queued(Queue.MRR, since=NOW)
        n_later = tx.queue.count_queued(Queue.MRR, since=NOW + MINUTE)

    assert (depth.n_open, depth.n_claimed, depth.n_handed_off, depth.n_overdue) == (2, 1, 1, 0)
    assert (late.n_open, late.n_claimed, late.n_overdue) == (3, 0, 3)
    assert (n_today, n_later) == (4, 0)


def test_many_are_queued_at_once(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(5):
            tx.leads.insert(lead(number), lead_id=f"L{number}", feed="api", received_at=NOW)
        pairs = [(f"L{number}", decision(float(number))) for number in range(5)]
        n_put = tx.queue.put_many([*pairs, ("L0", decision(9.0))], now=NOW)

    with store.read() as tx:
        items = tx.queue.ranked(Queue.MRR, limit=9, now=NOW).items
    assert n_put == 6
    assert [item.lead_id for item in items] == ["L0", "L4", "L3", "L2", "L1"]


def test_new_leads_are_queued_like_others_and_only_once(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(3):
            tx.leads.insert(lead(number), lead_id=f"L{number}", feed="api", received_at=NOW)
        tx.queue.put_many([("L0", decision(1.0))], now=NOW)
        n_put = tx.queue.put_new([("L1", decision(1.0)), ("L2", decision(3.0))], now=NOW)
    with pytest.raises(ConflictError), store.transaction() as tx:
        tx.queue.put_new([("L2", decision(3.0))], now=NOW)

    with store.read() as tx:
        items = {item.lead_id: item for item in tx.queue.ranked(Queue.MRR, limit=9, now=NOW).items}
        problems = tx.queue.verify(NOW)
    as_put = replace(items["L0"], lead_id="L1", item_id=items["L1"].item_id)
    assert n_put == 2
    assert items["L1"] == as_put
    assert list(items) == ["L2", "L0", "L1"]
    assert problems == ()


def test_every_way_of_working_a_lead_can_be_derived_from_what_was_recorded(store: Store) -> None:
    at = [NOW + number * MINUTE for number in range(20)]
    for number in range(6):
        add_lead(store, f"L{number}", order_key=float(number))

    def report(lead_id: str, kind: OutcomeType, *, extras: Extras, token: int | None) -> None:
        event = outcome(lead_id, kind, recorded_at=at[5])
        with store.transaction() as tx:
            tx.events.append(event)
            tx.queue.apply(lead_id, event, token=token, now=at[5], extras=extras)

    with store.transaction() as tx:
        tx.queue.claim_next(Queue.MRR, actor="ann", now=at[0])
        held = tx.queue.claim("L4", actor="bob", now=at[1])
        put_off = tx.queue.claim("L3", actor="cid", now=at[1])
        tx.queue.snooze("L3", actor="cid", token=put_off.token, until=at[9], now=at[2])
        freed = tx.queue.claim("L2", actor="dot", now=at[2])
        tx.queue.release("L2", actor="dot", token=freed.token, now=at[3])
    report("L4", OutcomeType.HANDED_OFF, extras=Extras(handed_to="eva"), token=held.token)
    report("L4", OutcomeType.REJECTED, extras=Extras(), token=None)
    report("L2", OutcomeType.CONTACT_LATER, extras=Extras(until=at[15]), token=None)
    report("L1", OutcomeType.CONTACTED, extras=Extras(), token=None)
    report("L0", OutcomeType.WON, extras=Extras(), token=None)

    with store.read() as tx:
        assert tx.queue.verify(at[6]) == ()
        assert tx.queue.verify(NOW + timedelta(days=3)) == ()
        kinds = [entry.kind for entry in tx.queue.log("L3")]
        report_ = store.check(at[6])
    assert kinds == [WorkKind.CLAIMED, WorkKind.SNOOZED]
    assert report_.is_sound
    assert report_.n_items == 6


def test_a_state_that_no_event_explains_is_found(store: Store) -> None:
    add_lead(store, "L1")

    with store.transaction() as tx:
        tx.queue.apply("L1", outcome("L1", OutcomeType.SPAM), token=None, now=NOW)

    report = store.check(NOW)
    assert not report.is_sound
    assert "L1" in report.problems[0]
