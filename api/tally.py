"""Answers counted a few at a time, and before there is anything to count them with."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from api.metrics import Metrics

KEPT: Final = 64
"""Answers that are noted before they are counted: together they cost a third of one by one."""


class Tally:
    """Note answers to direct calls, and count them in figures as soon as there are any.

    The library of the figures takes longer to import than the first answer may wait.
    """

    def __init__(self) -> None:
        self._noted: deque[tuple[str, int, float]] = deque()
        self._metrics: Metrics | None = None

    def hand_to(self, metrics: Metrics) -> None:
        """Count with these figures from now on, and what came before as well."""
        self._metrics = metrics

    def note(self, path: str, *, status: int, seconds: float) -> None:
        """Note one answered POST."""
        self._noted.append((path, status, seconds))
        if len(self._noted) >= KEPT:
            self.flush()

    def flush(self) -> None:
        """Count what was noted, unless there are no figures yet; for the event loop's thread."""
        if self._metrics is None:
            return
        while self._noted:
            path, status, seconds = self._noted.popleft()
            self._metrics.count(method="POST", route=path, status=status, seconds=seconds)
