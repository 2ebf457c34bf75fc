"""Small valid records for the contract suite."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

from leadqual.leads.flat import flatten_lead
from leadqual.leads.schema import Contact, Lead, Motion
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.qualify.score import Answer, Head, LeadScore, ScoredBy
from leadqual.queue.items import QueueItem
from leadqual.routing.decision import Approach, Decision, Queue
from leadqual.store import Store
from leadqual.store.connections import open_connections
from leadqual.store.schema import VERSION_TABLE

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def lead(number: int = 1, **changes: object) -> Lead:
    fields = {
        "source": "webinar",
        "motion": Motion.INBOUND,
        "created_at": NOW,
        "contact": Contact(email=f"person{number}@firm.example", phone=f"+49 30 {number}"),
    }
    return Lead.model_validate(fields | changes)


def score(by: ScoredBy = ScoredBy.MODEL, *, at: datetime = NOW) -> LeadScore:
    return LeadScore(
        p_fit=0.81,
        p_authority=0.44,
        p_budget=0.1 + 0.2,
        p_conversion=0.062,
        expected_value_usd=1480.0,
        grade="A",
        percentile=93,
        heads={Head.FIT: Answer.YES},
        heads_scored_by={"fit": by},
        reasons=(),
        scored_by=by,
        model_version="2026-11-21-1",
        scored_at=at,
    )


def decision(order_key: float = 1.0, queue: Queue = Queue.MRR, **changes: object) -> Decision:
    fields = {
        "queue": queue,
        "grade": "A",
        "rank": 0.5,
        "approach": Approach.CALL,
        "ask_next": None,
        "due_at": NOW + 60 * MINUTE,
        "why": ("high expected value",),
        "standard_version": 3,
        "order_key": order_key,
    }
    return Decision.model_validate(fields | changes)


def outcome(lead_id: str, kind: OutcomeType, **changes: object) -> OutcomeEvent:
    fields = {
        "lead_id": lead_id,
        "type": kind,
        "actor": "ann",
        "occurred_at": NOW,
        "recorded_at": NOW,
    }
    return OutcomeEvent.model_validate(fields | changes)


def add_lead(
    store: Store, lead_id: str, *, order_key: float = 1.0, queue: Queue = Queue.MRR
) -> QueueItem:
    """Store a scored and queued lead, as intake does."""
    made = lead(hash(lead_id) % 10_000)
    with store.transaction() as tx:
        tx.leads.insert(made, lead_id=lead_id, feed="api", received_at=NOW)
        tx.scores.insert(
            lead_id,
            score=score(),
            decision=decision(order_key, queue),
            snapshot=flatten_lead(made),
            reason="created",
        )
        return tx.queue.put(lead_id, decision(order_key, queue), now=NOW)


def run_sql(url: str, *statements: str) -> None:
    """Change the database behind the store's back, as somebody with its password could."""
    with closing(open_connections(url).writing.connect()) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def set_revision(url: str, revision: str) -> None:
    """Pretend that another version of the program has upgraded the schema."""
    run_sql(url, f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'")  # noqa: S608 - constants
