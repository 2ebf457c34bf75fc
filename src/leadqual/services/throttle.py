"""Count wrong attempts, and stop looking at new ones after too many."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta
from typing import Final

from leadqual.errors import ThrottledError

WINDOW: Final = timedelta(minutes=15)
MAX_TRACKED: Final = 10_000


class Throttle:
    """Allow `n_allowed` failures per name within `WINDOW`; kept in memory, per process.

    Names are forgotten oldest first above `MAX_TRACKED`, so guessing names cannot fill the memory.
    """

    def __init__(self, *, n_allowed: int) -> None:
        self._n_allowed = n_allowed
        self._failures: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def check(self, name: str, *, now: datetime) -> None:
        """Do nothing while attempts are left.

        Raises
        ------
        ThrottledError
            When there were too many failures; says how long to wait.
        """
        with self._lock:
            failures = self._recent(name, now)
            if len(failures) >= self._n_allowed:
                wait = failures[0] + WINDOW - now
                raise ThrottledError(
                    f"{len(failures)} wrong attempts within 15 minutes; wait and try again",
                    retry_after_seconds=max(1, int(wait.total_seconds()) + 1),
                )

    def fail(self, name: str, *, now: datetime) -> None:
        """Count one failure."""
        with self._lock:
            failures = self._recent(name, now)
            failures.append(now)
            self._failures.pop(name, None)
            self._failures[name] = failures
            while len(self._failures) > MAX_TRACKED:
                self._failures.pop(next(iter(self._failures)))

    def forget(self, name: str) -> None:
        """Forget the failures of a name that got it right."""
        with self._lock:
            self._failures.pop(name, None)

    def _recent(self, name: str, now: datetime) -> deque[datetime]:
        failures = self._failures.get(name, deque())
        while failures and failures[0] <= now - WINDOW:
            failures.popleft()
        return failures
