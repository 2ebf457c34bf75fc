"""Every statement that reps wait for walks an index, whatever the size of a queue."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest

from leadqual.queue.items import Taker
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Queue
from leadqual.store import NewLead, Store, open_store
from leadqual.store import item_statements as sql
from leadqual.store.claims import best, claims, wake
from leadqual.store.connections import open_connections
from leadqual.store.item_rows import EVERYTHING, PageParts, Sight
from leadqual.store.prepared import Prepared
from leadqual.store.queue_items import LISTED
from leadqual.store.ranking import Pages, pages
from tests.contract.records import NOW, add_lead, decision, lead

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


def page_of(*states: ItemState, has_cursor: bool = False, is_one_statement: bool = False) -> Pages:
    """Return the statements of a page."""
    parts = PageParts(frozenset(states), 51, has_cursor, EVERYTHING)
    return pages(parts, is_one_statement=is_one_statement)


def arms(*, has_cursor: bool) -> list[Prepared]:
    """Return what a page of a rep reads: the first to wake, claimed, open, and what is due."""
    page = page_of(*LISTED, has_cursor=has_cursor)
    return [*page.listed, *page.due]


STATEMENTS: list[tuple[Prepared, str]] = [
    *zip(arms(has_cursor=False), [WAKES, RANKED, RANKED, WAKES], strict=True),
    *zip(arms(has_cursor=True), [WAKES, RANKED, RANKED, WAKES], strict=True),
    (page_of(ItemState.SNOOZED).listed[0], RANKED),
    (best(2), RANKED),
    (wake(1), WAKES),
    (claims(REP).this_one, OF_LEAD),
    (claims(REP).release, OF_LEAD),
    (claims(REP).find, OF_LEAD),
    (sql.newest_of_many(REP), OF_LEAD),
    (sql.depths(REP).over, WAKES),
    (sql.depths(REP).overdue, "ix_queue_items_overdue"),
    (sql.handoffs(REP, is_finished=False, has_ae=False), "ix_queue_items_handed_at"),
]


def fill(url: str) -> None:
    """Queue enough leads for a planner to have a choice."""
    lead_ids = [f"L{number}" for number in range(3_000)]
    with closing(open_store(url)) as store, store.transaction() as tx:
        tx.leads.insert_new([NewLead(lead_id, "api", lead(), NOW) for lead_id in lead_ids])
        rows = [(lead_id, decision(float(number))) for number, lead_id in enumerate(lead_ids)]
        tx.queue.put_many(rows, now=NOW)
        tx.queue.claim_best(Queue.MRR, [Taker("ann", NOW)] * 30)


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """Connect to a store whose planner knows what is in it; give a cursor."""
    pool = open_connections(url).writing
    with closing(pool.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("ANALYZE")
        if pool.driver.is_postgresql:  # reads a table as small as this one whole
            cursor.execute("SET LOCAL enable_seqscan = off")
        yield cursor


@pytest.fixture
def filled(url: str) -> Iterator[Any]:
    """Return a cursor on a store with enough leads for a planner to have a choice."""
    fill(url)
    with connected(url) as cursor:
        yield cursor


def explain(cursor: Any, statement: Prepared, database: str) -> str:
    """Return how the database would run a statement."""
    plan = statement.plan(database)
    how = "EXPLAIN" if database == "postgresql" else "EXPLAIN QUERY PLAN"
    cursor.execute(f"{how} {plan.sql}", plan.bind(VALUES))
    return "\n".join(str(row[-1]) for row in cursor.fetchall())


def test_items_are_found_by_the_index_made_for_it(filled: Any, database: str) -> None:
    for statement, indexes in STATEMENTS:
        found = explain(filled, statement, database)

        assert any(name in found for name in indexes.split("|")), (indexes, found)
        assert "Seq Scan on queue_items" not in found, found
        assert "SCAN queue_items\n" not in f"{found}\n", found


def test_the_best_open_items_are_read_in_the_order_of_their_index(
    filled: Any, database: str
) -> None:
    in_order = [best(2), *arms(has_cursor=False)[:3], *arms(has_cursor=True)[:3]]

    for statement in in_order:
        found = explain(filled, statement, database)
        assert "Sort" not in found, found
        assert "TEMP B-TREE" not in found, found


@pytest.mark.parametrize("has_cursor", [False, True])
def test_a_page_on_postgresql_is_one_statement_whose_plan_serves_every_page(
    bare_postgres_url: str, has_cursor: bool
) -> None:
    with closing(open_store(bare_postgres_url)) as store:
        store.upgrade()
    fill(bare_postgres_url)
    [union] = page_of(*LISTED, has_cursor=has_cursor, is_one_statement=True).listed

    with connected(bare_postgres_url) as cursor:
        plan = union.plan("postgresql")
        for _ in range(30):  # the driver prepares it, PostgreSQL plans it anew five times
            cursor.execute(plan.sql, plan.bind({**VALUES, "after_key": 2_900.0}))
        found = explain(cursor, union, "postgresql")
        cursor.execute("SELECT custom_plans, generic_plans FROM pg_prepared_statements")
        n_planned = cursor.fetchall()

    assert found.count(RANKED) == 2
    assert found.count(WAKES) == 1
    assert "Seq Scan" not in found, found
    assert found.count("->  Sort") == 1, found  # of the one row that wakes first
    assert n_planned == [(5, 20)]


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
