"""Messages to the outside, written with what they are about and sent after the commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from leadqual.errors import NotFoundError
from leadqual.store.json_text import dump, load
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import OutboxMessage

_INSERT: Final = Prepared("outbox.insert")
_DUE: Final = Prepared("outbox.due")
_DUE_LOCKED: Final = Prepared("outbox.due_locked")
_DELIVERED: Final = Prepared("outbox.delivered")
_FAILED: Final = Prepared("outbox.failed")
_GIVEN_UP: Final = Prepared("outbox.given_up")
_OLDEST: Final = Prepared("outbox.oldest")
_PRUNE: Final = Prepared("outbox.prune")


class OutboxRepository:
    """Keep messages until they are delivered or given up."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def put(
        self, kind: str, payload: Mapping[str, object], *, lead_id: str | None, at: datetime
    ) -> None:
        """Write a message to be sent at once.

        Parameters
        ----------
        kind : str
            Such as `lead.created`.
        payload : mapping
            What JSON can hold; ids and scores, no personal data unless the receiver wants it.
        lead_id : str or None
            Whose erasure takes the message along.
        """
        self.put_many(kind, [(lead_id, payload)], at=at)

    def put_many(
        self,
        kind: str,
        messages: Iterable[tuple[str | None, Mapping[str, object]]],
        *,
        at: datetime,
    ) -> None:
        """Write messages (lead id, payload) of one kind at once, as `put` does."""
        rest = {
            "kind": kind,
            "created_at": at,
            "n_attempts": 0,
            "due_at": at,
            "delivered_at": None,
            "given_up_at": None,
            "last_error": None,
        }
        self._link.run_many(
            _INSERT,
            (
                {"lead_id": lead_id, "payload_json": dump(payload), **rest}
                for lead_id, payload in messages
            ),
        )

    def due(self, *, now: datetime, limit: int) -> tuple[OutboxMessage, ...]:
        """Return messages to send, longest due first; a writing transaction has them alone."""
        statement = _DUE_LOCKED if self._link.is_writing else _DUE
        return tuple(_message(row) for row in self._link.run(statement, moment=now, n=limit))

    def mark_delivered(self, message_id: int, *, at: datetime) -> None:
        """Write down that a message arrived. Raises `NotFoundError` when it is not waiting."""
        self._tried(self._link.count(_DELIVERED, id=message_id, moment=at))

    def mark_failed(self, message_id: int, *, error: str, due_at: datetime) -> None:
        """Put a message off to `due_at`. Raises `NotFoundError` when it is not waiting."""
        self._tried(self._link.count(_FAILED, id=message_id, moment=due_at, error=error))

    def give_up(self, message_id: int, *, error: str, at: datetime) -> None:
        """Stop trying. Raises `NotFoundError` when it is not waiting."""
        self._tried(self._link.count(_GIVEN_UP, id=message_id, moment=at, error=error))

    def oldest_due(self) -> datetime | None:
        """Return since when the longest-waiting message has been due, None when none waits."""
        row = self._link.first(_OLDEST)
        return None if row is None else row[0]

    def prune(self, *, before: datetime) -> int:
        """Forget messages that were written before a time, sent or not; return how many."""
        return self._link.count(_PRUNE, moment=before)

    @staticmethod
    def _tried(n_changed: int) -> None:
        if n_changed == 0:
            raise NotFoundError("no message with this id is waiting to be sent")


def _message(row: Row) -> OutboxMessage:
    message_id, kind, lead_id, payload, *rest = row
    return OutboxMessage(message_id, kind, lead_id, load(payload), *rest)
