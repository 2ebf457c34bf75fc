"""The store: transactions on one database, and what its operator does with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from leadqual.errors import BusyError
from leadqual.store.engine import Engines, open_engines
from leadqual.store.faults import AGAIN, store_error
from leadqual.store.prepared import Link
from leadqual.store.records import CheckReport, StoreInfo
from leadqual.store.schema import check_revision, read_revision, upgrade_schema
from leadqual.store.sessions import Reading, Writing, unreachable
from leadqual.store.transaction import Tx

_MANY_DEAD: Final = 5_000
_N_DEAD: Final = (
    "SELECT coalesce(max(n_dead_tup), 0) FROM pg_stat_user_tables "
    "WHERE relid = 'queue_items'::regclass"
)
_PERSONAL_TABLES: Final = (
    "leads",
    "touches",
    "scores",
    "events",
    "handoffs",
    "outbox",
    "external_ids",
)


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
        self._turns = threading.Lock()
        self._n_kept = 0

    def transaction(self) -> AbstractContextManager[Tx]:
        """Return a writing transaction; it is committed at the end, or undone when it raises.

        Raises
        ------
        BusyError
            When another process holds the database for too long: nothing was written.
        StoreError
            When the database cannot be reached, or did not confirm the commit. Then whether it
            was written is not known, and only an idempotency key makes trying again safe.
        """
        return Writing(self._engines.writing, self._turns)

    def read(self) -> AbstractContextManager[Tx]:
        """Return a read-only transaction on one snapshot; it waits for nobody.

        Raises
        ------
        StoreError
            When the database cannot be reached, or when something tries to write.
        """
        return Reading(self._engines.reading)

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

    def check(self, now: datetime) -> CheckReport:
        """Return whether the database is sound and its queues follow from its events."""
        from leadqual.store.integrity import check_integrity

        with _our_errors(), self._engines.reading.begin() as connection:
            cursor = connection.connection.cursor()
            link = Link(cursor, connection.dialect, is_writing=False)
            return check_integrity(connection, Tx(link), now=now)

    def backup(self, path: Path) -> None:
        """Write a checked copy to a file while the store is in use; replaces the file at once.

        Raises
        ------
        StoreError
            When it failed: then `path` is as it was.
        """
        from leadqual.store.backups import back_up

        back_up(self._engines.url, path)

    def restore(self, path: Path) -> None:
        """Replace everything by a backup. Stop the servers first.

        Raises
        ------
        FileFormatError, SchemaVersionError
            When the file is damaged, no backup of ours or a newer program's.
        BusyError
            When something still uses the database. In each case nothing was changed.
        """
        from leadqual.store.backups import refuse_others, restore_backup

        self.close()
        if self._engines.writing.dialect.name == "postgresql":
            with _our_errors(), self._engines.writing.connect() as connection:
                refuse_others(connection)
            self.close()
        restore_backup(self._engines.url, path)

    def scrub(self) -> bool:
        """Remove the bytes of what was deleted from the files; call it after an erasure.

        SQLite overwrites deleted rows with zeros at once (`secure_delete`), so only its log is
        emptied; that has to wait for readers, and then False is returned: call it again.
        PostgreSQL rewrites the tables under a lock that keeps everybody out while it runs.

        Raises
        ------
        BusyError
            When PostgreSQL did not get that lock in time.
        """
        engine = self._engines.writing
        if engine.dialect.name == "sqlite":
            with _our_errors(), closing(engine.raw_connection()) as connection:
                is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                return not is_busy
        with (
            _our_errors(),
            engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        ):
            connection.exec_driver_sql("SET statement_timeout = 0")
            for name in _PERSONAL_TABLES:
                connection.exec_driver_sql(f"VACUUM (FULL) {name}")
            connection.exec_driver_sql("RESET statement_timeout")
        return True

    def tidy(self) -> None:
        """Take what claims left dead out of the indexes of the queues, where that is much.

        PostgreSQL looks once a minute whether a table needs a vacuum; at a thousand claims a second
        the search for the best lead then passes sixty thousand dead entries. Waits for nobody and
        locks nobody out. Nothing to do on SQLite.
        """
        engine = self._engines.writing
        if engine.dialect.name == "sqlite":
            return
        with (
            _our_errors(),
            engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        ):
            n_dead = int(connection.exec_driver_sql(_N_DEAD).scalar_one())
            self._n_kept = min(self._n_kept, n_dead)
            if n_dead < self._n_kept + _MANY_DEAD:
                return
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM (SKIP_LOCKED) queue_items")
            connection.exec_driver_sql("RESET statement_timeout")
            # What an old transaction still sees stays, and is no reason to start again.
            self._n_kept = int(connection.exec_driver_sql(_N_DEAD).scalar_one())

    def close(self) -> None:
        """Close every connection. The store opens new ones when it is used again."""
        self._engines.dispose()


@contextmanager
def _our_errors() -> Iterator[None]:
    """Raise our errors where SQLAlchemy raises its own, without the values in them."""
    try:
        yield
    except DBAPIError as error:
        original = error.orig
        raise (
            store_error(original) if isinstance(original, Exception) else unreachable()
        ) from None
    except SQLAlchemyError as error:
        if isinstance(error, PoolTimeoutError):
            raise BusyError(f"every database connection is in use; {AGAIN}") from None
        raise unreachable() from None
