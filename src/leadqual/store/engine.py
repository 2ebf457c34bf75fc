"""Open connections the way this store needs them."""

from __future__ import annotations

import select
import sqlite3
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError

from leadqual.config import make_private_file, make_private_folder
from leadqual.errors import ConfigError

SAFE_SQLITE: Final = (3, 51, 3)
"""Older versions can corrupt a WAL database that several connections write."""

_POOL_SIZE: Final = 16
_BUSY_MS: Final = 5_000
_POSTGRESQL_OPTIONS: Final = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "timezone": "UTC",
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "60s",
        "synchronous_commit": "on",
    }.items()
)


@dataclass(frozen=True, slots=True)
class Engines:
    """Two engines on one database: one whose transactions may write, one that only reads."""

    url: URL
    writing: Engine
    reading: Engine
    warnings: tuple[str, ...]

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.writing.dispose()
        if self.reading is not self.writing:
            self.reading.dispose()


def open_engines(url: str) -> Engines:
    """Return engines for a database URL; nothing is connected yet.

    Parameters
    ----------
    url : str
        `sqlite:///path/to/file.db` or `postgresql://user:password@host/database`.

    Raises
    ------
    ConfigError
        When the URL is malformed, of another database, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(
            "LEADQUAL_DATABASE_URL is no database URL; write sqlite:///path/to/file.db or "
            "postgresql://user:password@host/database"
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(parsed)
    if backend in {"postgresql", "postgres"}:
        return _open_postgresql(parsed.set(drivername="postgresql+psycopg"))
    raise ConfigError(
        f"LEADQUAL_DATABASE_URL names {backend!r}; this store knows sqlite and postgresql"
    )


def _open_sqlite(url: URL) -> Engines:
    """Return a writing engine and one whose connections refuse writes."""
    if not url.database or url.database == ":memory:":
        raise ConfigError(
            "LEADQUAL_DATABASE_URL names no SQLite file (memory alone would lose every lead); "
            "write sqlite:///path/to/file.db"
        )
    path = Path(url.database).absolute()
    make_private_folder(path.parent)
    module = sqlite_module()
    warnings: tuple[str, ...] = ()
    if module.sqlite_version_info < SAFE_SQLITE:
        warnings = (
            f"SQLite {module.sqlite_version} can corrupt a database that several processes "
            "write; install the package pysqlite3 (SQLite 3.51.3 or newer) and run one worker",
        )
    options: dict[str, Any] = {
        "module": module,
        "pool_size": _POOL_SIZE,
        "max_overflow": _POOL_SIZE,
        "hide_parameters": True,
        "connect_args": {"cached_statements": 256, "isolation_level": None},
    }
    writing = create_engine(url, **options)
    reading = create_engine(url, **options)
    for engine in (writing, reading):
        event.listen(engine, "do_connect", lambda *_: make_private_file(path))
    event.listen(writing, "connect", _set_up_sqlite)
    event.listen(writing, "begin", _begin_immediate)
    event.listen(reading, "connect", _set_up_sqlite)
    event.listen(reading, "connect", _refuse_writes)
    event.listen(reading, "begin", _begin)
    return Engines(url=url, writing=writing, reading=reading, warnings=warnings)


def sqlite_module() -> ModuleType:
    """Return the newest SQLite driver there is: the pysqlite3 wheel, else Python's own."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    module: ModuleType = dbapi2
    return module


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - either driver's connection
    """Make every pooled connection durable, strict and patient."""
    for pragma in (
        f"busy_timeout={_BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "trusted_schema=OFF",
        "cache_size=-16000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _refuse_writes(connection: Any, _record: object) -> None:  # noqa: ANN401 - either driver's connection
    """Make the connections of readers refuse to write."""
    connection.execute("PRAGMA query_only=ON")


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: a read that turns into a write fails without waiting."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    """Start a read: one snapshot for the whole transaction, blocking nobody."""
    connection.exec_driver_sql("BEGIN")


def _open_postgresql(url: URL) -> Engines:
    """Return one engine; its reading twin opens read-only transactions on the same pool."""
    try:
        engine = create_engine(
            url,
            pool_size=_POOL_SIZE,
            max_overflow=_POOL_SIZE,
            pool_recycle=1_800,
            hide_parameters=True,
            connect_args={
                "connect_timeout": 3,
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "options": _POSTGRESQL_OPTIONS,
            },
        )
    except ModuleNotFoundError:
        raise ConfigError(
            "LEADQUAL_DATABASE_URL names PostgreSQL, but its driver is not installed; run "
            "`pip install 'leadqual[postgres]'`"
        ) from None
    event.listen(engine, "checkout", partial(_refuse_ended, engine.dialect))
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(url=url, writing=engine, reading=reading, warnings=())


def _refuse_ended(dialect: Dialect, connection: Any, *_: object) -> None:  # noqa: ANN401 - the driver's connection
    """Make the pool connect anew where the server ended its connections.

    Then there is something to read, or an end, before anybody asked: looking takes two microseconds
    where asking on every checkout (`pool_pre_ping`) takes a round trip. Only where there is
    something, a notice perhaps, the server is asked.
    """
    if connection.closed:
        raise InvalidatePoolError
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    if not waiting.poll(0):
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error
