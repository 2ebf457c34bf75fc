"""A queue of a million leads in the schema of the product, made by the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection

from leadqual.leads.schema import Lead
from leadqual.qualify.score import Answer, Direction, Head, LeadScore, ReasonCode, ScoredBy
from leadqual.routing.decision import Approach, Decision, Queue
from leadqual.store import open_store
from leadqual.store.connections import open_connections
from leadqual.store.lead_rows import dump_lead
from leadqual.store.migrating import open_engine

START: Final = datetime(2026, 11, 20, 10, tzinfo=UTC)
QUEUE: Final = Queue.MRR
_TAU_SECONDS: Final = 7 * 86_400 / 0.693
"""Value halves in a week, as in the shipped standard."""

_CHUNK: Final = 100_000
_SECONDS_APART: Final = 86
"""A million leads in three years."""

_LEAD_ID: Final = {
    "sqlite": "printf('%012x%020x', 1700000000000 + i, i)",
    "postgresql": "lpad(to_hex(1700000000000 + i), 12, '0') || lpad(to_hex(i), 20, '0')",
}
_LEAD: Final[dict[str, Any]] = {
    "source": "webinar",
    "motion": "inbound",
    "created_at": START,
    "contact": {
        "email": "person49@company49.example",
        "full_name": "Person Number49",
        "job_title": "Head of Operations",
        "seniority": "head",
        "department": "operations",
        "country": "DE",
    },
    "company": {
        "name": "Company 49",
        "domain": "company49.example",
        "industry": "Retail",
        "n_employees": 1833,
    },
    "interest": {"product": "pro", "message": "Please call me", "timeline_days": 60},
    "engagement": {"n_visits": 0, "n_page_views": 18},
}


def fill(url: str, n_items: int) -> None:
    """Set up an empty database and queue `n_items` scored leads in it.

    All are open and in one queue. The value of a lead has nothing to do with when it came; by how
    leads are ordered the best are among the latest. Leads and scores are as long as real ones,
    snapshots are empty.
    """
    with closing(open_store(url)) as store:
        store.upgrade()
    engine = open_engine(open_connections(url))
    try:
        for first in range(1, n_items + 1, _CHUNK):
            numbers = range(first, min(first + _CHUNK, n_items + 1))
            with engine.begin() as connection:
                _prepare(connection)
                for statement in _statements(connection.dialect.name, numbers, n_items):
                    connection.exec_driver_sql(statement)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET statement_timeout = 0")
                connection.exec_driver_sql("VACUUM (ANALYZE)")
                connection.exec_driver_sql("CHECKPOINT")
    finally:
        engine.dispose()


def _prepare(connection: Connection) -> None:
    """Make a load of many rows fast."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size=-1000000")
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")


def _statements(dialect: str, numbers: range, n_items: int) -> Iterator[str]:
    """Yield what inserts the leads with these numbers, their scores and items."""
    first, last = numbers[0], numbers[-1]
    lead, score, decision = _texts()
    seconds = f"({int(START.timestamp())} - ({n_items} - i) * {_SECONDS_APART})"
    at, no = f"{seconds} * 1000000", "0"
    rows = f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"  # noqa: S608 - numbers of ours
    if dialect == "postgresql":
        at, no = f"to_timestamp({seconds})", "false"
        rows = f"WITH n AS (SELECT generate_series({first}, {last})::bigint AS i)"
    lead_id, queue = _LEAD_ID[dialect], QUEUE.value
    spread = "(i * 2654435761)"
    value = f"({spread} - {spread} / 1000003 * 1000003) / 200000.0"  # modulo, in both dialects
    yield (
        "INSERT INTO leads "  # noqa: S608 - constants and numbers of ours
        "(lead_id, feed, email, lead_json, received_at, touched_at, n_touches, "
        f"is_history) {rows} SELECT {lead_id}, 'api', 'person' || i || '@firm.example', "
        f"'{lead}', {at}, {at}, 1, {no} FROM n"
    )
    yield (
        "INSERT INTO scores "  # noqa: S608 - constants and numbers of ours
        "(lead_id, scored_at, reason, scored_by, model_version, "
        "standard_version, p_conversion, queue, explored, propensity, score_json, decision_json, "
        f"snapshot_json) {rows} SELECT {lead_id}, {at}, 'created', 'model', '2026-11-20-1', 1, "
        f"0.25, '{queue}', {no}, 1.0, '{score}', '{decision}', '{{}}' FROM n"
    )
    yield (
        "INSERT INTO queue_items "  # noqa: S608 - constants and numbers of ours
        "(lead_id, queue, state, rank, order_key, due_at, created_at, "
        f"token) {rows} SELECT {lead_id}, '{queue}', 'open', 0.5, "
        f"{value} + i * {_SECONDS_APART / _TAU_SECONDS}, {at}, {at}, 0 FROM n"
    )


def _texts() -> tuple[str, ...]:
    """Return a lead, its score and its decision as the store writes them, quoted for SQL."""
    reasons = tuple(
        ReasonCode(
            head=head,
            direction=Direction.UP,
            feature="company.n_employees",
            text="Number of employees is 1,833, larger than most leads: speaks for " + head,
            weight=0.73,
        )
        for head in Head
    )
    score = LeadScore(
        p_fit=0.7982721472772689,
        p_authority=0.2611570326430919,
        p_budget=0.4940973603852049,
        p_conversion=0.7666265892639318,
        expected_value_usd=15332.531785278621,
        grade="A",
        percentile=99,
        heads={Head.FIT: Answer.YES, Head.AUTHORITY: Answer.NO, Head.BUDGET: Answer.UNKNOWN},
        heads_scored_by=dict.fromkeys((*Head, "conversion"), ScoredBy.MODEL),
        reasons=reasons,
        scored_by=ScoredBy.MODEL,
        model_version="2026-11-20-1",
        scored_at=START,
    )
    decision = Decision(
        queue=QUEUE,
        grade="A",
        rank=0.98,
        approach=Approach.CALL_NOW,
        ask_next="budget",
        due_at=START,
        why=(
            "Inbound, to MRR, grade A: better than most leads, likely to convert, above the cut",
            "Rank 0.98: expected value 15,333 USD x urgency 1.00 (1 on arrival, less with age)",
            "Call at once and ask about budget: it is unknown",
            "First contact is due 15 business minutes after arrival",
        ),
        standard_version=1,
        order_key=258.71687074392014,
    )
    lead = Lead.model_validate(_LEAD)
    texts = (dump_lead(lead), score.model_dump_json(), decision.model_dump_json())
    return tuple(text.replace("'", "''") for text in texts)
