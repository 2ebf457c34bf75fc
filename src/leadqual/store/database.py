"""The store: transactions on one database, and what its operator does with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from leadqual.store.connections import Connections, open_connections
from leadqual.store.faults import store_error
from leadqual.store.pool import Pool
from leadqual.store.records import CheckReport, StoreInfo
from leadqual.store.schema import check_revision, read_revision
from leadqual.store.sessions import Reading, Writing
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
    return Store(open_connections(url))


class Store:
    """Hold the connections to one database. Safe to share between threads.

    Attributes
    ----------
    warnings : tuple of str
        What is not as safe as it could be, for readiness and `leadqual doctor`.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.warnings = connections.warnings
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
        return Writing(self._connections.writing, self._turns)

    def read(self) -> AbstractContextManager[Tx]:
        """Return a read-only transaction on one snapshot; it waits for nobody.

        Raises
        ------
        StoreError
            When the database cannot be reached, or when something tries to write.
        """
        return Reading(self._connections.reading)

    def load_compiler(self) -> None:
        """Import SQLAlchemy and compile a statement that depends on who asks.

        A serving process does so beside its first answers: the first look at a queue would wait
        for it.
        """
        from leadqual.store.claims import claims
        from leadqual.store.item_rows import EVERYTHING

        claims(EVERYTHING).find.plan(self._connections.driver.dialect)

    def upgrade(self) -> None:
        """Bring the schema to that of this program; an empty database is set up.

        Raises
        ------
        SchemaVersionError
            When the database is newer than this program, or another program's.
        """
        # SQLAlchemy and Alembic take 0.3 s to import; a server that is up to date never needs them.
        from leadqual.store.migrating import upgrade_schema

        upgrade_schema(self._connections)

    def check_schema(self) -> None:
        """Do nothing when the schema is that of this program.

        Raises
        ------
        SchemaVersionError
            When it is missing, older, newer or another program's; the message says what to do.
        """
        with _lent(self._connections.reading) as connection:
            check_revision(self._revision(connection))

    def info(self) -> StoreInfo:
        """Return what the database is. Raises `SchemaVersionError` for a foreign one."""
        driver = self._connections.driver
        ask = "SHOW server_version" if driver.is_postgresql else "SELECT sqlite_version()"
        with _lent(self._connections.reading) as connection:
            return StoreInfo(
                dialect=driver.dialect,
                version=str(connection.execute(ask).fetchone()[0]),
                schema=self._revision(connection),
                warnings=self.warnings,
            )

    def check(self, now: datetime) -> CheckReport:
        """Return whether the database is sound and its queues follow from its events."""
        from leadqual.store.integrity import check_integrity

        with self.read() as tx:
            return check_integrity(tx.link, now=now)

    def backup(self, path: Path) -> None:
        """Write a checked copy to a file while the store is in use; replaces the file at once.

        Raises
        ------
        StoreError
            When it failed: then `path` is as it was.
        """
        from leadqual.store.backups import back_up

        back_up(self._connections.place, path)

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
        if self._connections.driver.is_postgresql:
            with _lent(self._connections.writing) as connection:
                refuse_others(connection)
            self.close()
        restore_backup(self._connections.place, path)

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
        pool = self._connections.writing
        if not pool.driver.is_postgresql:
            with _lent(pool) as connection:
                is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                return not is_busy
        with _without_transaction(pool) as connection:
            for name in _PERSONAL_TABLES:
                connection.execute(f"VACUUM (FULL) {name}")
        return True

    def tidy(self) -> None:
        """Take what claims left dead out of the indexes of the queues, where that is much.

        PostgreSQL looks once a minute whether a table needs a vacuum; at a thousand claims a second
        the search for the best lead then passes sixty thousand dead entries. Waits for nobody and
        locks nobody out. Nothing to do on SQLite.
        """
        pool = self._connections.writing
        if not pool.driver.is_postgresql:
            return
        with _without_transaction(pool) as connection:
            n_dead = int(connection.execute(_N_DEAD).fetchone()[0])
            self._n_kept = min(self._n_kept, n_dead)
            if n_dead < self._n_kept + _MANY_DEAD:
                return
            connection.execute("VACUUM (SKIP_LOCKED) queue_items")
            # What an old transaction still sees stays, and is no reason to start again.
            self._n_kept = int(connection.execute(_N_DEAD).fetchone()[0])

    def close(self) -> None:
        """Close every connection. The store opens new ones when it is used again."""
        self._connections.dispose()

    def _revision(self, connection: Any) -> str | None:  # noqa: ANN401 - of any driver
        is_postgresql = self._connections.driver.is_postgresql
        return read_revision(connection.cursor(), is_postgresql=is_postgresql)


@contextmanager
def _lent(pool: Pool) -> Iterator[Any]:
    """Lend a connection and raise our errors where its driver raises its own."""
    connection = pool.take()
    try:
        yield connection
    except pool.driver.errors as error:
        raise store_error(error) from None
    finally:
        pool.give_back(connection)


@contextmanager
def _without_transaction(pool: Pool) -> Iterator[Any]:
    """Lend a connection to PostgreSQL on which a vacuum may run, for as long as it takes."""
    with _lent(pool) as connection:
        connection.autocommit = True
        try:
            connection.execute("SET statement_timeout = 0")
            yield connection
        finally:
            # Opening another one is quicker than to be sure that all is again as it was.
            connection.close()
