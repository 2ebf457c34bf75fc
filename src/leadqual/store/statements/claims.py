"""By what reps take, keep and give back items."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    Select,
    Text,
    Update,
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

from leadqual.queue.items import WorkKind
from leadqual.queue.states import ItemState
from leadqual.store.item_rows import Sight
from leadqual.store.statements.definitions import Builders, Statement, Statements
from leadqual.store.statements.item_parts import (
    IS_CLAIMED,
    IS_DUE,
    IS_OPEN,
    IS_SNOOZED,
    IS_WAITING,
    ITEM_COLUMNS,
    NOW,
    OF_LEAD,
    OPEN_COLUMNS,
    is_seen,
)
from leadqual.store.statements.phrases import first_rows
from leadqual.store.tables import EVENTS, ITEMS
from leadqual.store.types import BigId

_ACTOR: Final = bindparam("actor", type_=Text)
_UNTIL: Final = bindparam("until", type_=ITEMS.c.wakes_at.type)
_IS_TOKEN: Final = ITEMS.c.token == bindparam("held_token", type_=BigId)
_IS_MINE: Final = and_(IS_CLAIMED, ITEMS.c.claimed_by == _ACTOR, ITEMS.c.wakes_at > NOW)

_QUEUE: Final = bindparam("of_queue", type_=ITEMS.c.queue.type)
_OVER: Final = ITEMS.alias("over")
_IS_OVER: Final = _OVER.c.wakes_at <= NOW

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
_LOGGED: Final = (
    "lead_id",
    "item_id",
    "type",
    "actor",
    "occurred_at",
    "recorded_at",
    "token",
    "until",
)

STATEMENTS: Final[Statements] = {
    # Writes down who took a locked item; touches no index but those of its state and its time.
    "take": (
        update(ITEMS)
        .where(ITEMS.c.item_id == bindparam("id_of_item", type_=BigId))
        .values(
            state=ItemState.CLAIMED.value,
            claimed_by=_ACTOR,
            wakes_at=_UNTIL,
            token=bindparam("new_token", type_=BigId),
        )
    ),
    # That and the work log for many in one statement of PostgreSQL: it would run one each.
    "take_all": (
        insert(EVENTS)
        .from_select(
            _LOGGED,
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
    ),
}


def _best(_dialect: str, n_items: int) -> Statement:
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
    return first_rows(ranked, n_items)


def _wake(_dialect: str, n_items: int) -> Statement:
    """Return what opens items whose lease or snooze is over, the best of a queue first."""
    is_elsewhere = case((_OVER.c.queue == _QUEUE, 0), else_=1)
    over = (
        select(_OVER.c.item_id)
        .where(_IS_OVER)
        .order_by(is_elsewhere, _OVER.c.order_key.desc(), _OVER.c.item_id)
        .with_for_update(skip_locked=True)
    )
    # By a name: PostgreSQL runs a subquery as often as it likes, each time past what it updated.
    woken = first_rows(over, n_items).cte("woken")
    return (
        update(ITEMS)
        .where(ITEMS.c.item_id.in_(select(woken.c.item_id)))
        .values(state=ItemState.OPEN.value, claimed_by=None, wakes_at=None)
    )


def _this_one(_dialect: str, sight: Sight) -> Statement:
    is_free = or_(IS_OPEN, IS_SNOOZED, and_(IS_CLAIMED, IS_DUE), _IS_MINE)
    return (
        update(ITEMS)
        .where(OF_LEAD, IS_WAITING, is_free, is_seen(sight))
        .values(
            state=ItemState.CLAIMED.value,
            claimed_by=_ACTOR,
            wakes_at=_UNTIL,
            token=case((_IS_MINE, ITEMS.c.token), else_=ITEMS.c.token + 1),
        )
        .returning(*ITEM_COLUMNS)
    )


def _held(sight: Sight) -> Update:
    return update(ITEMS).where(
        OF_LEAD, IS_WAITING, or_(IS_CLAIMED, IS_OPEN), _IS_TOKEN, is_seen(sight)
    )


def _release(_dialect: str, sight: Sight) -> Statement:
    opened = {"state": ItemState.OPEN.value, "claimed_by": None, "wakes_at": None}
    return _held(sight).values(opened).returning(*ITEM_COLUMNS)


def _snooze(_dialect: str, sight: Sight) -> Statement:
    put_off = {"state": ItemState.SNOOZED.value, "wakes_at": _UNTIL, "owner_rep": _ACTOR}
    return _held(sight).values(claimed_by=None, **put_off).returning(*ITEM_COLUMNS)


def _newest(sight: Sight) -> Select[*tuple[Any, ...]]:
    found = select(*ITEM_COLUMNS).where(OF_LEAD, is_seen(sight))
    return first_rows(found.order_by(ITEMS.c.item_id.desc()), 1)


def _find(_dialect: str, sight: Sight) -> Statement:
    return _newest(sight)


def _find_locked(_dialect: str, sight: Sight) -> Statement:
    return _newest(sight).with_for_update()


BUILDERS: Final[Builders] = {
    "best": _best,
    "wake": _wake,
    "this_one": _this_one,
    "release": _release,
    "snooze": _snooze,
    "find": _find,
    "find_locked": _find_locked,
}
