"""Group commit: many units of work, one transaction, one fsync."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from leadqual.errors import BusyError, StoreError
from leadqual.services.gathering import Gathering
from leadqual.store import Store, Tx

T = TypeVar("T")

MAX_GROUP: Final = 64
MAX_WAITING: Final = 4096
_SHUTTING_DOWN: Final = "the service is shutting down; send the request again"


class Crew(Protocol):
    """Work that costs less for many at once than for one after the other.

    Both methods return as many items as they were given, in their order. An item of `write` that
    is an exception goes to its own caller: nothing was written for it. One that is raised undoes
    what was written for all of them, and each is tried again alone.
    """

    def prepare(self, items: Sequence[Any]) -> Sequence[Any]:
        """Do what needs no transaction; what is returned is what will be written."""

    def write(self, tx: Tx, items: Sequence[Any]) -> Sequence[Any]:
        """Write prepared items and return what their callers get."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """An item for a crew; without one, `item` is the work itself."""

    crew: Crew | None
    item: Any
    reply: Future[Any] | asyncio.Future[Any]
    gathering: Gathering[_Unit] | None = None


@dataclass(frozen=True, slots=True)
class _Outcome:
    unit: _Unit
    result: Any = None
    problem: Exception | None = None


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
        self._waiting: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._gatherings: dict[asyncio.AbstractEventLoop, Gathering[_Unit]] = {}
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
        self._queue(_Unit(None, work, reply))
        return reply

    def submit_to(self, crew: Crew, item: object) -> Future[Any]:
        """Queue one item for a crew; otherwise as `submit`."""
        reply = Future[Any]()
        self._queue(_Unit(crew, item, reply))
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
        gathering.add(_Unit(crew, item, reply, gathering))
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

    def _queue(self, unit: _Unit) -> None:
        with self._closing:
            self._check_open()
            self._waiting.put(unit)

    def _gathering_on(self, loop: asyncio.AbstractEventLoop) -> Gathering[_Unit]:
        """Return what gathers on a loop that is new here; loops that were closed are forgotten."""
        gathering = Gathering[_Unit](loop, self._take_over, max_group=MAX_GROUP)
        alive = {known: g for known, g in self._gatherings.items() if not known.is_closed()}
        self._gatherings = {**alive, loop: gathering}
        return gathering

    def _take_over(self, units: Sequence[_Unit]) -> None:
        """Take what was gathered: the thread wakes up once."""
        with self._closing:
            if not self._is_ended:
                for unit in units:
                    self._waiting.put(unit)
                return
        _answer([_Outcome(unit, problem=BusyError(_SHUTTING_DOWN)) for unit in units])

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
            if isinstance(unit.reply, asyncio.Future) or unit.reply.set_running_or_notify_cancel():
                group.append(unit)
            if len(group) >= MAX_GROUP:
                return group, True
            try:
                unit = self._waiting.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: Sequence[_Unit], *, is_last_try: bool = False) -> None:
        """Run a group in one transaction; answer its callers when that is committed.

        A unit that lost a race with another process was undone and runs once more, alone.
        """
        alone = [unit for unit in group if unit.crew is None]
        failed, parties = _prepare([unit for unit in group if unit.crew is not None])
        _answer(failed)
        units = [*alone, *(unit for party in parties for unit in party.units)]
        try:
            outcomes = self._write(alone, parties)
        except Exception as error:  # noqa: BLE001 - what broke the transaction belongs to all of its callers
            _answer([_Outcome(unit, problem=_failure(error)) for unit in units])
            return
        lost = []
        if not is_last_try:
            lost = [done.unit for done in outcomes if isinstance(done.problem, BusyError)]
            outcomes = [done for done in outcomes if not isinstance(done.problem, BusyError)]
        _answer(outcomes)
        for unit in lost:
            self._commit([unit], is_last_try=True)

    def _write(self, alone: Sequence[_Unit], parties: Sequence[_Party]) -> list[_Outcome]:
        """Write in one transaction; what fails is undone alone.

        A crew that has the transaction to itself needs no savepoint: it is all undone, and then
        its items are tried one by one.
        """
        if len(parties) == 1 and not alone:
            try:
                with self._store.transaction() as tx:
                    return _let_write(tx, parties[0])
            except _UndoneError as error:
                parties = parties[0].each_alone()
                if len(parties) == 1:
                    return [error.outcome_of(parties[0].units[0])]
        outcomes: list[_Outcome] = []
        with self._store.transaction() as tx:
            for party in parties:
                outcomes.extend(_write(tx, party))
            outcomes.extend(_attempt(tx, unit, unit.item) for unit in alone)
        return outcomes


class _UndoneError(Exception):
    """A crew could not write. `problem` says why."""

    def __init__(self, problem: Exception) -> None:
        super().__init__(str(problem))
        self.problem = problem

    def outcome_of(self, unit: _Unit) -> _Outcome:
        """Return what the only unit of the crew is told."""
        return _Outcome(unit, problem=self.problem)


@dataclass(frozen=True, slots=True)
class _Party:
    """Units of one crew and what it prepared for each."""

    crew: Crew
    units: Sequence[_Unit]
    items: Sequence[Any]

    def each_alone(self) -> list[_Party]:
        """Return a party for each unit."""
        return [
            _Party(self.crew, [unit], [item])
            for unit, item in zip(self.units, self.items, strict=True)
        ]


def _prepare(group: Sequence[_Unit]) -> tuple[list[_Outcome], list[_Party]]:
    """Let each crew prepare its items; what cannot be prepared fails alone."""
    crews = {id(unit.crew): unit.crew for unit in group}
    failed: list[_Outcome] = []
    parties: list[_Party] = []
    for crew in crews.values():
        units = [unit for unit in group if unit.crew is crew]
        if crew is None:
            continue
        try:
            parties.append(_Party(crew, units, crew.prepare([unit.item for unit in units])))
        except Exception as error:  # noqa: BLE001 - an error belongs to whoever submitted the item
            if len(units) == 1:
                failed.append(_Outcome(units[0], problem=error))
                continue
            for unit in units:
                more_failed, more_parties = _prepare([unit])
                failed += more_failed
                parties += more_parties
    return failed, parties


def _write(tx: Tx, party: _Party) -> list[_Outcome]:
    """Let a crew write its items together, or, where that fails, each in a savepoint of its own."""
    try:
        with tx.savepoint():
            return _let_write(tx, party)
    except _UndoneError as error:
        if len(party.units) == 1:
            return [error.outcome_of(party.units[0])]
        return [outcome for one in party.each_alone() for outcome in _write(tx, one)]


def _let_write(tx: Tx, party: _Party) -> list[_Outcome]:
    """Let a crew write its items. Raises `_UndoneError` when it cannot."""
    try:
        results = party.crew.write(tx, party.items)
    except Exception as error:
        raise _UndoneError(error) from error
    return [
        _Outcome(unit, problem=result) if isinstance(result, Exception) else _Outcome(unit, result)
        for unit, result in zip(party.units, results, strict=True)
    ]


def _attempt(tx: Tx, unit: _Unit, work: Callable[[Tx], Any]) -> _Outcome:
    """Run one unit in its own savepoint."""
    try:
        with tx.savepoint():
            return _Outcome(unit, work(tx))
    except Exception as error:  # noqa: BLE001 - an error belongs to whoever submitted the work
        return _Outcome(unit, problem=error)


def _answer(outcomes: Sequence[_Outcome]) -> None:
    """Tell every caller; an event loop is woken once for all who wait on it."""
    by_gathering: dict[Gathering[_Unit], list[_Outcome]] = {}
    for outcome in outcomes:
        if outcome.unit.gathering is None:
            _settle(outcome)
        else:
            by_gathering.setdefault(outcome.unit.gathering, []).append(outcome)
    for gathering, answered in by_gathering.items():
        with suppress(RuntimeError):  # a loop that was closed meanwhile has nobody who waits
            gathering.loop.call_soon_threadsafe(_settle_all, gathering, answered)


def _settle_all(gathering: Gathering[_Unit], outcomes: Sequence[_Outcome]) -> None:
    for outcome in outcomes:
        if not outcome.unit.reply.done():  # else its caller waits no more
            _settle(outcome)
    gathering.came_back(len(outcomes))


def _settle(outcome: _Outcome) -> None:
    if outcome.problem is None:
        outcome.unit.reply.set_result(outcome.result)
    else:
        outcome.unit.reply.set_exception(outcome.problem)


def _failure(error: Exception) -> StoreError:
    """Return an error of its own for each caller: a traceback belongs to one thread."""
    kind = type(error) if isinstance(error, BusyError) else StoreError
    failure = kind(f"the write was not confirmed ({type(error).__name__}); send it again")
    failure.__cause__ = error
    return failure
