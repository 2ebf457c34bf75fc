"""Queue items: put, moved, counted and checked; ranking and claiming have their own areas."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Integer, Text, and_, bindparam, case, func, or_, select, update

from leadqual.queue.states import ItemState
from leadqual.store.item_rows import STATE_NAMES, HandoffParts, Sight
from leadqual.store.statements.definitions import Builders, Statement, Statements
from leadqual.store.statements.events import EVENT_COLUMNS
from leadqual.store.statements.inserts import insertion, upsert_into
from leadqual.store.statements.item_parts import (
    IS_DUE,
    IS_SNOOZED,
    IS_WAITING,
    ITEM_COLUMNS,
    NOW,
    is_seen,
)
from leadqual.store.statements.phrases import listed
from leadqual.store.tables import EVENTS, ITEMS, LEADS
from leadqual.store.types import BigId

_EARLIER: Final = ITEMS.alias("earlier")


def _put(dialect: str) -> Any:  # noqa: ANN401 - an insert of either database
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
    return statement.on_conflict_do_update(
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


def _put_one(dialect: str) -> Statement:
    statement: Statement = _put(dialect).returning(*ITEM_COLUMNS)
    return statement


def _put_many(dialect: str) -> Statement:
    statement: Statement = _put(dialect).inline()
    return statement


_LEAD: Final = bindparam("after_lead", type_=Text)
_CHECKED: Final[Statements] = {
    "after": (
        select(*ITEM_COLUMNS)
        .join(LEADS, LEADS.c.lead_id == ITEMS.c.lead_id)
        .where(
            LEADS.c.erased_at.is_(None),
            or_(
                ITEMS.c.lead_id > _LEAD,
                and_(ITEMS.c.lead_id == _LEAD, ITEMS.c.item_id > bindparam("after", type_=BigId)),
            ),
        )
        .order_by(ITEMS.c.lead_id, ITEMS.c.item_id)
        .limit(bindparam("n", type_=Integer))
    ),
    "history": (
        select(
            *EVENT_COLUMNS,
            EVENTS.c.item_id,
            EVENTS.c.token,
            EVENTS.c.until,
            EVENTS.c.handed_to,
        )
        .where(
            EVENTS.c.lead_id >= bindparam("first", type_=Text),
            EVENTS.c.lead_id <= bindparam("last", type_=Text),
            EVENTS.c.item_id.is_not(None),
        )
        .order_by(EVENTS.c.event_id)
    ),
}

STATEMENTS: Final[Statements] = {
    "put": _put_one,
    "put_new": insertion(ITEMS),
    "put_many": _put_many,
    "move": (
        update(ITEMS)
        .where(ITEMS.c.item_id == bindparam("id_of_item", type_=BigId))
        .values({name: bindparam(name, type_=ITEMS.c[name].type) for name in STATE_NAMES})
    ),
    "count": select(func.count()).select_from(ITEMS),
    "count_queued": (
        select(func.count())
        .select_from(ITEMS)
        .where(
            ITEMS.c.queue == bindparam("of_queue", type_=Text),
            ITEMS.c.created_at >= bindparam("since", type_=ITEMS.c.created_at.type),
        )
    ),
    **_CHECKED,
}


def _newest_of_many(dialect: str, sight: Sight) -> Statement:
    """Return the newest item of each lead of a list."""
    newest = (
        select(func.max(ITEMS.c.item_id))
        .where(ITEMS.c.lead_id.in_(listed(dialect, "ids")))
        .group_by(ITEMS.c.lead_id)
    )
    return select(*ITEM_COLUMNS).where(ITEMS.c.item_id.in_(newest), is_seen(sight))


def _by_state(_dialect: str, sight: Sight) -> Statement:
    """Count what waits by queue and state."""
    names = (ITEMS.c.queue, ITEMS.c.state)
    return select(*names, func.count()).where(IS_WAITING, is_seen(sight)).group_by(*names)


def _over(_dialect: str, sight: Sight) -> Statement:
    """Count by queue and state what is claimed or put off until now."""
    names = (ITEMS.c.queue, ITEMS.c.state)
    return select(*names, func.count()).where(IS_DUE, is_seen(sight)).group_by(*names)


def _overdue(_dialect: str, sight: Sight) -> Statement:
    """Count by queue what should have been called by now."""
    # coalesce() keeps the planner off the indexes by queue: what is late is found by its time.
    here = func.coalesce(ITEMS.c.queue, "")
    return (
        select(here, func.count())
        .where(IS_WAITING, ITEMS.c.handed_at.is_(None), ITEMS.c.due_at < NOW, is_seen(sight))
        .group_by(here)
    )


def _handoffs(_dialect: str, parts: HandoffParts) -> Statement:
    """Return what was handed over, newest first, for one AE or for all."""
    condition = [ITEMS.c.handed_at.is_not(None), is_seen(parts.sight)]
    condition.append(ITEMS.c.finished_at.is_not(None) if parts.is_finished else IS_WAITING)
    if parts.has_ae:
        mine = ITEMS.c.handed_to == bindparam("ae", type_=Text)
        condition.append(or_(mine, ITEMS.c.handed_to.is_(None)))
    return (
        select(*ITEM_COLUMNS)
        .where(*condition)
        .order_by(ITEMS.c.handed_at.desc(), ITEMS.c.item_id.desc())
        .limit(bindparam("n", type_=Integer))
    )


BUILDERS: Final[Builders] = {
    "newest_of_many": _newest_of_many,
    "by_state": _by_state,
    "over": _over,
    "overdue": _overdue,
    "handoffs": _handoffs,
}
