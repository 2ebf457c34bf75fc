"""Scorings: every one kept, and training reads the snapshot of the first."""

from datetime import timedelta

import pytest

from leadqual.errors import ConflictError
from leadqual.leads.flat import flatten_lead
from leadqual.qualify.score import ScoredBy
from leadqual.routing.decision import Queue
from leadqual.store import NewLead, NewScore, OldLead, Store
from tests.contract.records import NOW, add_lead, decision, lead, score


def test_every_scoring_is_kept_with_what_was_decided(store: Store) -> None:
    add_lead(store, "L1")
    later = NOW + timedelta(days=1)

    with store.transaction() as tx:
        tx.scores.insert(
            "L1",
            score=score(at=later),
            decision=decision(2.0, Queue.SDR),
            snapshot={},
            reason="touched",
        )

    with store.read() as tx:
        history = tx.scores.of("L1")
        latest = tx.scores.latest("L1")
        many = tx.scores.latest_many(["L1", "nobody"])
        assert tx.scores.latest("nobody") is None
    assert [record.reason for record in history] == ["created", "touched"]
    assert [record.score for record in history] == [score(), score(at=later)]
    assert history[0].decision == decision(1.0)
    assert latest == history[-1] == many["L1"]
    assert latest.score_id > history[0].score_id
    assert set(many) == {"L1"}


def test_scoring_an_unknown_lead_is_refused(store: Store) -> None:
    with pytest.raises(ConflictError), store.transaction() as tx:
        tx.scores.insert("x", score=score(), decision=decision(), snapshot={}, reason="created")


def test_leads_scored_by_rules_wait_until_a_model_has_scored_them(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(3):
            tx.leads.insert(lead(number), lead_id=f"L{number}", feed="api", received_at=NOW)
        tx.scores.insert_many([
            NewScore(f"L{number}", score(ScoredBy.RULES), decision(), {}, "created")
            for number in range(2)
        ])
        tx.scores.insert("L2", score=score(), decision=decision(), snapshot={}, reason="created")
        waiting = tx.scores.needing_rescore(10)
        tx.scores.insert("L0", score=score(), decision=decision(), snapshot={}, reason="rescored")
        tx.scores.insert(
            "L1", score=score(ScoredBy.RULES), decision=decision(), snapshot={}, reason="touched"
        )
        still_waiting = tx.scores.needing_rescore(10)
        tx.scores.insert(
            "L2", score=score(ScoredBy.RULES), decision=decision(), snapshot={}, reason="touched"
        )
        first_only = tx.scores.needing_rescore(1)

    assert waiting == ("L0", "L1")
    assert still_waiting == ("L1",)
    assert first_only == ("L1",)


def test_training_reads_what_was_known_at_the_first_scoring(store: Store) -> None:
    live, changed = lead(1), lead(1, attributes={"later": True})
    with store.transaction() as tx:
        tx.leads.insert(live, lead_id="L1", feed="api", received_at=NOW)
        tx.scores.insert(
            "L1",
            score=score(),
            decision=decision(explored=True, propensity=0.05),
            snapshot=flatten_lead(live),
            reason="created",
        )
        tx.leads.touch("L1", changed, feed="api", at=NOW + timedelta(days=1))
        tx.scores.insert(
            "L1",
            score=score(at=NOW + timedelta(days=1)),
            decision=decision(queue=Queue.NURTURE),
            snapshot=flatten_lead(changed),
            reason="touched",
        )

    with store.read() as tx:
        [[row]] = list(tx.scores.iter_training_rows())
    assert row.snapshot == flatten_lead(live)
    assert (row.moment, row.queue, row.explored, row.propensity) == (NOW, "mrr", True, 0.05)
    assert not row.is_imported


def test_training_reads_imported_history_as_it_was_imported(store: Store) -> None:
    born = NOW - timedelta(days=400)
    old = [lead(number, created_at=born, external_id=f"x{number}") for number in range(5)]
    with store.transaction() as tx:
        tx.leads.insert_many([
            OldLead.of(NewLead(f"H{number}", "crm", row, NOW)) for number, row in enumerate(old)
        ])
        tx.leads.touch("H3", lead(3, attributes={"later": True}), feed="api", at=NOW)
        tx.scores.insert(
            "H3", score=score(), decision=decision(), snapshot={"later": True}, reason="touched"
        )

    with store.read() as tx:
        batches = list(tx.scores.iter_training_rows(2))
    rows = [row for batch in batches for row in batch]
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert [row.lead_id for row in rows] == [f"H{number}" for number in range(5)]
    assert [row.snapshot for row in rows] == [flatten_lead(row) for row in old]
    assert {(row.moment, row.queue, row.is_imported) for row in rows} == {(born, None, True)}
