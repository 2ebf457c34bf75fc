"""What one event loop has for the group writer, handed over when the loop has run dry.

Callers who were answered together come back one by one, while the loop still reads what the first
of them sends. A writer that takes what is there at that moment takes that first one alone, at the
whole price of a transaction, and the others wait for it: with 16 callers every second group was
of one lead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Generic, TypeVar

T = TypeVar("T")

QUIET_TURNS: Final = 3
"""A loop that brought nothing for so long is dry: a request takes two turns to get here."""

MAX_TURNS: Final = 16
"""How many turns of its loop a unit waits for others at most."""


class Gathering(Generic[T]):
    """Gather units of work on one event loop.

    While units are away nothing more is handed over, unless a whole group is together: whoever
    is answered is likely to be back before the loop is dry.

    Parameters
    ----------
    loop : AbstractEventLoop
        The loop.
    hand_over : callable
        Takes units to whoever works on them.
    max_group : int
        How many make a whole group.

    Attributes
    ----------
    loop : AbstractEventLoop
        On which everything but `flush` and `len` is called.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        hand_over: Callable[[Sequence[T]], None],
        *,
        max_group: int,
    ) -> None:
        self.loop = loop
        self._hand_over = hand_over
        self._max_group = max_group
        self._units: deque[T] = deque()
        self._n_away = 0
        self._n_last = 0
        self._is_looking = False

    def __len__(self) -> int:
        """Return how many units are here."""
        return len(self._units)

    def add(self, unit: T) -> None:
        """Gather one unit."""
        self._units.append(unit)
        if len(self._units) >= self._max_group:
            self.flush()
        else:
            self._look_soon()

    def came_back(self, n_units: int) -> None:
        """Take note that units were answered."""
        self._n_away -= n_units
        if self._units:
            self._look_soon()

    def flush(self) -> None:
        """Hand over what is here; any thread may do that for a loop that runs no more."""
        units: list[T] = []
        with suppress(IndexError):  # until nothing is left, whoever else takes of it
            while True:
                units.append(self._units.popleft())
        if units:
            self._n_away += len(units)
            self._n_last = len(units)
            self._hand_over(units)

    def _look_soon(self) -> None:
        if self._n_away <= 0 and not self._is_looking:
            self._is_looking = True
            self.loop.call_soon(self._look, len(self._units), 0, 0)

    def _look(self, n_before: int, n_quiet: int, n_turns: int) -> None:
        """Hand over if nothing came for some turns, else look again after the next one."""
        n_units = len(self._units)
        n_quiet = n_quiet + 1 if n_units == n_before else 0
        # Who came alone last time was the only one to come back.
        n_wanted = QUIET_TURNS if self._n_last > 1 else 1
        if n_units and n_quiet < n_wanted and n_turns < MAX_TURNS:
            self.loop.call_soon(self._look, n_units, n_quiet, n_turns + 1)
            return
        self._is_looking = False
        self.flush()
