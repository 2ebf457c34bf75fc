"""The statements of the queues other than ranking and claiming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Integer, Text, bindparam, case, func, or_, select, update

from leadqual.queue.items import QueueDepth
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Decision, Queue
from leadqual.store.event_rows import ENTRY_ROW, IS_OUTCOME
from leadqual.store.item_rows import (
    IS_DUE,
    IS_SNOOZED,
    IS_WAITING,
    ITEM_COLUMNS,
    NOW,
    Sight,
)
from leadqual.store.phrases import listed
from leadqual.store.prepared import Prepared, Row, Statement, insertion
from leadqual.store.tables import EVENTS, ITEMS
from leadqual.store.types import BigId
from leadqual.store.upsert import upsert_into

_EARLIER: Final = ITEMS.alias("earlier")
_STATE_COLUMNS: Final = (
    "state",
    "claimed_by",
    "wakes_at",
    "token",
    "finished_at",
    "handed_to",
    "handed_at",
    "owner_rep",
)


def item_values(lead_id: str, decision: Decision, *, now: datetime) -> dict[str, object]:
    """Return the columns of a new item."""
    return {
        "lead_id": lead_id,
        "queue": decision.queue.value,
        "state": ItemState.OPEN.value,
        "rank": decision.rank,
        "order_key": decision.order_key,
        "due_at": decision.due_at,
        "created_at": now,
        "claimed_by": None,
        "wakes_at": None,
        "finished_at": None,
        "handed_to": None,
        "handed_at": None,
        "owner_rep": None,
    }


def _put(dialect: str, *, is_returning: bool) -> Statement:
    """Return an insert that turns into an update where the lead has an open item.

    Tokens go on counting from the lead's earlier items, so none is ever valid again.
    """
    values: dict[str, Any] = {
        column.name: bindparam(column.name, type_=column.type)
        for column in ITEMS.c
        if column is not ITEMS.c.item_id
    }
    values["token"] = (
        select(func.coalesce(func.max(_EARLIER.c.token), 0))
        .where(_EARLIER.c.lead_id == bindparam("lead_id", type_=Text))
        .scalar_subquery()
    )
    statement: Any = upsert_into(ITEMS, dialect).values(values)
    new = statement.excluded
    is_movable = or_(ITEMS.c.state == ItemState.OPEN.value, IS_SNOOZED)
    stays = or_(~is_movable, ITEMS.c.queue == new.queue)
    earlier = case((ITEMS.c.due_at <= new.due_at, ITEMS.c.due_at), else_=new.due_at)
    statement = statement.on_conflict_do_update(
        index_elements=[ITEMS.c.lead_id],
        index_where=IS_WAITING,
        set_={
            "rank": new.rank,
            "order_key": new.order_key,
            "queue": case((is_movable, new.queue), else_=ITEMS.c.queue),
            "due_at": case(
                (~stays, new.due_at),
                (new.due_at.is_(None), ITEMS.c.due_at),
                else_=earlier,
            ),
        },
    )
    result: Statement = statement.returning(*ITEM_COLUMNS) if is_returning else statement.inline()
    return result


PUT: Final = Prepared(lambda dialect: _put(dialect, is_returning=True))
PUT_NEW: Final = insertion(ITEMS)
PUT_MANY: Final = Prepared(lambda dialect: _put(dialect, is_returning=False))

MOVE: Final = Prepared(
    update(ITEMS)
    .where(ITEMS.c.item_id == bindparam("id_of_item", type_=BigId))
    .values({name: bindparam(name, type_=ITEMS.c[name].type) for name in _STATE_COLUMNS})
)
COUNT: Final = Prepared(select(func.count()).select_from(ITEMS))
COUNT_QUEUED: Final = Prepared(
    select(func.count())
    .select_from(ITEMS)
    .where(
        ITEMS.c.queue == bindparam("of_queue", type_=Text),
        ITEMS.c.created_at >= bindparam("since", type_=ITEMS.c.created_at.type),
    )
)
LOG: Final = Prepared(
    ENTRY_ROW.where(EVENTS.c.lead_id == bindparam("id", type_=Text), ~IS_OUTCOME).order_by(
        EVENTS.c.event_id
    )
)


@cache
def newest_of_many(sight: Sight) -> Prepared:
    """Return the newest item of each lead of a list."""

    def build(dialect: str) -> Statement:
        newest = (
            select(func.max(ITEMS.c.item_id))
            .where(ITEMS.c.lead_id.in_(listed(dialect, "ids")))
            .group_by(ITEMS.c.lead_id)
        )
        return select(*ITEM_COLUMNS).where(ITEMS.c.item_id.in_(newest), sight.condition)

    return Prepared(build)


@dataclass(frozen=True, slots=True)
class DepthStatements:
    """Counts by queue; each is answered by one index alone."""

    by_state: Prepared
    over: Prepared
    overdue: Prepared


@cache
def depths(sight: Sight) -> DepthStatements:
    """Return the statements that count what waits."""
    by_state = (ITEMS.c.queue, ITEMS.c.state)
    # coalesce() keeps the planner off the indexes by queue: what is late is found by its time.
    here = func.coalesce(ITEMS.c.queue, "")
    return DepthStatements(
        by_state=Prepared(
            select(*by_state, func.count()).where(IS_WAITING, sight.condition).group_by(*by_state)
        ),
        over=Prepared(
            select(*by_state, func.count()).where(IS_DUE, sight.condition).group_by(*by_state)
        ),
        overdue=Prepared(
            select(here, func.count())
            .where(IS_WAITING, ITEMS.c.handed_at.is_(None), ITEMS.c.due_at < NOW, sight.condition)
            .group_by(here)
        ),
    )


def read_depths(
    by_state: Sequence[Row], over: Sequence[Row], overdue: Sequence[Row]
) -> tuple[QueueDepth, ...]:
    """Return one depth per queue; what is claimed or put off until now counts as open."""
    counts = {(queue, state): n_items for queue, state, n_items in by_state}
    n_over: dict[str, int] = {}
    for queue, state, n_items in over:
        counts[queue, state] -= n_items
        n_over[queue] = n_over.get(queue, 0) + n_items
    n_overdue: dict[str, int] = dict(overdue)

    def still(queue: str, state: ItemState) -> int:
        return int(counts.get((queue, state.value), 0))

    return tuple(
        QueueDepth(
            Queue(queue),
            n_open=still(queue, ItemState.OPEN) + n_over.get(queue, 0),
            n_claimed=still(queue, ItemState.CLAIMED),
            n_snoozed=still(queue, ItemState.SNOOZED),
            n_handed_off=still(queue, ItemState.HANDED_OFF),
            n_opportunities=still(queue, ItemState.OPPORTUNITY),
            n_overdue=n_overdue.get(queue, 0),
        )
        for queue in sorted({queue for queue, _ in counts})
    )


@cache
def handoffs(sight: Sight, *, is_finished: bool, has_ae: bool) -> Prepared:
    """Return what was handed over, newest first, for one AE or for all."""
    condition = [ITEMS.c.handed_at.is_not(None), sight.condition]
    condition.append(ITEMS.c.finished_at.is_not(None) if is_finished else IS_WAITING)
    if has_ae:
        mine = ITEMS.c.handed_to == bindparam("ae", type_=Text)
        condition.append(or_(mine, ITEMS.c.handed_to.is_(None)))
    return Prepared(
        select(*ITEM_COLUMNS)
        .where(*condition)
        .order_by(ITEMS.c.handed_at.desc(), ITEMS.c.item_id.desc())
        .limit(bindparam("n", type_=Integer))
    )
