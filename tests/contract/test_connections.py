"""Connections are lent to one transaction at a time and kept for the next."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from leadqual.errors import ConfigError, StoreError
from leadqual.store import Store, open_store
from leadqual.store.connections import open_connections
from leadqual.store.pool import KEPT, Pool
from tests.contract.records import NOW

PAGE = 4096
"""Bytes of a page of SQLite."""


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


def test_each_damaged_page_is_reported_or_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "leads.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.upgrade()
    whole = path.read_bytes()

    found = []
    for page in range(1, 13):
        content = bytearray(whole)
        content[page * PAGE : (page + 1) * PAGE] = b"\xff" * PAGE
        path.write_bytes(content)
        with closing(open_store(f"sqlite:///{path}")) as store:
            try:
                found.append(bool(store.check(NOW).problems))
            except StoreError as error:
                found.append("damaged" in str(error))

    assert all(found)


def test_a_sqlite_url_takes_no_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="question mark"):
        open_connections(f"sqlite:///{tmp_path / 'leads.db'}?timeout=20")


@pytest.mark.parametrize("host", ["readonly.invalid", "busybox.invalid"])
def test_an_unknown_host_is_not_judged_by_its_name(host: str) -> None:
    pytest.importorskip("psycopg")

    with (
        closing(open_store(f"postgresql://ann@{host}/leads")) as store,
        pytest.raises(StoreError, match="cannot be reached or broke off; see its log") as failure,
    ):
        store.check_schema()

    assert host not in str(failure.value)


def test_a_connection_that_is_too_old_is_replaced(url: str) -> None:
    opened = open_connections(url)
    pool = Pool(opened.driver, opened.writing.connect, max_age_seconds=0.0)
    first = pool.take()
    pool.give_back(first)
    second = pool.take()
    pool.give_back(second)
    pool.dispose()

    assert second is not first


def test_a_connection_that_cannot_be_rolled_back_for_any_reason_is_closed(pool: Pool) -> None:
    lent = pool.take()

    with pytest.raises(KeyboardInterrupt):
        pool.give_back(Interrupted(lent))

    with pytest.raises(pool.driver.errors):
        lent.execute("SELECT 1")


class Interrupted:
    """A connection whose user presses Ctrl-C during the rollback."""

    def __init__(self, connection: Any) -> None:
        self.close = connection.close

    def rollback(self) -> None:
        """Do not get that far."""
        raise KeyboardInterrupt


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
    "location", ["ann:50%@db/leads", "ann:p w@db/leads", "db/leads?colour=red", "ann:p/w@db/leads"]
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


def test_a_vacuum_whose_server_went_away_tells_that_and_the_next_one_works(
    bare_postgres_url: str,
) -> None:
    psycopg = pytest.importorskip("psycopg", reason="install leadqual[postgresql]")
    problems: list[BaseException] = []
    with closing(open_store(bare_postgres_url)) as store, ExitStack() as stack:
        store.upgrade()
        other = stack.enter_context(psycopg.connect(bare_postgres_url))
        other.execute("LOCK TABLE leads IN ACCESS SHARE MODE")
        # Within a transaction the view would stay as it is at first.
        judge = stack.enter_context(psycopg.connect(bare_postgres_url, autocommit=True))
        vacuum = threading.Thread(target=_scrub, args=(store, problems))
        vacuum.start()
        while not judge.execute(_END_VACUUM).fetchall():
            assert vacuum.is_alive()
        vacuum.join()
        other.rollback()

        is_done = store.scrub()

    assert [str(problem) for problem in problems] == [
        "PostgreSQL refused or broke off (SQLSTATE 57P01); see its log, then try again"
    ]
    assert is_done


_END_VACUUM = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'VACUUM%' AND wait_event_type = 'Lock'
"""


def _scrub(store: Store, problems: list[BaseException]) -> None:
    try:
        store.scrub()
    except StoreError as error:
        problems.append(error)
