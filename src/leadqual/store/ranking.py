"""A ranked queue, page by page, through its index."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from leadqual.errors import InputError
from leadqual.queue.items import QueueItem
from leadqual.store.item_rows import ITEM_NAMES, PageParts
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared

_ORDER_KEY: Final = ITEM_NAMES.index("order_key")


class Pages(NamedTuple):
    """The statements of one page: parameters `of_queue`, `now` and the cursor's.

    Each is a range of an index that is read in order and stops after a page; they need one
    snapshot. Open items have `OPEN_NAMES` only, or nothing in the others.

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
def pages(parts: PageParts, *, is_one_statement: bool) -> Pages:
    """Return the statements of a page; leases and snoozes that have run out count as open.

    Parameters
    ----------
    is_one_statement : bool
        Whether `listed` is one union. PostgreSQL saves round trips, and plans it once for any
        time: a look at the first row of an index costs the same. SQLite would plan it each time.
    """
    if is_one_statement and parts.n_listed > 1:
        listed = [Prepared("ranking.listed_as_one", parts)]
    else:
        listed = [Prepared("ranking.listed", parts, n) for n in range(parts.n_listed)]
    due = [Prepared("ranking.due", parts, n) for n in range(len(parts.due_states))]
    return Pages(tuple(listed), tuple(due))


def _merge(parts: Sequence[list[Row]]) -> list[Row]:
    """Return rows in the order of a queue; each part is in that order."""
    filled = [part for part in parts if part]
    if len(filled) == 1:
        return filled[0]
    return sorted((row for part in filled for row in part), key=_place)


def _place(row: Row) -> tuple[float, int]:
    return -row[_ORDER_KEY], row[0]


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
