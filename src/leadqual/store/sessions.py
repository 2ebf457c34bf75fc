"""Transactions on the driver's own connections.

SQLAlchemy pools the connections and knows the dialect. Beginning, committing and giving back
through its `Connection` costs 40 microseconds where the driver takes 5, three times that after a
pause, and every request pays it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from leadqual.errors import BusyError, LeadqualError, StoreError
from leadqual.store.faults import AGAIN, store_error
from leadqual.store.prepared import Link
from leadqual.store.transaction import Tx

_PATIENCE_SECONDS: Final = 5.0
_REPEATABLE_READ: Final = 3  # psycopg.IsolationLevel.REPEATABLE_READ


class Reading:
    """A read-only transaction on one snapshot: nothing is left open behind it.

    Parameters
    ----------
    engine : Engine
        Whose pool the connection is of.

    Raises
    ------
    BusyError
        On entering, when every connection stays in use.
    StoreError
        When the database cannot be reached.
    """

    __slots__ = ("_connection", "_engine", "_is_sqlite", "_link")

    _is_writing = False
    _begin = "BEGIN"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"

    def __enter__(self) -> Tx:
        """Check a connection out and begin."""
        self._connection = _checked_out(self._engine)
        try:
            # Times and numbers as they are cost PostgreSQL and its driver less than as text.
            how = {} if self._is_sqlite else {"binary": True}
            cursor = self._connection.cursor(**how)
            self._link = Link(cursor, self._engine.dialect, is_writing=self._is_writing)
            if self._is_sqlite:
                self._link.say(self._begin)
            elif not self._is_writing:
                _set_read_only(self._connection, is_on=True)
        except BaseException:
            self._give_back()
            raise
        return Tx(self._link)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the transaction and give the connection back."""
        try:
            if not self._is_sqlite:
                with suppress(self._engine.dialect.loaded_dbapi.Error):
                    self._connection.rollback()
                    _set_read_only(self._connection, is_on=False)
        finally:
            self._give_back()

    def _give_back(self) -> None:
        """Let the pool undo what is open; it drops a connection that cannot."""
        with suppress(SQLAlchemyError):
            self._connection.close()


class Writing(Reading):
    """A transaction that is committed at the end, or undone when something raised.

    Parameters
    ----------
    engine : Engine
        Whose pool the connection is of.
    turns : Lock
        Threads take turns at SQLite's one write lock. SQLite itself makes those who wait sleep
        and try again, without any order: under load a thread starved for its whole timeout.

    Raises
    ------
    BusyError
        On entering, when another process or thread holds the database for too long.
    StoreError
        When the database cannot be reached, or on leaving, when it did not confirm the commit.
    """

    __slots__ = ("_turns",)

    _is_writing = True
    # The lock at once: a read that turns into a write fails without waiting.
    _begin = "BEGIN IMMEDIATE"

    def __init__(self, engine: Engine, turns: threading.Lock) -> None:
        super().__init__(engine)
        self._turns = turns

    def __enter__(self) -> Tx:
        """Wait for the turn, check a connection out and begin."""
        if not self._is_sqlite:
            return super().__enter__()
        if not self._turns.acquire(timeout=_PATIENCE_SECONDS):
            raise BusyError(f"other writes took too long; {AGAIN}")
        try:
            return super().__enter__()
        except BaseException:
            self._turns.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Commit or undo, and give the connection back."""
        try:
            if kind is None:
                self._commit()
        finally:
            self._give_back()
            if self._is_sqlite:
                self._turns.release()

    def _commit(self) -> None:
        """Commit, unless the database gave the transaction up on the way."""
        connection: Any = self._connection.driver_connection
        has_ended = self._is_sqlite and not connection.in_transaction
        if self._link.is_given_up or has_ended:
            raise StoreError(f"the database gave up the whole transaction; {AGAIN}")
        try:
            connection.commit()
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise store_error(error) from None


def _checked_out(engine: Engine) -> PoolProxiedConnection:
    """Return a connection of the pool."""
    try:
        return engine.raw_connection()
    except PoolTimeoutError:
        raise BusyError(f"every database connection is in use; {AGAIN}") from None
    except SQLAlchemyError:
        raise unreachable() from None
    except engine.dialect.loaded_dbapi.Error as error:
        raise store_error(error) from None


def unreachable() -> LeadqualError:
    """Return the error for a database that does not answer."""
    return StoreError("the database cannot be reached; see its log, then try again")


def _set_read_only(connection: PoolProxiedConnection, *, is_on: bool) -> None:
    """Say what psycopg's next BEGIN asks for; nothing is sent now."""
    driver: Any = connection.driver_connection
    driver.read_only = True if is_on else None
    driver.isolation_level = _REPEATABLE_READ if is_on else None
