"""Answers counted before there is anything to count them with."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.metrics import Metrics


class Tally:
    """Count answers to direct calls; hold those that come before the figures can be made.

    The library of the figures takes longer to import than the first answer may wait.
    """

    def __init__(self) -> None:
        self._early: deque[tuple[str, int, float]] = deque()
        self._metrics: Metrics | None = None

    def hand_to(self, metrics: Metrics) -> None:
        """Count with these figures from now on, and what came before as well; any thread may."""
        self._metrics = metrics
        self._hand_over(metrics)

    def count(self, path: str, *, status: int, seconds: float) -> None:
        """Count one answered POST."""
        metrics = self._metrics
        if metrics is None:
            self._early.append((path, status, seconds))
            return
        if self._early:  # one that was noted while another thread handed over
            self._hand_over(metrics)
        metrics.count(method="POST", route=path, status=status, seconds=seconds)

    def _hand_over(self, metrics: Metrics) -> None:
        while self._early:
            path, status, seconds = self._early.popleft()
            metrics.count(method="POST", route=path, status=status, seconds=seconds)
