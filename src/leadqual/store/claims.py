"""The statements by which reps take, keep and give back items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Final

from sqlalchemy import (
    JSON,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from leadqual.queue.items import QueueItem, Taker, WorkKind
from leadqual.queue.states import ItemState
from leadqual.store.event_rows import INSERT_ENTRY, entry_values
from leadqual.store.item_rows import (
    IS_CLAIMED,
    IS_DUE,
    IS_OPEN,
    IS_SNOOZED,
    IS_WAITING,
    ITEM_COLUMNS,
    NOW,
    OF_LEAD,
    OPEN_COLUMNS,
    Sight,
)
from leadqual.store.phrases import dump, first_rows
from leadqual.store.prepared import Link, Prepared
from leadqual.store.tables import EVENTS, ITEMS
from leadqual.store.types import BigId

_ACTOR: Final = bindparam("actor", type_=Text)
_UNTIL: Final = bindparam("until", type_=ITEMS.c.wakes_at.type)
_IS_TOKEN: Final = ITEMS.c.token == bindparam("held_token", type_=BigId)
_IS_MINE: Final = and_(IS_CLAIMED, ITEMS.c.claimed_by == _ACTOR, ITEMS.c.wakes_at > NOW)

_QUEUE: Final = bindparam("of_queue", type_=ITEMS.c.queue.type)
_OVER: Final = ITEMS.alias("over")
_IS_OVER: Final = _OVER.c.wakes_at <= NOW

MAX_WOKEN: Final = 1_000
"""More than ask at once, and so few that they wait for it no longer than a few commits."""

_TAKE: Final = Prepared(
    update(ITEMS)
    .where(ITEMS.c.item_id == bindparam("id_of_item", type_=BigId))
    .values(
        state=ItemState.CLAIMED.value,
        claimed_by=_ACTOR,
        wakes_at=_UNTIL,
        token=bindparam("new_token", type_=BigId),
    )
)
"""Writes down who took a locked item; touches no index but those of its state and its time."""

_TAKEN: Final = (
    func
    .json_to_recordset(cast(bindparam("taken", type_=Text), JSON))
    .table_valued(
        column("item_id", BigId),
        column("lead_id", Text),
        column("actor", Text),
        column("at", ITEMS.c.wakes_at.type),
        column("until", ITEMS.c.wakes_at.type),
        column("token", BigId),
    )
    .render_derived(name="taken", with_types=True)
)
_MOVED: Final = (
    update(ITEMS)
    .where(ITEMS.c.item_id == _TAKEN.c.item_id)
    .values(
        state=ItemState.CLAIMED.value,
        claimed_by=_TAKEN.c.actor,
        wakes_at=_TAKEN.c.until,
        token=_TAKEN.c.token,
    )
    .returning(ITEMS.c.item_id)
    .cte("moved")
)
_TAKE_ALL: Final = Prepared(
    insert(EVENTS)
    .from_select(
        [
            "lead_id",
            "item_id",
            "type",
            "actor",
            "occurred_at",
            "recorded_at",
            "token",
            "until",
        ],
        select(
            _TAKEN.c.lead_id,
            _TAKEN.c.item_id,
            literal_column(f"'{WorkKind.CLAIMED.value}'", Text),
            _TAKEN.c.actor,
            _TAKEN.c.at,
            _TAKEN.c.at,
            _TAKEN.c.token,
            _TAKEN.c.until,
        ),
        include_defaults=False,
    )
    .add_cte(_MOVED)
)
"""`_TAKE` and the work log for many in one statement of PostgreSQL: it would run one each."""


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
    # In the order of the index and one row, so that PostgreSQL plans it once for any time.
    over = select(_OVER.c.wakes_at).where(_IS_OVER).order_by(_OVER.c.wakes_at)
    ranked = (
        select(*OPEN_COLUMNS, first_rows(over, 1).scalar_subquery())
        .where(ITEMS.c.queue == _QUEUE, IS_OPEN, IS_WAITING)
        .order_by(ITEMS.c.order_key.desc(), ITEMS.c.item_id)
        .with_for_update(of=ITEMS, skip_locked=True)
    )
    return Prepared(first_rows(ranked, n_items))


@lru_cache(maxsize=64)
def wake(n_items: int) -> Prepared:
    """Return what opens items whose lease or snooze is over, the best of a queue first.

    What it leaves asleep is worse than all that it wakes of that queue: `n_items` takers miss
    nothing. Others of it, and those of other queues, are woken by later claims, so that no claim
    passes them for long.
    """
    is_elsewhere = case((_OVER.c.queue == _QUEUE, 0), else_=1)
    over = (
        select(_OVER.c.item_id)
        .where(_IS_OVER)
        .order_by(is_elsewhere, _OVER.c.order_key.desc(), _OVER.c.item_id)
        .with_for_update(skip_locked=True)
    )
    # By a name: PostgreSQL runs a subquery as often as it likes, each time past what it updated.
    woken = first_rows(over, max(n_items, MAX_WOKEN)).cte("woken")
    return Prepared(
        update(ITEMS)
        .where(ITEMS.c.item_id.in_(select(woken.c.item_id)))
        .values(state=ItemState.OPEN.value, claimed_by=None, wakes_at=None)
    )


@dataclass(frozen=True, slots=True)
class Claims:
    """Statements for somebody with a given sight."""

    this_one: Prepared
    release: Prepared
    snooze: Prepared
    find: Prepared
    find_locked: Prepared


@cache
def claims(sight: Sight) -> Claims:
    """Return the statements, compiled once per sight and database."""
    newest = select(*ITEM_COLUMNS).where(OF_LEAD, sight.condition).order_by(ITEMS.c.item_id.desc())
    one = first_rows(newest, 1)
    taken = {
        "state": ItemState.CLAIMED.value,
        "claimed_by": _ACTOR,
        "wakes_at": _UNTIL,
    }
    is_free = or_(IS_OPEN, IS_SNOOZED, and_(IS_CLAIMED, IS_DUE), _IS_MINE)
    held = update(ITEMS).where(
        OF_LEAD, IS_WAITING, or_(IS_CLAIMED, IS_OPEN), _IS_TOKEN, sight.condition
    )
    return Claims(
        this_one=Prepared(
            update(ITEMS)
            .where(OF_LEAD, IS_WAITING, is_free, sight.condition)
            .values(**taken, token=case((_IS_MINE, ITEMS.c.token), else_=ITEMS.c.token + 1))
            .returning(*ITEM_COLUMNS)
        ),
        release=Prepared(
            held.values(state=ItemState.OPEN.value, claimed_by=None, wakes_at=None).returning(
                *ITEM_COLUMNS
            )
        ),
        snooze=Prepared(
            held.values(
                state=ItemState.SNOOZED.value,
                claimed_by=None,
                wakes_at=_UNTIL,
                owner_rep=_ACTOR,
            ).returning(*ITEM_COLUMNS)
        ),
        find=Prepared(one),
        find_locked=Prepared(one.with_for_update()),
    )
