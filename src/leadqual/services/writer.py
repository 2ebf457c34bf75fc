"""Group commit: many units of work, one transaction, one fsync."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from leadqual.errors import BusyError, StoreError
from leadqual.services.gathering import Gathering
from leadqual.services.units import (
    Crew,
    Outcome,
    Party,
    UndoneError,
    Unit,
    answer,
    prepare_parties,
    write_alone,
    write_party,
    write_together,
)
from leadqual.store import Store, Tx

T = TypeVar("T")

MAX_GROUP: Final = 64
MAX_WAITING: Final = 4096
_SHUTTING_DOWN: Final = "the service is shutting down; send the request again"


class GroupWriter:
    """Run units of work on one thread, up to 64 per transaction.

    A caller is answered only after COMMIT, so what is acknowledged is on disk. A unit that raises
    is undone alone and its error goes to its own caller.

    Parameters
    ----------
    store : Store
        An open store with the current schema.
    max_waiting : int
        Units that may wait; above it new ones are refused instead of growing without bound.
    """

    def __init__(self, store: Store, *, max_waiting: int = MAX_WAITING) -> None:
        self._store = store
        self._max_waiting = max_waiting
        self._waiting: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._gatherings: dict[asyncio.AbstractEventLoop, Gathering[Unit]] = {}
        self._closed = threading.Event()
        self._closing = threading.Lock()
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="leadqual-writer", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Return whether writes are being taken."""
        return self._thread.is_alive() and not self._closed.is_set()

    @property
    def n_waiting(self) -> int:
        """Return about how many units wait for their transaction."""
        return self._waiting.qsize() + sum(map(len, self._gatherings.values()))

    def submit(self, work: Callable[[Tx], T]) -> Future[T]:
        """Queue one unit of work; the future resolves after its transaction is committed.

        `work` may run a second time when it lost a race with another process, so its only
        effects must be on the transaction it is given.

        Raises
        ------
        BusyError
            When too many units wait already, or the writer is closed: nothing was written.
        """
        reply = Future[T]()
        self._queue(Unit(None, work, reply))
        return reply

    def submit_to(self, crew: Crew, item: object) -> Future[Any]:
        """Queue one item for a crew; otherwise as `submit`."""
        reply = Future[Any]()
        self._queue(Unit(crew, item, reply))
        return reply

    async def join(self, crew: Crew, item: object) -> Any:  # noqa: ANN401 - what the crew returns
        """Hand an item to a crew, together with all others that the event loop has ready.

        Returns what the crew made of it, after the commit. Whoever stops waiting changes nothing:
        the item is written all the same.

        Raises
        ------
        BusyError
            When too many units wait already, or the writer is closed: nothing was written.
        """
        loop = asyncio.get_running_loop()
        self._check_open()
        gathering = self._gatherings.get(loop)
        if gathering is None:
            gathering = self._gathering_on(loop)
        reply = loop.create_future()
        gathering.add(Unit(crew, item, reply, gathering))
        return await reply

    def run(self, work: Callable[[Tx], T]) -> T:
        """Submit one unit and wait for its commit; its error is raised here."""
        return self.submit(work).result()

    def close(self) -> None:
        """Refuse new work, finish what waits and stop the thread. Safe to call twice."""
        with self._closing:
            if self._closed.is_set():
                return
            self._closed.set()
        for gathering in list(self._gatherings.values()):
            gathering.flush()
        with self._closing:
            self._waiting.put(None)
            self._is_ended = True
        self._thread.join()

    def _check_open(self) -> None:
        """Do nothing when one more unit can wait."""
        if self._closed.is_set():
            raise BusyError(_SHUTTING_DOWN)
        if self.n_waiting >= self._max_waiting:
            raise BusyError(
                f"{self._max_waiting} writes are waiting already; try again in a second"
            )

    def _queue(self, unit: Unit) -> None:
        with self._closing:
            self._check_open()
            self._waiting.put(unit)

    def _gathering_on(self, loop: asyncio.AbstractEventLoop) -> Gathering[Unit]:
        """Return what gathers on a loop that is new here; loops that were closed are forgotten."""
        gathering = Gathering[Unit](loop, self._take_over, max_group=MAX_GROUP)
        alive = {known: g for known, g in self._gatherings.items() if not known.is_closed()}
        self._gatherings = {**alive, loop: gathering}
        return gathering

    def _take_over(self, units: Sequence[Unit]) -> None:
        """Take what was gathered: the thread wakes up once."""
        with self._closing:
            if not self._is_ended:
                for unit in units:
                    self._waiting.put(unit)
                return
        answer([Outcome(unit, problem=BusyError(_SHUTTING_DOWN)) for unit in units])

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._commit(group)

    def _next_group(self) -> tuple[list[Unit], bool]:
        """Wait for one unit, then take what else is there, without waiting."""
        unit = self._waiting.get()
        group: list[Unit] = []
        while unit is not None:
            if isinstance(unit.reply, asyncio.Future) or unit.reply.set_running_or_notify_cancel():
                group.append(unit)
            if len(group) >= MAX_GROUP:
                return group, True
            try:
                unit = self._waiting.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: Sequence[Unit], *, is_last_try: bool = False) -> None:
        """Run a group in one transaction; answer its callers when that is committed.

        A unit that lost a race with another process was undone and runs once more, alone.
        """
        alone = [unit for unit in group if unit.crew is None]
        failed, parties = prepare_parties([unit for unit in group if unit.crew is not None])
        answer(failed)
        units = [*alone, *(unit for party in parties for unit in party.units)]
        try:
            outcomes = self._write(alone, parties)
        except Exception as error:  # noqa: BLE001 - what broke the transaction belongs to all of its callers
            answer([Outcome(unit, problem=_failure(error)) for unit in units])
            return
        lost = []
        if not is_last_try:
            lost = [done.unit for done in outcomes if isinstance(done.problem, BusyError)]
            outcomes = [done for done in outcomes if not isinstance(done.problem, BusyError)]
        answer(outcomes)
        for unit in lost:
            self._commit([unit], is_last_try=True)

    def _write(self, alone: Sequence[Unit], parties: Sequence[Party]) -> list[Outcome]:
        """Write in one transaction; what fails is undone alone.

        A crew that has the transaction to itself needs no savepoint: it is all undone, and then
        its items are tried one by one.
        """
        if len(parties) == 1 and not alone:
            try:
                with self._store.transaction() as tx:
                    return write_together(tx, parties[0])
            except UndoneError as error:
                parties = parties[0].each_alone()
                if len(parties) == 1:
                    return [error.outcome_of(parties[0].units[0])]
        outcomes: list[Outcome] = []
        with self._store.transaction() as tx:
            for party in parties:
                outcomes.extend(write_party(tx, party))
            outcomes.extend(write_alone(tx, unit, unit.item) for unit in alone)
        return outcomes


def _failure(error: Exception) -> StoreError:
    """Return an error of its own for each caller: a traceback belongs to one thread."""
    kind = type(error) if isinstance(error, BusyError) else StoreError
    failure = kind(f"the write was not confirmed ({type(error).__name__}); send it again")
    failure.__cause__ = error
    return failure
