"""Claim a lead, keep others off it, give it back, put it off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from leadqual.routing.decision import Queue
from leadqual.services.calls import Call
from leadqual.services.idempotent import Answer
from leadqual.services.queues import QueueRow

LEASE: Final = timedelta(minutes=30)


class Working:
    """Give leads to reps under leases with fencing tokens.

    Every method needs `queue:work`, sees only the queues of the caller's role and blocks
    until committed. All raise `PermissionDeniedError`, `NotFoundError` (also for leads of
    other roles' queues), `BusyError`, `IdempotencyError` and `StoreError`.

    Methods
    -------
    claim_next(queue, *, call) -> Answer[QueueRow | None]
    claim(lead_id, *, call) -> Answer[QueueRow]
    release(lead_id, *, token, call) -> Answer[QueueRow]
    snooze(lead_id, *, token, until, call) -> Answer[QueueRow]
    """

    def claim_next(self, queue: Queue, *, call: Call) -> Answer[QueueRow | None]:
        """Claim the best open lead of a queue; None when there is none."""
        raise AssertionError

    def claim(self, lead_id: str, *, call: Call) -> Answer[QueueRow]:
        """Claim one lead. Raises `ConflictError` when somebody else holds it."""
        raise AssertionError

    def release(self, lead_id: str, *, token: int, call: Call) -> Answer[QueueRow]:
        """Give a claimed lead back. Raises `StaleTokenError` when the lease was lost."""
        raise AssertionError

    def snooze(self, lead_id: str, *, token: int, until: datetime, call: Call) -> Answer[QueueRow]:
        """Hide a claimed lead until a time. Raises `StaleTokenError`, `InputError`."""
        raise AssertionError
