"""A page of a ranked queue: each part is a range of an index, read in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

from leadqual.queue.states import FINAL_STATES, ItemState
from leadqual.store.item_rows import PageParts
from leadqual.store.statements.definitions import Builders, Statement
from leadqual.store.statements.item_parts import (
    IS_CLAIMED,
    IS_DUE,
    IS_SNOOZED,
    IS_WAITING,
    ITEM_COLUMNS,
    OPEN_COLUMNS,
    is_seen,
)
from leadqual.store.statements.phrases import first_rows
from leadqual.store.tables import ITEMS
from leadqual.store.types import BigId, Real

Columns = tuple[ColumnElement[Any], ...]
Arm = Select[*tuple[Any, ...]]

_QUEUE: Final = bindparam("of_queue", type_=ITEMS.c.queue.type)
_AFTER_KEY: Final = bindparam("after_key", type_=Real)
_AFTER_ID: Final = bindparam("after_id", type_=BigId)
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


def _listed(_dialect: str, parts: PageParts, number: int) -> Statement:
    """Return one of the parts that have the states asked for."""
    return _arms(parts, is_padded=False)[number]


def _listed_as_one(_dialect: str, parts: PageParts) -> Statement:
    """Return all of them as one statement; what has no order key comes before the others."""
    arms = _arms(parts, is_padded=True)
    union: CompoundSelect[*tuple[Any, ...]] = union_all(*(arm.self_group() for arm in arms))
    columns = union.selected_columns
    order = (columns.order_key.desc().nulls_first(), columns.item_id)
    n_rows = parts.n_rows + bool(parts.due_states)
    return union.order_by(*order).limit(literal_column(str(n_rows)))


def _due(_dialect: str, parts: PageParts, number: int) -> Statement:
    """Return what counts as open because its time is over: of one of `PageParts.due_states`."""
    # coalesce() keeps the planner off the ranked index: what is due is found by its time.
    here = func.coalesce(ITEMS.c.queue, "") == _QUEUE
    is_state = {ItemState.CLAIMED: IS_CLAIMED, ItemState.SNOOZED: IS_SNOOZED}
    condition = and_(here, is_state[parts.due_states[number]], IS_DUE)
    return first_rows(_arm(ITEM_COLUMNS, condition, parts), parts.n_rows)


BUILDERS: Final[Builders] = {"listed": _listed, "listed_as_one": _listed_as_one, "due": _due}


def _arms(parts: PageParts, *, is_padded: bool) -> Sequence[Arm]:
    arms = [
        first_rows(_arm(columns, condition, parts), parts.n_rows)
        for columns, condition in _by_state(parts.states, is_padded=is_padded)
    ]
    return [_FIRST_OVER, *arms] if parts.due_states else arms


def _by_state(
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


def _still(state: ItemState, states: frozenset[ItemState]) -> ColumnElement[bool]:
    """Return what keeps items out whose claim or snooze is over, unless open ones are listed."""
    if state in {ItemState.CLAIMED, ItemState.SNOOZED} and ItemState.OPEN not in states:
        return ~IS_DUE
    return IS_WAITING


def _arm(columns: Columns, condition: ColumnElement[bool], parts: PageParts) -> Arm:
    """Return one part in its order, from its start or behind the cursor."""
    page = select(*columns).where(condition, is_seen(parts.sight))
    if parts.has_cursor:
        behind = or_(ITEMS.c.order_key < _AFTER_KEY, ITEMS.c.item_id > _AFTER_ID)
        page = page.where(ITEMS.c.order_key <= _AFTER_KEY, behind)
    return page.order_by(ITEMS.c.order_key.desc(), ITEMS.c.item_id)
