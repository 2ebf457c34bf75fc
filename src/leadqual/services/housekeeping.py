"""Forget what is kept for a while only, and what somebody asked to have erased."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Final

from leadqual.services.writer import GroupWriter
from leadqual.store import Store, Tx
from leadqual.store.idempotency import KEPT_FOR

HOUSEKEEPING_SECONDS: Final = 3600.0
SCRUB_SECONDS: Final = 5.0


class Housekeeping:
    """Remove idempotent answers after seven days, and sessions that have run out.

    Parameters
    ----------
    writer : GroupWriter
        Commits the removal.
    """

    def __init__(self, writer: GroupWriter) -> None:
        self._writer = writer

    def run(self, *, now: datetime) -> int:
        """Remove what has had its time; return how many rows."""

        def work(tx: Tx) -> int:
            return tx.idempotency.prune(before=now - KEPT_FOR) + tx.sessions.prune(now)

        return self._writer.run(work)


class Scrubber:
    """Remove the bytes of erased persons from the files of a SQLite database.

    That has to wait for readers, so it is tried until it went through. PostgreSQL would keep
    everybody out of the tables meanwhile: there it is for the operator to choose the hour.

    Parameters
    ----------
    store : Store
        Whose files are scrubbed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_wanted = threading.Event()

    def ask(self) -> None:
        """Scrub now if that is possible, else as soon as it is."""
        self._is_wanted.set()
        self.run()

    def run(self) -> None:
        """Scrub if somebody asked for it and it was not possible yet."""
        if not self._is_wanted.is_set():
            return
        if self._store.info().dialect != "sqlite" or self._store.scrub():
            self._is_wanted.clear()
