"""A thread that does one thing again and again until it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Ticker:
    """Call `work` every `seconds` on a daemon thread, at once again while there is more to do.

    There is when `work` returns something true. An error ends neither the thread nor the
    process: its kind is kept in `problem` until the next call succeeds, for readiness to show.
    """

    def __init__(self, name: str, work: Callable[[], object], *, seconds: float) -> None:
        self.name = name
        self._work = work
        self._seconds = seconds
        self._closed = threading.Event()
        self._problem: str | None = None
        self._after_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"leadqual-{name}", daemon=True)

    @property
    def problem(self) -> str | None:
        """Return the kind of the last error, None when the last call went well."""
        return self._problem

    def start(self, *, after_s: float = 0.0) -> None:
        """Start calling; the first call is made `after_s` seconds from now."""
        self._after_s = after_s
        self._thread.start()

    def close(self) -> None:
        """Stop after the call that runs now. Safe to call twice, and before `start`."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._closed.wait(self._after_s)
        while not self._closed.is_set():
            if not self._has_more():
                self._closed.wait(self._seconds)

    def _has_more(self) -> bool:
        try:
            has_more = bool(self._work())
        except Exception as error:  # noqa: BLE001 - a background task must outlive any failure; readiness reports it
            self._problem = type(error).__name__
            return False
        self._problem = None
        return has_more
