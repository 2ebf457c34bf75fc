"""The store: transactions on one database, and what its operator does with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from leadqual.errors import BusyError, LeadqualError, StoreError
from leadqual.store.engine import Engines, open_engines
from leadqual.store.faults import AGAIN, store_error
from leadqual.store.prepared import Link
from leadqual.store.records import StoreInfo
from leadqual.store.schema import check_revision, read_revision, upgrade_schema
from leadqual.store.transaction import Tx

_PERSONAL_TABLES: Final = ("leads", "touches", "scores", "events", "handoffs", "outbox")


def open_store(url: str) -> Store:
    """Return the store at a database URL. Cheap: nothing is connected until it is used.

    Parameters
    ----------
    url : str
        `sqlite:///path/to/file.db` (the folder is made) or `postgresql://user@host/database`.

    Raises
    ------
    ConfigError
        When the URL is malformed or of another database, or its driver is not installed.
    """
    return Store(open_engines(url))


class Store:
    """Hold the connections to one database. Safe to share between threads.

    Attributes
    ----------
    warnings : tuple of str
        What is not as safe as it could be, for readiness and `leadqual doctor`.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self.warnings = engines.warnings

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """Open a writing transaction; it is committed at the end, or undone when it raises.

        Raises
        ------
        BusyError
            When another process holds the database for too long: nothing was written.
        StoreError
            When the database cannot be reached, or did not confirm the commit. Then whether it
            was written is not known, and only an idempotency key makes trying again safe.
        """
        with self._session(self._engines.writing, is_writing=True) as (connection, link):
            yield Tx(link)
            _commit(connection, link)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a read-only transaction on one snapshot; it waits for nobody.

        Raises
        ------
        StoreError
            When the database cannot be reached, or when something tries to write.
        """
        with self._session(self._engines.reading, is_writing=False) as (_, link):
            yield Tx(link)

    @contextmanager
    def _session(self, engine: Engine, *, is_writing: bool) -> Iterator[tuple[Connection, Link]]:
        """Check out a connection, begin, and give it back without anything left open."""
        with _our_errors():
            connection = engine.connect()
        try:
            with _our_errors():
                connection.begin()
                cursor = connection.connection.cursor()
            yield connection, Link(cursor, engine.dialect, is_writing=is_writing)
        finally:
            with suppress(SQLAlchemyError):
                connection.close()

    def upgrade(self) -> None:
        """Bring the schema to that of this program; an empty database is set up.

        Raises
        ------
        SchemaVersionError
            When the database is newer than this program, or another program's.
        """
        with _our_errors(), self._engines.writing.begin() as connection:
            upgrade_schema(connection)

    def check_schema(self) -> None:
        """Do nothing when the schema is that of this program.

        Raises
        ------
        SchemaVersionError
            When it is missing, older, newer or another program's; the message says what to do.
        """
        with _our_errors(), self._engines.reading.connect() as connection:
            check_revision(read_revision(connection))

    def info(self) -> StoreInfo:
        """Return what the database is. Raises `SchemaVersionError` for a foreign one."""
        with _our_errors(), self._engines.reading.connect() as connection:
            dialect = connection.dialect
            version = connection.exec_driver_sql(
                "SHOW server_version" if dialect.name == "postgresql" else "SELECT sqlite_version()"
            ).scalar_one()
            return StoreInfo(
                dialect=dialect.name,
                version=str(version),
                schema=read_revision(connection),
                warnings=self.warnings,
            )

    def close(self) -> None:
        """Close every connection. The store opens new ones when it is used again."""
        self._engines.dispose()


def _commit(connection: Connection, link: Link) -> None:
    """Commit, unless the database gave the transaction up on the way."""
    if link.is_given_up:
        raise StoreError(f"the database gave up the whole transaction; {AGAIN}")
    with _our_errors():
        connection.commit()


@contextmanager
def _our_errors() -> Iterator[None]:
    """Raise our errors where SQLAlchemy raises its own, without the values in them."""
    try:
        yield
    except DBAPIError as error:
        original = error.orig
        raise (store_error(original) if isinstance(original, Exception) else _down()) from None
    except SQLAlchemyError as error:
        if isinstance(error, PoolTimeoutError):
            raise BusyError(f"every database connection is in use; {AGAIN}") from None
        raise _down() from None


def _down() -> LeadqualError:
    return StoreError("the database cannot be reached; see its log, then try again")
