"""Claim a lead, keep others off it, give it back, put it off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from leadqual.errors import NotFoundError
from leadqual.queue.items import QueueItem
from leadqual.routing.decision import Queue
from leadqual.services.calls import Call, Scope
from leadqual.services.claiming import ITEM, Ask, Claiming
from leadqual.services.idempotent import Answer, answer_once
from leadqual.services.queues import QueueRow, row_of, visible
from leadqual.services.writer import GroupWriter
from leadqual.store import Tx
from leadqual.store.queue_items import QueueRepository


class Working:
    """Give leads to reps under leases with fencing tokens.

    Every method needs `queue:work`, sees only the queues of the caller's role and blocks
    until committed. All raise `PermissionDeniedError`, `NotFoundError` (also for leads of
    other roles' queues), `BusyError`, `IdempotencyError` and `StoreError`.

    Parameters
    ----------
    writer : GroupWriter
        Commits what reps do.
    """

    def __init__(self, writer: GroupWriter) -> None:
        self._writer = writer
        self._claiming = Claiming()

    def claim_next(self, queue: Queue, *, call: Call) -> Answer[QueueRow | None]:
        """Claim the best open lead of a queue; None when there is none.

        Raises
        ------
        PermissionDeniedError
            Also when the queue belongs to another role.
        """
        call.principal.require_queue(queue)
        answer: Answer[QueueRow | None] = self._writer.submit_to(
            self._claiming, Ask(queue, call)
        ).result()
        return answer

    def claim(self, lead_id: str, *, call: Call) -> Answer[QueueRow]:
        """Claim one lead; whoever holds it already gets a new lease under the same token.

        Raises
        ------
        ConflictError
            When somebody else holds it, or it is no rep's any more.
        """
        actor = call.principal.name
        return self._on_one(lambda items: items.claim(lead_id, actor=actor, now=call.now), call)

    def release(self, lead_id: str, *, token: int, call: Call) -> Answer[QueueRow]:
        """Give a claimed lead back.

        Raises
        ------
        StaleTokenError
            When the lease was lost.
        ConflictError
            When it is not claimed.
        """
        actor = call.principal.name
        return self._on_one(
            lambda items: items.release(lead_id, actor=actor, token=token, now=call.now), call
        )

    def snooze(self, lead_id: str, *, token: int, until: datetime, call: Call) -> Answer[QueueRow]:
        """Hide a claimed lead until a time.

        Raises
        ------
        StaleTokenError
            When the lease was lost.
        ConflictError
            When it is not claimed.
        InputError
            When the time is not in the future.
        """
        actor = call.principal.name
        return self._on_one(
            lambda items: items.snooze(
                lead_id, actor=actor, token=token, until=until, now=call.now
            ),
            call,
        )

    def _on_one(self, step: Callable[[QueueRepository], QueueItem], call: Call) -> Answer[QueueRow]:
        """Act on a lead that is named and return its row."""
        call.principal.require(Scope.QUEUE_WORK)

        def work(tx: Tx) -> Answer[QueueRow]:
            answer = answer_once(
                tx,
                call.once,
                lambda: step(visible(tx, call.principal)),
                kind=ITEM,
                now=call.now,
            )
            if answer.value is None:
                raise NotFoundError("the lead is in none of your queues")
            return Answer(row_of(tx, answer.value, call=call), answer.replayed)

        return self._writer.run(work)
