"""How many requests one caller may send."""

from __future__ import annotations

import math
import re
import time
from typing import Final

from leadqual.errors import ConfigError

MAX_CALLERS: Final = 10_000

_RATE: Final = re.compile(r"([1-9]\d*)\s*(?:/|per)\s*([1-9]\d*)?\s*(second|minute|hour|day)s?")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


class RateLimit:
    """Count the requests of each caller over windows of time, in the memory of this process.

    A window begins with a caller's first request. `words` say how many it may have.

    Parameters
    ----------
    rate : str
        Such as `120/minute` or `5 per 2 hours`.

    Raises
    ------
    ConfigError
        When it is not written like that.
    """

    def __init__(self, rate: str) -> None:
        found = _RATE.fullmatch(rate)
        if found is None:
            raise ConfigError(
                "LEADQUAL_KEY_RATE and LEADQUAL_FORM_RATE are written as a number per second, "
                "minute, hour or day, such as 120/minute"
            )
        n_units, unit = int(found[2] or 1), found[3]
        self._n_allowed = int(found[1])
        self._seconds = n_units * _SECONDS[unit]
        self.words = f"{self._n_allowed} per {n_units} {unit}"
        self._windows: dict[str, tuple[float, int]] = {}

    def wait_of(self, caller: str) -> int:
        """Count one request; return the seconds to wait when the caller is over its rate, else 0.

        Counting a request twice that is refused changes nothing.
        """
        now = time.monotonic()
        ends_at, n_requests = self._windows.get(caller, (0.0, 0))
        if now >= ends_at:
            ends_at, n_requests = now + self._seconds, 0
            self._forget(now)
        self._windows[caller] = (ends_at, n_requests + 1)
        return 0 if n_requests < self._n_allowed else max(1, math.ceil(ends_at - now))

    def _forget(self, now: float) -> None:
        """Drop windows that are over, and above `MAX_CALLERS` the oldest: memory stays bounded."""
        if len(self._windows) < MAX_CALLERS:
            return
        self._windows = {who: w for who, w in self._windows.items() if w[0] > now}
        while len(self._windows) >= MAX_CALLERS:
            del self._windows[next(iter(self._windows))]
