"""The columns of a history without a Python object per cell: read once, for everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.columns import Coded, Column
from leadqual.leads.schema import Scalar

Table = dict[str, Column]

_NUMBERS: Final = frozenset({int, float, type(None)})
_MANY: Final = 1_000
"""Below so many leads it costs more than it brings."""


def code_columns(columns: Mapping[str, Sequence[Scalar]], n_leads: int) -> Table:
    """Return columns as numbers or as different values and where they stand.

    Learning reads a column many times: whether it tells the time, its levels and scale, what is
    derived from it, the leads themselves. Each different value is then looked at once.

    Parameters
    ----------
    columns : mapping of str to sequence of scalars
        n_leads values each, None where not known.
    n_leads : int
        Few leads are returned as they are.
    """
    if n_leads < _MANY:
        return dict(columns)
    return {name: _code(values) for name, values in columns.items()}


def _code(values: Sequence[Scalar]) -> Column:
    kinds = set(map(type, values))
    numbers = _read_numbers(values) if kinds <= _NUMBERS else None
    if numbers is not None:
        return numbers
    if len(kinds - {type(None)}) < 2:
        place: dict[Scalar, int] = {}
        codes = [place.setdefault(value, len(place)) for value in values]
        return Coded(tuple(place), np.array(codes, dtype=np.intp))
    # 1, 1.0 and True are equal, and not the same thing to read.
    places: dict[tuple[type, Scalar], int] = {}
    codes = [places.setdefault((type(value), value), len(places)) for value in values]
    return Coded(tuple(value for _, value in places), np.array(codes, dtype=np.intp))


def _read_numbers(values: Sequence[Scalar]) -> NDArray[np.float64] | None:
    """Return numbers that differ; None for a constant, which is a level with a spelling."""
    try:
        numbers = np.array(values, dtype=np.float64)
    except OverflowError:  # an integer that no float holds
        return None
    known = numbers[~np.isnan(numbers)]
    return numbers if known.size and known.min() < known.max() else None


def take_rows(table: Mapping[str, Column], rows: NDArray[np.intp]) -> Table:
    """Return the columns of some leads, in the given order."""
    return {name: _take(column, rows) for name, column in table.items()}


def _take(column: Column, rows: NDArray[np.intp]) -> Column:
    if isinstance(column, np.ndarray):
        return column[rows]
    if isinstance(column, Coded):
        return column.take(rows)
    return [column[i] for i in rows]
