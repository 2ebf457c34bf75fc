"""Forget what is kept for a while only."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from leadqual.services.writer import GroupWriter
from leadqual.store import Tx
from leadqual.store.idempotency import KEPT_FOR

HOUSEKEEPING_SECONDS: Final = 3600.0


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
