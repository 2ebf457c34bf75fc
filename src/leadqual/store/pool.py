"""Connections that are kept open for the next transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from leadqual.errors import BusyError
from leadqual.store.faults import AGAIN, store_error
from leadqual.store.prepared import Driver

KEPT: Final = 16
"""So many connections are kept; as many more are opened under load and closed after it."""

_MOST: Final = 2 * KEPT
_PATIENCE_SECONDS: Final = 30.0


class Pool:
    """Lend connections of a driver, each to one transaction at a time. Safe between threads.

    What was used last is lent first: its caches are warm. A process that was forked off must not
    use the connections of its parent, so it needs a store of its own.

    Parameters
    ----------
    driver : Driver
        Whose connections they are.
    connect : callable
        Opens a connection that any thread may use.
    is_ended : callable, optional
        Returns whether the server has ended a connection that nobody used.
    max_age_seconds : float, optional
        Connections that are older are replaced.
    """

    def __init__(
        self,
        driver: Driver,
        connect: Callable[[], Any],
        *,
        is_ended: Callable[[Any], bool] | None = None,
        max_age_seconds: float | None = None,
    ) -> None:
        self.driver = driver
        self.connect = connect
        self._is_ended = is_ended
        self._max_age_seconds = max_age_seconds
        self._places = threading.Semaphore(_MOST)
        self._keeping = threading.Lock()
        self._idle: list[Any] = []
        self._opened: dict[int, float] = {}

    def take(self) -> Any:  # noqa: ANN401 - a connection of any driver
        """Return a connection that nobody else uses until `give_back`.

        Raises
        ------
        BusyError
            When every connection stays in use.
        StoreError
            When the database cannot be reached.
        """
        if not self._places.acquire(timeout=_PATIENCE_SECONDS):
            raise BusyError(f"every database connection is in use; {AGAIN}")
        try:
            return self._kept() or self._new()
        except self.driver.errors as error:
            self._places.release()
            raise store_error(error) from None
        except BaseException:
            self._places.release()
            raise

    def give_back(self, connection: Any) -> None:  # noqa: ANN401 - a connection of any driver
        """Undo what is open and keep the connection, or close it: one too many, or broken."""
        is_kept = False
        try:
            with suppress(*self.driver.errors):
                connection.rollback()
                is_kept = self._keep(connection)
        finally:
            if not is_kept:
                self._drop(connection)
            self._places.release()

    def dispose(self) -> None:
        """Close every connection; those that are lent, when they come back."""
        with self._keeping:
            idle, self._idle = self._idle, []
            self._opened.clear()
        for connection in idle:
            self._drop(connection)

    def _keep(self, connection: Any) -> bool:  # noqa: ANN401 - a connection of any driver
        """Keep a connection, unless there are enough or the pool was closed meanwhile."""
        with self._keeping:
            if id(connection) not in self._opened or len(self._idle) >= KEPT:
                return False
            self._idle.append(connection)
            return True

    def _kept(self) -> Any | None:  # noqa: ANN401 - a connection of any driver
        """Return a connection that can still be used, None when there is none."""
        while True:
            with self._keeping:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not self._is_over(connection):
                return connection
            self._drop(connection)

    def _is_over(self, connection: Any) -> bool:  # noqa: ANN401 - a connection of any driver
        if self._max_age_seconds is not None:
            opened_at = self._opened.get(id(connection), -self._max_age_seconds)
            if time.monotonic() - opened_at > self._max_age_seconds:
                return True
        return self._is_ended is not None and self._is_ended(connection)

    def _new(self) -> Any:  # noqa: ANN401 - a connection of any driver
        connection = self.connect()
        self._opened[id(connection)] = time.monotonic()
        return connection

    def _drop(self, connection: Any) -> None:  # noqa: ANN401 - a connection of any driver
        self._opened.pop(id(connection), None)
        with suppress(*self.driver.errors):
            connection.close()
