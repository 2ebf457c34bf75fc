"""Connections are lent to one transaction at a time and kept for the next."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leadqual.errors import StoreError
from leadqual.store import open_store
from leadqual.store.connections import open_connections
from leadqual.store.pool import KEPT, Pool


@pytest.fixture
def pool(url: str) -> Iterator[Pool]:
    """Return the pool of writers of an empty store."""
    opened = open_connections(url)
    yield opened.writing
    opened.dispose()


def test_what_was_used_last_is_lent_first_with_nothing_left_open(pool: Pool) -> None:
    first = pool.take()
    first.execute("CREATE TEMPORARY TABLE IF NOT EXISTS kept (number INTEGER)")
    first.commit()
    first.execute("BEGIN")
    first.execute("INSERT INTO kept VALUES (1)")
    pool.give_back(first)

    again = pool.take()
    n_rows = again.execute("SELECT count(*) FROM kept").fetchone()[0]
    pool.give_back(again)

    assert again is first
    assert n_rows == 0


def test_connections_of_a_busy_moment_are_closed_after_it(pool: Pool) -> None:
    lent = [pool.take() for _ in range(KEPT + 1)]
    for connection in lent:
        pool.give_back(connection)

    with pytest.raises(pool.driver.errors):
        lent[-1].execute("SELECT 1")
    assert lent[0].execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_was_lent_while_the_store_closed_is_closed_when_it_comes_back(
    pool: Pool,
) -> None:
    lent = pool.take()
    pool.dispose()
    lent.execute("SELECT 1")

    pool.give_back(lent)

    with pytest.raises(pool.driver.errors):
        lent.execute("SELECT 1")


def test_whoever_comes_when_all_are_lent_waits_for_the_next(pool: Pool) -> None:
    lent = [pool.take() for _ in range(2 * KEPT)]
    got = threading.Event()

    def wait_for_one() -> None:
        pool.give_back(pool.take())
        got.set()

    waiting = threading.Thread(target=wait_for_one)
    waiting.start()
    has_waited = not got.wait(0.05)
    pool.give_back(lent.pop())
    waiting.join()
    for connection in lent:
        pool.give_back(connection)

    assert has_waited
    assert got.is_set()


def test_a_file_that_cannot_be_opened_is_a_store_error_each_time(tmp_path: Path) -> None:
    (tmp_path / "leads.db").write_bytes(b"no database, but a file as long as the header of one" * 9)

    with closing(open_store(f"sqlite:///{tmp_path / 'leads.db'}")) as store:
        for _ in range(2 * KEPT + 1):
            with pytest.raises(StoreError, match="damaged or no SQLite database"):
                store.check_schema()


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("ann:p%40ss:w%2Frd@db.example:5433/leads", {
            "user": "ann", "password": "p@ss:w/rd", "host": "db.example", "port": "5433",
            "dbname": "leads",
        }),
        ("ann:50%25@[::1]/leads?sslmode=require", {
            "user": "ann", "password": "50%", "host": "::1", "dbname": "leads",
            "sslmode": "require",
        }),
        ("ann:@/leads?host=/run/postgresql", {
            "user": "ann", "dbname": "leads", "host": "/run/postgresql",
        }),
        ("/leads", {"dbname": "leads"}),
    ],
)  # fmt: skip
def test_the_parts_of_a_postgresql_url(location: str, place: dict[str, str]) -> None:
    pytest.importorskip("psycopg")
    from leadqual.store.postgresql import read_location

    assert read_location(location) == place


@pytest.mark.parametrize(
    "location", ["ann:50%@db/leads", "ann:p w@db/leads", "db/leads?colour=red"]
)
def test_what_libpq_does_not_take_is_no_location(location: str) -> None:
    pytest.importorskip("psycopg")
    from leadqual.store.postgresql import read_location

    assert read_location(location) is None


def test_a_process_on_postgresql_that_runs_statements_needs_no_sqlalchemy(
    postgres_url: str,
) -> None:
    code = (
        "import sys; from leadqual.store import open_store; store = open_store(sys.argv[1]);"
        "store.check_schema()\n"
        "with store.read() as tx: tx.aliases.list(); tx.leads.count()\n"
        "store.close(); sys.exit('sqlalchemy' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, postgres_url], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
