"""A ranked queue, page by page, through its index."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
)

from leadqual.errors import InputError
from leadqual.queue.items import QueueItem
from leadqual.queue.states import FINAL_STATES, ItemState
from leadqual.store.item_rows import (
    IS_CLAIMED,
    IS_DUE,
    IS_SNOOZED,
    IS_WAITING,
    ITEM_COLUMNS,
    OPEN_COLUMNS,
    Sight,
)
from leadqual.store.phrases import first_rows
from leadqual.store.prepared import Prepared, Row
from leadqual.store.tables import ITEMS
from leadqual.store.types import BigId, Real

Columns = tuple[Column[Any], ...]

_QUEUE: Final = bindparam("of_queue", type_=ITEMS.c.queue.type)
_AFTER_KEY: Final = bindparam("after_key", type_=Real)
_AFTER_ID: Final = bindparam("after_id", type_=BigId)


@lru_cache(maxsize=1024)
def arms(
    states: frozenset[ItemState], *, n_rows: int, has_cursor: bool, sight: Sight
) -> tuple[Prepared, ...]:
    """Return the statements of one page: parameters `of_queue`, `now` and the cursor's.

    Each is a range of an index that is read in order and stops after a page; `merge` makes one
    page of them. Together they are half as dear as their union, which both databases plan anew
    each time or sort once more. They need one snapshot. Leases and snoozes that have run out
    count as open. Open items have `OPEN_COLUMNS` only.
    """
    return tuple(
        Prepared(first_rows(_arm(columns, condition, has_cursor=has_cursor, sight=sight), n_rows))
        for columns, condition in _conditions(states)
    )


def merge(pages: Sequence[list[Row]]) -> list[Row]:
    """Return rows in the order of a queue; each page is in that order."""
    filled = [page for page in pages if page]
    if len(filled) == 1:
        return filled[0]
    return sorted((row for page in filled for row in page), key=_place)


def _place(row: Row) -> tuple[float, int]:
    return -row[3], row[0]


def _conditions(states: frozenset[ItemState]) -> Iterator[tuple[Columns, ColumnElement[bool]]]:
    """Yield the columns and the condition of each arm."""
    in_queue = ITEMS.c.queue == _QUEUE
    for state in sorted(states):
        named = and_(in_queue, ITEMS.c.state == state.value)
        columns = OPEN_COLUMNS if state is ItemState.OPEN else ITEM_COLUMNS
        waits = true() if state in FINAL_STATES else and_(IS_WAITING, _still(state, states))
        yield columns, and_(named, waits)
    if ItemState.OPEN in states:
        # coalesce() keeps the planner off the ranked index: what is due is found by its time.
        here = func.coalesce(ITEMS.c.queue, "") == _QUEUE
        for state, is_state in ((ItemState.CLAIMED, IS_CLAIMED), (ItemState.SNOOZED, IS_SNOOZED)):
            if state not in states:
                yield ITEM_COLUMNS, and_(here, is_state, IS_DUE)


def _still(state: ItemState, states: frozenset[ItemState]) -> ColumnElement[bool]:
    """Return what keeps items out whose claim or snooze is over, unless open ones are listed."""
    if state in {ItemState.CLAIMED, ItemState.SNOOZED} and ItemState.OPEN not in states:
        return ~IS_DUE
    return IS_WAITING


def _arm(
    columns: Columns, condition: ColumnElement[bool], *, has_cursor: bool, sight: Sight
) -> Select[*tuple[Any, ...]]:
    """Return one arm in its order, from its start or behind the cursor."""
    page = select(*columns).where(condition, sight.condition)
    if has_cursor:
        behind = or_(ITEMS.c.order_key < _AFTER_KEY, ITEMS.c.item_id > _AFTER_ID)
        page = page.where(ITEMS.c.order_key <= _AFTER_KEY, behind)
    return page.order_by(ITEMS.c.order_key.desc(), ITEMS.c.item_id)


def write_cursor(last: QueueItem) -> str:
    """Return a text that names the place behind an item."""
    return f"{last.order_key.hex()}_{last.item_id}"


def read_cursor(cursor: str) -> tuple[float, int]:
    """Return order key and item id of a cursor.

    Raises
    ------
    InputError
        When it is none of ours.
    """
    key, _, number = cursor.partition("_")
    try:
        order_key, item_id = float.fromhex(key), int(number)
    except (ValueError, OverflowError):
        raise _foreign() from None
    if not math.isfinite(order_key) or not 0 <= item_id < 2**63:
        raise _foreign()
    return order_key, item_id


def _foreign() -> InputError:
    return InputError("the cursor is none of ours; leave it out to start at the top")
