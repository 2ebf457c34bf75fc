"""Every statement that reps wait for walks an index, whatever the size of a queue."""

from collections.abc import Iterator, Mapping
from contextlib import closing

import pytest
from sqlalchemy import Connection

from leadqual.queue.states import ItemState
from leadqual.routing.decision import Queue
from leadqual.store import Store, open_store
from leadqual.store import item_statements as sql
from leadqual.store.claims import BEST, WAKE, claims
from leadqual.store.engine import open_engines
from leadqual.store.item_rows import Sight
from leadqual.store.prepared import Prepared
from leadqual.store.queue_items import LISTED
from leadqual.store.ranking import arms
from tests.contract.records import NOW, add_lead

REP = Sight(frozenset({Queue.MRR}))
VALUES: Mapping[str, object] = {
    "of_queue": "mrr",
    "n": 51,
    "now": NOW,
    "after_key": 5.0,
    "after_id": 7,
    "viewer": None,
    "id": "L1",
    "actor": "ann",
    "until": NOW,
    "held_token": 1,
    "ids": '["L1","L2"]',
}
RANKED = "ix_queue_items_ranked"
WAKES = "ix_queue_items_wakes_at"
OF_LEAD = "ix_queue_items_lead_id_item_id|uq_queue_items_open"


def page_arms() -> list[Prepared]:
    """Return the arms of a rep's page: what is claimed, what is open, what comes back."""
    first, later = (
        arms(frozenset(LISTED), has_cursor=has_cursor, sight=REP) for has_cursor in (False, True)
    )
    return [*first, *later]


STATEMENTS = [
    *zip(page_arms(), [RANKED, RANKED, WAKES] * 2, strict=True),
    (*arms(frozenset({ItemState.SNOOZED}), has_cursor=False, sight=REP), RANKED),
    (BEST, RANKED),
    (WAKE, WAKES),
    (claims(REP).this_one, OF_LEAD),
    (claims(REP).release, OF_LEAD),
    (claims(REP).find, OF_LEAD),
    (sql.newest_of_many(REP), OF_LEAD),
    (sql.depths(REP).over, WAKES),
    (sql.depths(REP).overdue, "ix_queue_items_overdue"),
    (sql.handoffs(REP, is_finished=False, has_ae=False), "ix_queue_items_handed_at"),
]


@pytest.fixture
def filled(url: str) -> Iterator[Connection]:
    """Return a connection to a store with a few leads, told to read in order if it can."""
    with closing(open_store(url)) as store:
        for number in range(20):
            add_lead(store, f"L{number}", order_key=float(number))
    engines = open_engines(url)
    with engines.writing.connect() as connection:
        if connection.dialect.name == "postgresql":
            for name in ("seqscan", "bitmapscan", "sort"):
                connection.exec_driver_sql(f"SET LOCAL enable_{name} = off")
        yield connection
    engines.dispose()


def explain(connection: Connection, statement: Prepared) -> str:
    """Return how the database would run a statement."""
    plan = statement.plan(connection.dialect)
    how = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    cursor = connection.connection.cursor()
    cursor.execute(f"{how} {plan.sql}", plan.bind(VALUES))
    return "\n".join(str(row[-1]) for row in cursor.fetchall())


@pytest.mark.parametrize(("statement", "indexes"), STATEMENTS)
def test_items_are_found_by_the_index_made_for_it(
    filled: Connection, statement: Prepared, indexes: str
) -> None:
    found = explain(filled, statement)

    assert any(name in found for name in indexes.split("|")), found
    assert "Seq Scan on queue_items" not in found, found
    assert "SCAN queue_items\n" not in f"{found}\n", found


def test_the_best_open_items_are_read_in_the_order_of_their_index(filled: Connection) -> None:
    best, *pages = (explain(filled, statement) for statement in (BEST, *page_arms()))

    for found in (best, pages[0], pages[1]):
        assert "Sort" not in found, found
        assert "TEMP B-TREE" not in found, found


def test_upkeep_takes_dead_entries_away_and_changes_no_item(own_url: str) -> None:
    with closing(open_store(own_url)) as store:
        add_lead(store, "L1")
        before = items(store)

        store.tidy()

        assert items(store) == before


def items(store: Store) -> object:
    """Return all there is to read of a lead's item."""
    with store.read() as tx:
        return tx.queue.get("L1"), tx.queue.log("L1"), tx.queue.depths(NOW)
