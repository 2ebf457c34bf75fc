"""The same tests over SQLite and a real PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leadqual.store import Store, open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Name the database under test."""
    return str(request.param)


@pytest.fixture
def url(request: pytest.FixtureRequest, database: str) -> str:
    """Return the URL of an empty store whose schema a test leaves as it is."""
    name = "postgres_url" if database == "postgresql" else "sqlite_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def bare_url(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> str:
    """Return the URL of a database of this test's own, without any schema."""
    if database == "postgresql":
        return str(request.getfixturevalue("bare_postgres_url"))
    return f"sqlite:///{tmp_path / 'bare.db'}"


@pytest.fixture
def own_url(bare_url: str) -> str:
    """Return the URL of an empty store of this test's own, to be changed at will."""
    with closing(open_store(bare_url)) as store:
        store.upgrade()
    return bare_url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Return an empty store."""
    with closing(open_store(url)) as opened:
        yield opened
