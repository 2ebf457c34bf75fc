"""The statements by which reps take, keep and give back items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Final, NamedTuple

from leadqual.queue.items import QueueItem, Taker, WorkKind
from leadqual.store.event_rows import INSERT_ENTRY, entry_values
from leadqual.store.item_rows import Sight
from leadqual.store.json_text import dump
from leadqual.store.prepared import Link, Prepared

MAX_WOKEN: Final = 1_000
"""More than ask at once, and so few that they wait for it no longer than a few commits."""

_TAKE: Final = Prepared("claims.take")
_TAKE_ALL: Final = Prepared("claims.take_all")


def take(link: Link, claimed: Sequence[tuple[Taker, QueueItem]]) -> None:
    """Write down who took which locked items, and the work log of it.

    Parameters
    ----------
    claimed : sequence of (Taker, QueueItem)
        The items as they stand from now on.
    """
    if not claimed:
        return
    if link.is_postgresql:
        taken = [
            {
                "item_id": item.item_id,
                "lead_id": item.lead_id,
                "actor": taker.actor,
                "at": taker.now,
                "until": item.lease_until,
                "token": item.token,
            }
            for taker, item in claimed
        ]
        link.run(_TAKE_ALL, taken=dump(taken))
        return
    link.run_many(_TAKE, (_taken_values(item) for _, item in claimed))
    link.run_many(
        INSERT_ENTRY, (claim_entry(item, taker.actor, at=taker.now) for taker, item in claimed)
    )


def _taken_values(item: QueueItem) -> dict[str, object]:
    return {
        "id_of_item": item.item_id,
        "actor": item.claimed_by,
        "until": item.lease_until,
        "new_token": item.token,
    }


def claim_entry(item: QueueItem, actor: str, *, at: datetime) -> dict[str, object]:
    """Return the line of the work log for a claim."""
    return entry_values(
        WorkKind.CLAIMED,
        item=(item.item_id, item.lead_id, item.token),
        actor=actor,
        at=at,
        until=item.lease_until,
    )


@lru_cache(maxsize=64)
def best(n_items: int) -> Prepared:
    """Return what reads and locks the best open items of a queue.

    What others are taking is passed over. The last column is null unless the lease or the snooze
    of some item is over, whatever its queue.
    """
    return Prepared("claims.best", n_items)


@lru_cache(maxsize=64)
def wake(n_items: int) -> Prepared:
    """Return what opens items whose lease or snooze is over, the best of a queue first.

    What it leaves asleep is worse than all that it wakes of that queue: `n_items` takers miss
    nothing. Others of it, and those of other queues, are woken by later claims, so that no claim
    passes them for long.
    """
    return Prepared("claims.wake", max(n_items, MAX_WOKEN))


class Claims(NamedTuple):
    """Statements for somebody with a given sight."""

    this_one: Prepared
    release: Prepared
    snooze: Prepared
    find: Prepared
    find_locked: Prepared


@cache
def claims(sight: Sight) -> Claims:
    """Return the statements, compiled once per sight and database."""
    return Claims(*(Prepared(f"claims.{name}", sight) for name in Claims._fields))
