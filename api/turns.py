"""Keep the event loop from doing too much between two looks at its timers and sockets."""

from __future__ import annotations

import asyncio
from typing import Final

PER_TURN: Final = 8
"""Requests that are read in one turn of the loop: some 80 microseconds each."""


class Turns:
    """Let a few requests begin in one turn of the loop, and the others in the next ones.

    A server reads from all connections in one turn: that of 64 would take 5 ms for their leads.
    """

    def __init__(self) -> None:
        self._n_begun = 0

    async def begin(self) -> None:
        """Return in a turn of the loop in which fewer than `PER_TURN` have begun."""
        while self._n_begun >= PER_TURN:
            await asyncio.sleep(0)
        if not self._n_begun:
            # Runs in the next turn before those who wait: they were put behind it.
            asyncio.get_running_loop().call_soon(self._end)
        self._n_begun += 1

    def _end(self) -> None:
        self._n_begun = 0
