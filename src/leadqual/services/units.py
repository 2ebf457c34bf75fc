"""Units of work for the group writer: run together, undone and answered each for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from leadqual.services.gathering import Gathering
from leadqual.store import Tx

SETTLED_PER_TURN: Final = 16
"""Callers who are answered in one turn of their loop: sixty-four would keep it for 5 ms."""


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
class Unit:
    """An item for a crew; without one, `item` is the work itself."""

    crew: Crew | None
    item: Any
    reply: Future[Any] | asyncio.Future[Any]
    gathering: Gathering[Unit] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a unit: what it returned, or its problem."""

    unit: Unit
    result: Any = None
    problem: Exception | None = None


class UndoneError(Exception):
    """A crew could not write. `problem` says why."""

    def __init__(self, problem: Exception) -> None:
        super().__init__(str(problem))
        self.problem = problem

    def outcome_of(self, unit: Unit) -> Outcome:
        """Return what the only unit of the crew is told."""
        return Outcome(unit, problem=self.problem)


@dataclass(frozen=True, slots=True)
class Party:
    """Units of one crew, and the items that it prepared for them."""

    crew: Crew
    units: Sequence[Unit]
    items: Sequence[Any]

    def each_alone(self) -> list[Party]:
        """Return a party for each unit."""
        return [
            Party(self.crew, [unit], [item])
            for unit, item in zip(self.units, self.items, strict=True)
        ]


def prepare_parties(group: Sequence[Unit]) -> tuple[list[Outcome], list[Party]]:
    """Let each crew prepare its items; what cannot be prepared fails alone."""
    crews = {id(unit.crew): unit.crew for unit in group}
    failed: list[Outcome] = []
    parties: list[Party] = []
    for crew in crews.values():
        units = [unit for unit in group if unit.crew is crew]
        if crew is None:
            continue
        try:
            parties.append(Party(crew, units, crew.prepare([unit.item for unit in units])))
        except Exception as error:  # noqa: BLE001 - an error belongs to whoever submitted the item
            if len(units) == 1:
                failed.append(Outcome(units[0], problem=error))
                continue
            for unit in units:
                more_failed, more_parties = prepare_parties([unit])
                failed += more_failed
                parties += more_parties
    return failed, parties


def write_party(tx: Tx, party: Party) -> list[Outcome]:
    """Let a crew write its items together, or, where that fails, each in a savepoint of its own."""
    try:
        with tx.savepoint():
            return write_together(tx, party)
    except UndoneError as error:
        if len(party.units) == 1:
            return [error.outcome_of(party.units[0])]
        return [outcome for one in party.each_alone() for outcome in write_party(tx, one)]


def write_together(tx: Tx, party: Party) -> list[Outcome]:
    """Let a crew write its items. Raises `UndoneError` when it cannot."""
    try:
        results = party.crew.write(tx, party.items)
    except Exception as error:  # whatever a crew raises undoes what it wrote
        raise UndoneError(error) from error
    return [
        Outcome(unit, problem=result) if isinstance(result, Exception) else Outcome(unit, result)
        for unit, result in zip(party.units, results, strict=True)
    ]


def write_alone(tx: Tx, unit: Unit, work: Callable[[Tx], Any]) -> Outcome:
    """Run one unit in its own savepoint."""
    try:
        with tx.savepoint():
            return Outcome(unit, work(tx))
    except Exception as error:  # noqa: BLE001 - an error belongs to whoever submitted the work
        return Outcome(unit, problem=error)


def answer(outcomes: Sequence[Outcome]) -> None:
    """Tell every caller; an event loop is woken once for all who wait on it."""
    by_gathering: dict[Gathering[Unit], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.unit.gathering is None:
            _settle(outcome)
        else:
            by_gathering.setdefault(outcome.unit.gathering, []).append(outcome)
    for gathering, answered in by_gathering.items():
        with suppress(RuntimeError):  # a loop that was closed meanwhile has nobody who waits
            gathering.loop.call_soon_threadsafe(_settle_all, gathering, answered)


def _settle_all(gathering: Gathering[Unit], outcomes: Sequence[Outcome], start: int = 0) -> None:
    """Settle some, and the others in the next turns of the loop: each goes on with its answer."""
    end = start + SETTLED_PER_TURN
    for outcome in outcomes[start:end]:
        if not outcome.unit.reply.done():  # else its caller waits no more
            _settle(outcome)
    if end < len(outcomes):
        gathering.loop.call_soon(_settle_all, gathering, outcomes, end)
    else:
        gathering.came_back(len(outcomes))


def _settle(outcome: Outcome) -> None:
    if outcome.problem is None:
        outcome.unit.reply.set_result(outcome.result)
    else:
        outcome.unit.reply.set_exception(outcome.problem)
