"""Transactions on the driver's own connections."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, Final

from leadqual.errors import BusyError, StoreError
from leadqual.store.faults import AGAIN, store_error
from leadqual.store.pool import Pool
from leadqual.store.prepared import Link
from leadqual.store.transaction import Tx

_PATIENCE_SECONDS: Final = 5.0
_REPEATABLE_READ: Final = 3  # psycopg.IsolationLevel.REPEATABLE_READ


class Reading:
    """A read-only transaction on one snapshot: nothing is left open behind it.

    Parameters
    ----------
    pool : Pool
        Whose connection it takes.

    Raises
    ------
    BusyError
        On entering, when every connection stays in use.
    StoreError
        When the database cannot be reached.
    """

    __slots__ = ("_connection", "_is_sqlite", "_link", "_pool")

    _is_writing = False
    _begin = "BEGIN"

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._is_sqlite = not pool.driver.is_postgresql

    def __enter__(self) -> Tx:
        """Take a connection and begin."""
        self._connection = self._pool.take()
        try:
            # Times and numbers as they are cost PostgreSQL and its driver less than as text.
            how = {} if self._is_sqlite else {"binary": True}
            cursor = self._connection.cursor(**how)
            self._link = Link(cursor, self._pool.driver, is_writing=self._is_writing)
            if self._is_sqlite:
                self._link.say(self._begin)
            elif not self._is_writing:
                _set_read_only(self._connection, is_on=True)
        except BaseException:
            self._pool.give_back(self._connection)
            raise
        return Tx(self._link)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the transaction and give the connection back."""
        try:
            if not self._is_sqlite:
                with suppress(*self._pool.driver.errors):
                    self._connection.rollback()
                    _set_read_only(self._connection, is_on=False)
        finally:
            self._pool.give_back(self._connection)


class Writing(Reading):
    """A transaction that is committed at the end, or undone when something raised.

    Parameters
    ----------
    pool : Pool
        Whose connection it takes.
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

    def __init__(self, pool: Pool, turns: threading.Lock) -> None:
        super().__init__(pool)
        self._turns = turns

    def __enter__(self) -> Tx:
        """Wait for the turn, take a connection and begin."""
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
            self._pool.give_back(self._connection)
            if self._is_sqlite:
                self._turns.release()

    def _commit(self) -> None:
        """Commit, unless the database gave the transaction up on the way."""
        has_ended = self._is_sqlite and not self._connection.in_transaction
        if self._link.is_given_up or has_ended:
            raise StoreError(f"the database gave up the whole transaction; {AGAIN}")
        try:
            self._connection.commit()
        except self._pool.driver.errors as error:
            raise store_error(error) from None


def _set_read_only(connection: Any, *, is_on: bool) -> None:  # noqa: ANN401 - psycopg's connection
    """Say what psycopg's next BEGIN asks for; nothing is sent now."""
    connection.read_only = True if is_on else None
    connection.isolation_level = _REPEATABLE_READ if is_on else None
