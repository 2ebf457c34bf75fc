"""Acknowledged is committed, and nothing is ever half written."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from leadqual.errors import BusyError, ConfigError, ConflictError, StoreError
from leadqual.outcomes.events import OutcomeType
from leadqual.routing.decision import Queue
from leadqual.store import Store, Tx, open_store
from leadqual.store.connections import SAFE_SQLITE, open_connections, sqlite_module
from tests.contract.records import NOW, add_lead, lead, outcome

CHILD = """
import os, sys, time
from tests.contract.records import NOW, decision, lead, score
from leadqual.store import open_store

store = open_store(sys.argv[1])
with store.transaction() as tx:
    tx.leads.insert(lead(1), lead_id="kept", feed="api", received_at=NOW)
with store.transaction() as tx:
    tx.leads.insert(lead(2), lead_id="lost", feed="api", received_at=NOW)
    tx.scores.insert("lost", score=score(), decision=decision(), snapshot={}, reason="created")
    tx.queue.put("lost", decision(), now=NOW)
    print("written", flush=True)
    time.sleep(60)
"""


def test_a_process_killed_inside_a_transaction_leaves_nothing_of_it(store: Store, url: str) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, url], cwd=root, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "written\n"
        child.send_signal(signal.SIGKILL)
        child.wait()

    add_lead(store, "next")
    with store.read() as tx:
        assert set(tx.leads.get_many(["kept", "lost", "next"])) == {"kept", "next"}
        assert tx.scores.of("lost") == ()
        assert tx.queue.get("lost") is None
    assert store.check(NOW).is_sound


def insert_two(tx: Tx) -> None:
    with tx.savepoint():
        tx.leads.insert(lead(2), lead_id="L2", feed="api", received_at=NOW)
        tx.leads.insert(lead(1), lead_id="L1", feed="api", received_at=NOW)


def test_a_unit_of_work_that_fails_spoils_no_other(store: Store) -> None:
    with store.transaction() as tx:
        with tx.savepoint():
            tx.leads.insert(lead(1), lead_id="L1", feed="api", received_at=NOW)
        with pytest.raises(ConflictError):
            insert_two(tx)
        with tx.savepoint():
            tx.leads.insert(lead(3), lead_id="L3", feed="api", received_at=NOW)

    with store.read() as tx:
        assert set(tx.leads.get_many(["L1", "L2", "L3"])) == {"L1", "L3"}


def fail_after_writing(store: Store) -> None:
    with store.transaction() as tx:
        tx.leads.insert(lead(1), lead_id="L1", feed="api", received_at=NOW)
        raise ZeroDivisionError


def test_what_raises_is_undone(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_after_writing(store)

    with store.read() as tx:
        assert tx.leads.count() == 0


def lose_the_transaction(tx: Tx) -> None:
    with tx.savepoint():
        tx.link.say("ROLLBACK")  # as SQLite does by itself when the disk is full
        raise ValueError


def go_on_after_losing_it(store: Store) -> None:
    with store.transaction() as tx:
        tx.leads.insert(lead(1), lead_id="L1", feed="api", received_at=NOW)
        with pytest.raises(StoreError):
            lose_the_transaction(tx)
        with pytest.raises(StoreError):
            tx.leads.insert(lead(2), lead_id="L2", feed="api", received_at=NOW)


def test_a_transaction_that_the_database_gave_up_is_not_acknowledged(store: Store) -> None:
    with pytest.raises(StoreError, match="gave up"):
        go_on_after_losing_it(store)

    with store.read() as tx:
        assert tx.leads.count() == 0


def test_reading_sees_one_moment_and_waits_for_no_writer(store: Store) -> None:
    add_lead(store, "L1")

    with store.read() as before:
        assert before.leads.count() == 1
        with store.transaction() as tx:
            tx.leads.insert(lead(2), lead_id="L2", feed="api", received_at=NOW)
            with store.read() as meanwhile:
                assert meanwhile.leads.count() == 1
        assert before.leads.count() == 1
    with store.read() as after:
        assert after.leads.count() == 2


def test_reading_cannot_write(store: Store) -> None:
    with store.read() as tx, pytest.raises(StoreError):
        tx.leads.insert(lead(2), lead_id="L2", feed="api", received_at=NOW)


def run_all(works: Sequence[Callable[[], object]]) -> list[Exception]:
    """Run each in a thread of its own, all at once; return what they raised."""
    failures: list[Exception] = []

    def attempt(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a thread's error must fail the test
            failures.append(error)

    threads = [threading.Thread(target=attempt, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_many_threads_write_and_read_at_once(store: Store) -> None:
    def write(name: str) -> None:
        for number in range(15):
            add_lead(store, f"{name}-{number}")

    def read() -> None:
        for _ in range(30):
            with store.read() as tx:
                items = tx.queue.ranked(Queue.MRR, limit=200, now=NOW).items
                scored = tx.scores.latest_many([item.lead_id for item in items])
            assert set(scored) == {item.lead_id for item in items}

    failures = run_all([*(partial(write, f"w{number}") for number in range(4)), *[read] * 4])

    assert failures == []
    with store.read() as tx:
        assert tx.leads.count() == 60


def test_two_processes_cannot_make_two_leads_of_one_address(store: Store, url: str) -> None:
    made: list[bool] = []

    def arrive(number: int) -> None:
        with closing(open_store(url)) as mine, mine.transaction() as tx:
            known = tx.leads.find_known({}, ["person1@firm.example"]).by_email
            if not known:
                tx.leads.insert(lead(1), lead_id=f"L{number}", feed="api", received_at=NOW)
            made.append(not known)

    failures = run_all([partial(arrive, number) for number in range(6)])

    assert failures == []
    assert sorted(made) == [False] * 5 + [True]


def test_concurrent_outcomes_of_one_lead_are_recorded_in_the_order_they_applied(
    store: Store,
) -> None:
    add_lead(store, "L1")
    kinds = [OutcomeType.CONTACTED, OutcomeType.MEETING_BOOKED, OutcomeType.HANDED_OFF] * 4

    def report(kind: OutcomeType, number: int) -> None:
        event = outcome("L1", kind, actor=f"rep{number % 2}")
        with store.transaction() as tx:
            tx.events.append(event)
            tx.queue.apply("L1", event, token=None, now=NOW)

    refused = run_all([partial(report, kind, number) for number, kind in enumerate(kinds)])

    assert all(isinstance(error, ConflictError) for error in refused)
    with store.read() as tx:
        assert len(tx.events.of("L1")) == len(kinds) - len(refused)
        assert tx.queue.verify(NOW) == ()


def test_every_pooled_sqlite_connection_is_durable_and_strict(sqlite_url: str) -> None:
    opened = open_connections(sqlite_url)
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 5000,
    }

    for pool in (opened.writing, opened.reading):
        connections = [pool.take() for _ in range(8)]
        for connection in connections:
            cursor = connection.cursor()
            found = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in expected}
            assert found == expected
        for connection in connections:
            pool.give_back(connection)
    opened.dispose()


def test_sqlite_is_one_without_the_corruption_bug() -> None:
    assert sqlite_module().sqlite_version_info >= SAFE_SQLITE


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("nonsense", "sqlite:///path"),
        ("sqlite://", "names no SQLite file"),
        ("sqlite:///:memory:", "names no SQLite file"),
        ("mysql://localhost/x", "knows sqlite and postgresql"),
    ],
)
def test_unusable_urls_are_refused(url: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice):
        open_store(url)


def test_an_unreachable_server_is_a_store_error_without_the_password() -> None:
    pytest.importorskip("psycopg")
    store = open_store("postgresql://user:geheim@127.0.0.1:1/none")

    with pytest.raises(StoreError, match="cannot be reached") as failure:
        store.check_schema()

    assert "geheim" not in str(failure.value)


def test_connections_that_the_server_ended_while_nobody_used_them_fail_nobody(
    postgres_url: str,
) -> None:
    with closing(open_store(postgres_url)) as store, closing(open_store(postgres_url)) as other:
        with store.read() as one, store.read() as two:
            pids = [backend(one), backend(two)]
        with other.transaction() as tx:
            for pid in pids:
                tx.link.say(f"SELECT pg_terminate_backend({pid}, 5000)")

        with store.transaction() as tx:
            written = backend(tx)
        with store.read() as one, store.read() as two:
            read = [backend(one), backend(two)]

    assert not {written, *read} & {*pids}


def test_a_connection_on_which_the_server_said_something_is_used_again(postgres_url: str) -> None:
    with closing(open_store(postgres_url)) as store, closing(open_store(postgres_url)) as other:
        with store.transaction() as tx:
            pid = backend(tx)
            tx.link.say("LISTEN news")
        with other.transaction() as tx:
            tx.link.say("NOTIFY news")

        with store.transaction() as tx:
            again = backend(tx)

    assert again == pid


def backend(tx: Tx) -> int:
    """Return the number of the server process of a transaction."""
    [(pid,)] = tx.link.ask("SELECT pg_backend_pid()")
    return int(pid)


def test_a_database_that_stays_locked_is_busy_and_nothing_is_written(
    store: Store, url: str, database: str
) -> None:
    add_lead(store, "L1")
    impatient = "PRAGMA busy_timeout=50" if database == "sqlite" else "SET lock_timeout = '50ms'"
    with store.transaction() as tx:
        tx.link.say(impatient)

    with closing(open_store(url)) as other, other.transaction() as theirs:
        theirs.queue.claim("L1", actor="ann", now=NOW)
        with pytest.raises(BusyError, match="nothing was written"):
            claim_first(store)

    with store.read() as tx:
        assert [entry.actor for entry in tx.queue.log("L1")] == ["ann"]


def claim_first(store: Store) -> None:
    with store.transaction() as tx:
        tx.queue.claim("L1", actor="bob", now=NOW)


def test_a_full_disk_loses_nothing_that_was_acknowledged(sqlite_url: str) -> None:
    acknowledged: list[str] = []
    with closing(open_store(sqlite_url)) as store:
        with store.transaction() as tx:
            tx.link.say("PRAGMA max_page_count=150")
        for group in range(40):
            done = insert_group(store, group)
            acknowledged += done

        with store.read() as tx:
            assert tx.leads.count() == len(acknowledged)
            assert set(tx.leads.get_many(acknowledged)) == set(acknowledged)
        assert store.check(NOW).is_sound
    assert 0 < len(acknowledged) < 40 * 8


def insert_group(store: Store, group: int) -> list[str]:
    """Write eight leads as the group writer does; return those that were acknowledged."""
    done: list[str] = []
    try:
        with store.transaction() as tx:
            for number in range(8):
                lead_id = f"G{group}-{number}"
                with suppress(StoreError), tx.savepoint():
                    made = lead(number, attributes={"filler": "x" * 3000})
                    tx.leads.insert(made, lead_id=lead_id, feed="api", received_at=NOW)
                    done.append(lead_id)
    except StoreError:
        return []
    return done
