"""A ranked queue, page by page, through its index."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
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
from leadqual.store.prepared import Link, Prepared, Row, Statement
from leadqual.store.tables import ITEMS
from leadqual.store.types import BigId, Real

Columns = tuple[ColumnElement[Any], ...]
Arm = Select[*tuple[Any, ...]]

_QUEUE: Final = bindparam("of_queue", type_=ITEMS.c.queue.type)
_AFTER_KEY: Final = bindparam("after_key", type_=Real)
_AFTER_ID: Final = bindparam("after_id", type_=BigId)

_ORDER_KEY: Final = ITEM_COLUMNS.index(ITEMS.c.order_key)
_PADDED: Final[Columns] = (
    *OPEN_COLUMNS,
    *(null().label(column.name) for column in ITEM_COLUMNS[len(OPEN_COLUMNS) :]),
)
_FIRST_OVER: Final = first_rows(
    select(
        *(
            null().label(column.name) if column is ITEMS.c.order_key else column
            for column in ITEM_COLUMNS
        )
    )
    .where(IS_DUE)
    .order_by(ITEMS.c.wakes_at),
    1,
)


@dataclass(frozen=True, slots=True)
class Pages:
    """The statements of one page: parameters `of_queue`, `now` and the cursor's.

    Each is a range of an index that is read in order and stops after a page; they need one
    snapshot. Open items have `OPEN_COLUMNS` only, or nothing in the others.

    Parameters
    ----------
    listed : tuple of Prepared
        What has the states that were asked for. Where an item that was taken or put off counts as
        open when its time is over, and there is such an item in whatever queue, one of them comes
        first, without its order key.
    due : tuple of Prepared
        What counts as open by now, if there is such an item.
    """

    listed: tuple[Prepared, ...]
    due: tuple[Prepared, ...]

    def read(self, link: Link, values: Mapping[str, object]) -> list[Row]:
        """Return the rows of a page in the order of the queue, and perhaps some behind it."""
        parts = [link.run_raw(statement, **values) for statement in self.listed]
        if self.due and parts[0] and parts[0][0][_ORDER_KEY] is None:
            del parts[0][0]
            parts += [link.run_raw(statement, **values) for statement in self.due]
        return _merge(parts)


@lru_cache(maxsize=1024)
def pages(
    states: frozenset[ItemState],
    *,
    n_rows: int,
    has_cursor: bool,
    sight: Sight,
    is_one_statement: bool,
) -> Pages:
    """Return the statements of a page; leases and snoozes that have run out count as open.

    Parameters
    ----------
    is_one_statement : bool
        Whether `listed` is one union. PostgreSQL saves round trips, and plans it once for any
        time: a look at the first row of an index costs the same. SQLite would plan it each time.
    """

    def arm(columns: Columns, condition: ColumnElement[bool]) -> Arm:
        return first_rows(_arm(columns, condition, has_cursor=has_cursor, sight=sight), n_rows)

    listed = [arm(*one) for one in _listed(states, is_padded=is_one_statement)]
    due = [arm(ITEM_COLUMNS, condition) for condition in _due(states)]
    if due:
        listed.insert(0, _FIRST_OVER)
    statements: list[Statement] = [*listed]
    if is_one_statement and len(listed) > 1:
        statements = [_union(listed, n_rows=n_rows + bool(due))]
    return Pages(tuple(map(Prepared, statements)), tuple(map(Prepared, due)))


def _union(arms: Sequence[Arm], *, n_rows: int) -> CompoundSelect[*tuple[Any, ...]]:
    """Return the first rows of all arms; what has no order key comes before them."""
    union: CompoundSelect[*tuple[Any, ...]] = union_all(*(arm.self_group() for arm in arms))
    columns = union.selected_columns
    order = (columns.order_key.desc().nulls_first(), columns.item_id)
    return union.order_by(*order).limit(literal_column(str(n_rows)))


def _merge(parts: Sequence[list[Row]]) -> list[Row]:
    """Return rows in the order of a queue; each part is in that order."""
    filled = [part for part in parts if part]
    if len(filled) == 1:
        return filled[0]
    return sorted((row for part in filled for row in part), key=_place)


def _place(row: Row) -> tuple[float, int]:
    return -row[_ORDER_KEY], row[0]


def _listed(
    states: frozenset[ItemState], *, is_padded: bool
) -> Iterator[tuple[Columns, ColumnElement[bool]]]:
    """Yield the columns and the condition of each state."""
    in_queue = ITEMS.c.queue == _QUEUE
    open_columns = _PADDED if is_padded else OPEN_COLUMNS
    for state in sorted(states):
        # Written out, so that a plan for any page still knows how many there are.
        named = and_(in_queue, ITEMS.c.state == literal_column(f"'{state.value}'", Text))
        waits = true() if state in FINAL_STATES else and_(IS_WAITING, _still(state, states))
        yield (open_columns if state is ItemState.OPEN else ITEM_COLUMNS), and_(named, waits)


def _due(states: frozenset[ItemState]) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of what counts as open because its time is over."""
    if ItemState.OPEN not in states:
        return
    # coalesce() keeps the planner off the ranked index: what is due is found by its time.
    here = func.coalesce(ITEMS.c.queue, "") == _QUEUE
    for state, is_state in ((ItemState.CLAIMED, IS_CLAIMED), (ItemState.SNOOZED, IS_SNOOZED)):
        if state not in states:
            yield and_(here, is_state, IS_DUE)


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
