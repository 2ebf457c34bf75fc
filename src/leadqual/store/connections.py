"""Open connections the way this store needs them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from leadqual.config import make_private_file, make_private_folder
from leadqual.errors import ConfigError
from leadqual.store.pool import Pool
from leadqual.store.prepared import Driver

SAFE_SQLITE: Final = (3, 51, 3)
"""Older versions can corrupt a WAL database that several connections write."""

_BUSY_MS: Final = 5_000
_MAX_AGE_SECONDS: Final = 1_800.0
_NO_URL: Final = (
    "LEADQUAL_DATABASE_URL is no database URL; write sqlite:///path/to/file.db or "
    "postgresql://user:password@host/database, special characters of the password percent-encoded"
)
_PRAGMAS: Final = (
    f"busy_timeout={_BUSY_MS}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "trusted_schema=OFF",
    "cache_size=-16000",
)


class Connections(NamedTuple):
    """Two pools on one database: one whose transactions may write, one that only reads.

    Parameters
    ----------
    place : Path or mapping of str to str
        The file of SQLite; what libpq connects to PostgreSQL by, parameters by name.
    warnings : tuple of str
        What is not as safe as it could be.
    """

    place: Path | Mapping[str, str]
    writing: Pool
    reading: Pool
    warnings: tuple[str, ...] = ()

    @property
    def driver(self) -> Driver:
        """Return the driver of both."""
        return self.writing.driver

    def dispose(self) -> None:
        """Close every connection."""
        self.writing.dispose()
        self.reading.dispose()


def open_connections(url: str) -> Connections:
    """Return the pools for a database URL; nothing is connected yet.

    Parameters
    ----------
    url : str
        `sqlite:///path/to/file.db` or `postgresql://user:password@host/database`.

    Raises
    ------
    ConfigError
        When the URL is malformed, of another database, or its driver is not installed.
    """
    scheme, separator, location = url.partition("://")
    if not separator:
        raise ConfigError(_NO_URL)
    backend, _, _ = scheme.partition("+")
    if backend == "sqlite":
        return _open_sqlite(location)
    if backend in {"postgresql", "postgres"}:
        return _open_postgresql(location)
    raise ConfigError(
        f"LEADQUAL_DATABASE_URL names {backend!r}; this store knows sqlite and postgresql"
    )


def _open_sqlite(location: str) -> Connections:
    """Return a pool for writers and one whose connections refuse to write."""
    host, _, name = location.partition("/")
    if "?" in name:
        raise ConfigError(
            "LEADQUAL_DATABASE_URL (or LEADQUAL_HOME, where it is not set) has a question mark; a "
            "SQLite file is named without options, and without that character"
        )
    if host:
        raise ConfigError(_NO_URL)
    if name in {"", ":memory:"}:
        raise ConfigError(
            "LEADQUAL_DATABASE_URL names no SQLite file (memory alone would lose every lead); "
            "write sqlite:///path/to/file.db"
        )
    path = Path(name).absolute()
    make_private_folder(path.parent)
    module = sqlite_module()
    warnings: tuple[str, ...] = ()
    if module.sqlite_version_info < SAFE_SQLITE:
        warnings = (
            f"SQLite {module.sqlite_version} can corrupt a database that several processes "
            "write; install the package pysqlite3 (SQLite 3.51.3 or newer) and run one worker",
        )
    driver = Driver("sqlite", (module.Error,))
    writing = Pool(driver, partial(_connect_sqlite, path, _PRAGMAS))
    reading = Pool(driver, partial(_connect_sqlite, path, (*_PRAGMAS, "query_only=ON")))
    return Connections(path, writing, reading, warnings)


def sqlite_module() -> ModuleType:
    """Return the newest SQLite driver there is: the pysqlite3 wheel, else Python's own."""
    try:
        from pysqlite3 import dbapi2 as newest
    except ImportError:
        from sqlite3 import dbapi2

        return dbapi2
    module: ModuleType = newest
    return module


def _connect_sqlite(path: Path, pragmas: tuple[str, ...]) -> Any:  # noqa: ANN401 - either driver's connection
    """Return a connection that is durable, strict and patient; threads use it in turn."""
    make_private_file(path)
    connection = sqlite_module().connect(
        str(path), isolation_level=None, cached_statements=256, check_same_thread=False
    )
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _open_postgresql(location: str) -> Connections:
    """Return one pool; readers open read-only transactions on the same connections."""
    try:
        from leadqual.store.postgresql import DRIVER, connect, is_ended, read_location
    except ModuleNotFoundError:
        raise ConfigError(
            "LEADQUAL_DATABASE_URL names PostgreSQL, but its driver is not installed; run "
            "`pip install 'leadqual[postgres]'`"
        ) from None
    place = read_location(location)
    if place is None:
        raise ConfigError(_NO_URL)
    pool = Pool(
        DRIVER, partial(connect, place), is_ended=is_ended, max_age_seconds=_MAX_AGE_SECONDS
    )
    return Connections(place, pool, pool)
