"""The statements by which reps take, keep and give back items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import Integer, Text, and_, bindparam, case, or_, select, update

from leadqual.queue.states import ItemState
from leadqual.store.item_rows import (
    IS_CLAIMED,
    IS_DUE,
    IS_OPEN,
    IS_SNOOZED,
    IS_WAITING,
    ITEM_COLUMNS,
    NOW,
    OF_LEAD,
    Sight,
)
from leadqual.store.prepared import Prepared
from leadqual.store.tables import ITEMS
from leadqual.store.types import BigId

_ACTOR: Final = bindparam("actor", type_=Text)
_UNTIL: Final = bindparam("until", type_=ITEMS.c.wakes_at.type)
_IS_TOKEN: Final = ITEMS.c.token == bindparam("held_token", type_=BigId)
_IS_MINE: Final = and_(IS_CLAIMED, ITEMS.c.claimed_by == _ACTOR, ITEMS.c.wakes_at > NOW)

_OVER: Final = ITEMS.alias("over")

WAKE: Final = Prepared(
    update(ITEMS)
    .where(
        ITEMS.c.item_id.in_(
            select(_OVER.c.item_id).where(_OVER.c.wakes_at <= NOW).with_for_update(skip_locked=True)
        )
    )
    .values(state=ItemState.OPEN.value, claimed_by=None, wakes_at=None)
)
"""Opens what was claimed or put off until now; finds it by its time, touches nothing else."""

BEST: Final = Prepared(
    select(*ITEM_COLUMNS)
    .where(ITEMS.c.queue == bindparam("of_queue", type_=Text), IS_OPEN, IS_WAITING)
    .order_by(ITEMS.c.order_key.desc(), ITEMS.c.item_id)
    .limit(bindparam("n", type_=Integer))
    .with_for_update(skip_locked=True)
)
"""Reads and locks the best open items of a queue; what others are taking is passed over."""

TAKE: Final = Prepared(
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
    one = (
        select(*ITEM_COLUMNS)
        .where(OF_LEAD, sight.condition)
        .order_by(ITEMS.c.item_id.desc())
        .limit(1)
    )
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
