"""Forget what is kept for a while only, and what somebody asked to have erased."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Final

from leadqual.services.writer import GroupWriter
from leadqual.store import Store, Tx
from leadqual.store.idempotency import KEPT_FOR

OUTBOX_KEPT_FOR: Final = timedelta(days=30)
"""Long enough for a receiver that was away for weeks, or is only now set up, to catch up; what
is older is told better by the records themselves, and must not fill the disk unread."""

HOUSEKEEPING_SECONDS: Final = 3600.0
SCRUB_SECONDS: Final = 5.0
TIDY_SECONDS: Final = 5.0


class Housekeeping:
    """Remove answers after seven days, messages after thirty, sessions that have run out.

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
            n_answers = tx.idempotency.prune(before=now - KEPT_FOR)
            n_messages = tx.outbox.prune(before=now - OUTBOX_KEPT_FOR)
            return n_answers + n_messages + tx.sessions.prune(now)

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
