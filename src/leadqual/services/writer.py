"""Group commit: many units of work, one transaction, one fsync."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from leadqual.errors import BusyError, StoreError
from leadqual.store import Store, Tx

T = TypeVar("T")

MAX_GROUP: Final = 64
MAX_WAITING: Final = 4096


@dataclass(frozen=True, slots=True)
class _Unit:
    work: Callable[[Tx], Any]
    future: Future[Any]


class GroupWriter:
    """Run units of work on one thread, up to 64 per transaction.

    A future resolves only after COMMIT, so what is acknowledged is on disk. Each unit has a
    savepoint: one that raises is rolled back alone and its error goes to its own caller.

    Parameters
    ----------
    store : Store
        An open store with the current schema.
    max_waiting : int
        Units that may wait; above it `submit` refuses instead of growing without bound.
    """

    def __init__(self, store: Store, *, max_waiting: int = MAX_WAITING) -> None:
        self._store = store
        self._waiting: queue.Queue[_Unit | None] = queue.Queue(max_waiting)
        self._closed = threading.Event()
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="leadqual-writer", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Return whether writes are being taken."""
        return self._thread.is_alive() and not self._closed.is_set()

    @property
    def n_waiting(self) -> int:
        """Return about how many units wait for their transaction."""
        return self._waiting.qsize()

    def submit(self, work: Callable[[Tx], T]) -> Future[T]:
        """Queue one unit of work; the future resolves after its transaction is committed.

        `work` may run a second time when it lost a race with another process, so its only
        effects must be on the transaction it is given.

        Raises
        ------
        BusyError
            When too many units wait already, or the writer is closed: nothing was written.
        """
        future: Future[T] = Future()
        with self._closing:
            if self._closed.is_set():
                raise BusyError("the service is shutting down; send the request again")
            try:
                self._waiting.put_nowait(_Unit(work, future))
            except queue.Full:
                raise BusyError(
                    f"{self._waiting.maxsize} writes are waiting already; try again in a second"
                ) from None
        return future

    def run(self, work: Callable[[Tx], T]) -> T:
        """Submit one unit and wait for its commit; its error is raised here."""
        return self.submit(work).result()

    def close(self) -> None:
        """Refuse new work, finish what waits and stop the thread. Safe to call twice."""
        with self._closing:
            if self._closed.is_set():
                return
            self._closed.set()
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._commit(group)

    def _next_group(self) -> tuple[list[_Unit], bool]:
        """Wait for one unit, then take what else is there, without waiting."""
        unit = self._waiting.get()
        group: list[_Unit] = []
        while unit is not None:
            if unit.future.set_running_or_notify_cancel():
                group.append(unit)
            if len(group) >= MAX_GROUP:
                return group, True
            try:
                unit = self._waiting.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[_Unit], *, is_last_try: bool = False) -> None:
        """Run a group in one transaction; resolve its futures when that is committed.

        A unit that lost a race with another process was undone and runs once more, alone.
        """
        outcomes: list[tuple[_Unit, Any, Exception | None]] = []
        try:
            with self._store.transaction() as tx:
                outcomes.extend((unit, *_attempt(tx, unit.work)) for unit in group)
        except Exception as error:  # noqa: BLE001 - what broke the transaction belongs to all of its callers
            for unit in group:
                unit.future.set_exception(_failure(error))
            return
        lost: list[_Unit] = []
        for unit, result, problem in outcomes:
            if problem is None:
                unit.future.set_result(result)
            elif isinstance(problem, BusyError) and not is_last_try:
                lost.append(unit)
            else:
                unit.future.set_exception(problem)
        for unit in lost:
            self._commit([unit], is_last_try=True)


def _failure(error: Exception) -> StoreError:
    """Return an error of its own for each caller: a traceback belongs to one thread."""
    kind = type(error) if isinstance(error, BusyError) else StoreError
    failure = kind(f"the write was not confirmed ({type(error).__name__}); send it again")
    failure.__cause__ = error
    return failure


def _attempt(tx: Tx, work: Callable[[Tx], T]) -> tuple[T | None, Exception | None]:
    """Run one unit in its own savepoint."""
    try:
        with tx.savepoint():
            return work(tx), None
    except Exception as error:  # noqa: BLE001 - an error belongs to whoever submitted the work
        return None, error
