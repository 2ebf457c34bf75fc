"""Reps who ask for the next lead at the same time get theirs in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from leadqual.errors import IdempotencyError
from leadqual.queue.items import QueueItem, Taker
from leadqual.routing.decision import Queue
from leadqual.services.calls import Call
from leadqual.services.idempotent import Answer, find_answer, keep_answer
from leadqual.services.queues import QueueRow, rows_of_many
from leadqual.store import Tx

ITEM: Final[TypeAdapter[QueueItem | None]] = TypeAdapter(QueueItem | None)
"""What is kept for a replay: the item, not the row, so that no name outlives an erasure."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody who may work a queue asks for its best lead."""

    queue: Queue
    call: Call


Given = Answer[QueueItem | None] | IdempotencyError


class Claiming:
    """Give out the best leads of queues: a crew of the group writer.

    Whoever asked first gets the better lead. The search passes what was taken before and is not
    cleaned up yet, so one search for many is what keeps PostgreSQL's rate from decaying.
    """

    def prepare(self, items: Sequence[Ask]) -> Sequence[Ask]:
        """Do nothing: what is best is known only in the transaction."""
        return items

    def write(
        self, tx: Tx, items: Sequence[Ask]
    ) -> list[Answer[QueueRow | None] | IdempotencyError]:
        """Claim one lead for each; a key that was used before gets the same answer again.

        Raises
        ------
        NotFoundError
            When a lead was erased.
        """
        given: dict[int, Given] = {}
        for index, ask in enumerate(items):
            kept = _find_kept(tx, ask)
            if kept is not None:
                given[index] = kept
        fresh = [index for index in range(len(items)) if index not in given]
        for queue in dict.fromkeys(items[index].queue for index in fresh):
            asking = [index for index in fresh if items[index].queue is queue]
            given |= zip(asking, _claim(tx, queue, [items[index] for index in asking]), strict=True)
        return _answers(tx, items, [given[index] for index in range(len(items))])


def _find_kept(tx: Tx, ask: Ask) -> Given | None:
    """Return what was answered under the key of a call, or why it cannot be used again."""
    if ask.call.once is None:
        return None
    try:
        return find_answer(tx, ask.call.once, kind=ITEM, now=ask.call.now)
    except IdempotencyError as error:
        return error


def _claim(tx: Tx, queue: Queue, asking: Sequence[Ask]) -> list[Given]:
    """Claim for all who ask for one queue, and keep the answers of those with a key."""
    takers = [Taker(ask.call.principal.name, ask.call.now) for ask in asking]
    claimed = tx.queue.claim_best(queue, takers)
    for ask, item in zip(asking, claimed, strict=True):
        if ask.call.once is not None:
            keep_answer(tx, ask.call.once, ITEM.dump_json(item).decode(), now=ask.call.now)
    return [Answer(item) for item in claimed]


def _answers(
    tx: Tx, items: Sequence[Ask], given: Sequence[Given]
) -> list[Answer[QueueRow | None] | IdempotencyError]:
    """Return what each caller gets: the row of their lead."""
    shown = [
        (answer.value, ask.call)
        for ask, answer in zip(items, given, strict=True)
        if isinstance(answer, Answer) and answer.value is not None
    ]
    rows = iter(rows_of_many(tx, shown))
    return [
        answer
        if isinstance(answer, IdempotencyError)
        else Answer(None if answer.value is None else next(rows), answer.replayed)
        for answer in given
    ]
