"""What is append-only stays as it was written, and whoever changes it is noticed."""

from datetime import timedelta
from typing import Final

import pytest

from leadqual.errors import IdempotencyError, LeadqualError, NotFoundError
from leadqual.leads.schema import Motion
from leadqual.outcomes.events import OutcomeType, Reason
from leadqual.store import Store, open_store
from tests.contract.records import MINUTE, NOW, add_lead, decision, lead, outcome, run_sql, score

DAY: Final = timedelta(days=1)


def test_events_come_back_in_the_order_they_were_recorded(store: Store) -> None:
    add_lead(store, "L1")
    events = [
        outcome("L1", OutcomeType.CONTACTED, note="first"),
        outcome("L1", OutcomeType.DISQUALIFIED, reason=Reason.NO_BUDGET, recorded_at=NOW - MINUTE),
        outcome("L1", OutcomeType.WON, amount_usd=0.1 + 0.2, occurred_at=None, recorded_at=None),
    ]

    with store.transaction() as tx:
        tx.queue.claim("L1", actor="ann", now=NOW)
        for event in events:
            tx.events.append(event)

    with store.read() as tx:
        assert [stored.event for stored in tx.events.of("L1")] == events
        assert list(tx.events.iter_all(2)) == [events[:2], events[2:]]
        assert tx.events.count_leads_by_type(since=NOW) == {OutcomeType.CONTACTED: 1}


def test_leads_are_counted_by_motion_and_by_how_far_they_got(store: Store) -> None:
    motions = {"L1": Motion.INBOUND, "L2": Motion.INBOUND, "L3": Motion.OUTBOUND}
    stages = (frozenset({OutcomeType.CONTACTED}), frozenset({OutcomeType.WON}))
    with store.transaction() as tx:
        for number, (lead_id, motion) in enumerate(motions.items()):
            made = lead(number, motion=motion)
            tx.leads.insert(made, lead_id=lead_id, feed="api", received_at=NOW)
        tx.events.append(outcome("L1", OutcomeType.CONTACTED))
        tx.events.append(outcome("L1", OutcomeType.WON, amount_usd=700.0))
        tx.events.append(outcome("L3", OutcomeType.NO_RESPONSE))

    with store.read() as tx:
        received = tx.leads.count_by_motion(since=NOW, until=NOW + DAY)
        furthest = tx.events.count_leads_by_stage(stages, since=NOW, until=NOW + DAY)
        nobody = tx.leads.count_by_motion(since=NOW + DAY, until=NOW + DAY + DAY)

    assert received == {Motion.INBOUND: 2, Motion.OUTBOUND: 1}
    assert furthest == {(Motion.INBOUND, 2): (1, 700.0), (Motion.OUTBOUND, 0): (1, 0.0)}
    assert set(nobody.values()) == {0}


def test_an_event_with_the_same_key_is_stored_once(store: Store) -> None:
    add_lead(store, "L1")
    add_lead(store, "L2")
    event = outcome("L1", OutcomeType.WON, note="once")

    with store.transaction() as tx:
        first, created = tx.events.append(event, event_key="k")
        again, created_again = tx.events.append(event, event_key="k")
        with pytest.raises(IdempotencyError), tx.savepoint():
            tx.events.append(outcome("L2", OutcomeType.WON), event_key="k")
        keyless = [tx.events.append(event)[1] for _ in range(2)]

    assert (created, created_again) == (True, False)
    assert again == first
    assert keyless == [True, True]


def test_many_events_are_stored_once(store: Store) -> None:
    add_lead(store, "L1")
    rows = [(outcome("crm 1", OutcomeType.CONTACTED), f"k{number}") for number in range(10)]

    with store.transaction() as tx:
        n_first = tx.events.append_many(rows[:6], ids={"crm 1": "L1"})
        n_again = tx.events.append_many(rows, ids={"crm 1": "L1"})

    assert (n_first, n_again) == (6, 4)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET type = 'lost'",
        "UPDATE events SET note = 'other words'",
        "UPDATE events SET note = NULL, actor = NULL",
        "DELETE FROM events",
        "UPDATE audit SET actor = 'somebody else'",
        "DELETE FROM audit",
    ],
)
def test_the_database_refuses_to_change_what_happened(store: Store, url: str, change: str) -> None:
    add_lead(store, "L1")
    with store.transaction() as tx:
        tx.events.append(outcome("L1", OutcomeType.WON, note="words"))
        tx.audit.append("model.champion", actor="ann", subject="v1", at=NOW)

    with pytest.raises(Exception, match="append-only"):
        run_sql(url, change)


def test_audit_entries_are_chained(store: Store) -> None:
    with store.transaction() as tx:
        entries = [
            tx.audit.append(f"a{number}", actor="ann", subject="s", at=NOW, detail={"n": number})
            for number in range(5)
        ]
        check = tx.audit.verify()
        listed = list(tx.audit.iter_all(3))

    assert check.is_intact
    assert (check.n_entries, check.head_hash) == (5, entries[-1].entry_hash)
    assert listed == [entries[:3], entries[3:]]


@pytest.mark.parametrize(
    ("change", "first_bad"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE number = 2", 2),
        ("UPDATE audit SET detail_json = '{}' WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 4", 4),
    ],
)
def test_tampering_with_the_audit_log_is_noticed(
    own_url: str, database: str, change: str, first_bad: int
) -> None:
    store = open_store(own_url)
    with store.transaction() as tx:
        for number in range(4):
            tx.audit.append(
                "key.revoked", actor="ann", subject="key:1", at=NOW, detail={"n": number}
            )
    if database == "sqlite":
        unguard = ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"]
    else:
        unguard = ["ALTER TABLE audit DISABLE TRIGGER ALL"]

    run_sql(own_url, *unguard, change)

    with store.read() as tx:
        assert tx.audit.verify().first_bad == first_bad
    assert not store.check(NOW).is_sound
    store.close()


def audit_and_report_an_unknown_lead(store: Store) -> None:
    with store.transaction() as tx:
        tx.audit.append("x", actor="a", subject="s", at=NOW)
        tx.events.append(outcome("nobody", OutcomeType.WON))


def test_a_refused_event_takes_the_audit_entry_of_its_transaction_along(store: Store) -> None:
    with pytest.raises(NotFoundError):
        audit_and_report_an_unknown_lead(store)

    with store.read() as tx:
        assert tx.audit.verify().n_entries == 0


def test_errors_name_no_values(store: Store) -> None:
    canary = "canary@person.example"

    with pytest.raises(LeadqualError) as failure, store.transaction() as tx:
        tx.scores.insert(canary, score=score(), decision=decision(), snapshot={}, reason="x")

    assert canary not in str(failure.value)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__
