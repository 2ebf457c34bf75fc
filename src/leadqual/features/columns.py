"""Columns without a Python object per cell, taken wherever a list of scalars is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import InputError
from leadqual.features.spec import MAX_NUMBER, to_number
from leadqual.leads.schema import Scalar


@dataclass(frozen=True, eq=False, slots=True)
class Coded:
    """A column of few different values, such as a dictionary column of Arrow.

    Parameters
    ----------
    values : tuple of scalars
        The different values, None for missing; one may stand twice or not be used at all.
    codes : ndarray of intp, shape (n,)
        Place in `values` of each lead's value.
    """

    values: tuple[Scalar, ...]
    codes: NDArray[np.intp]

    def __len__(self) -> int:
        """Return the number of leads."""
        return len(self.codes)

    def __iter__(self) -> Iterator[Scalar]:
        """Yield the value of each lead."""
        return map(self.values.__getitem__, self.codes.tolist())

    def __getitem__(self, rows: slice) -> Coded:
        """Return the column of some leads."""
        return Coded(self.values, self.codes[rows])

    def take(self, rows: NDArray[np.intp]) -> Coded:
        """Return the column of some leads, in the given order."""
        return Coded(self.values, self.codes[rows])

    def per_value(self, function: Callable[[Scalar], Scalar]) -> Coded:
        """Return the column with a function applied to each different value.

        The function returns one type beside None, and what it makes alike is one value.
        """
        place: dict[Scalar, int] = {}
        found = [place.setdefault(function(value), len(place)) for value in self.values]
        return Coded(tuple(place), np.array(found, dtype=np.intp)[self.codes])


Column = Sequence[Scalar] | Coded | NDArray[np.float64] | NDArray[np.datetime64]
"""One value per lead: scalars, `Coded`, numbers as float64 with NaN where missing.

`created_at` may also be datetime64 in UTC, with NaT where missing.
"""

Table = Mapping[str, Column]
"""Flat field name (`leads.flat`) to its column, all of the same length."""


def check_columns(columns: Table, n_leads: int) -> None:
    """Refuse columns that do not have one value per lead, and arrays of another kind.

    Raises
    ------
    InputError
        With the column and what it has.
    """
    for name, values in columns.items():
        if len(values) != n_leads:
            raise InputError(
                f"column {name} has {len(values)} values for {n_leads} leads; give one per lead, "
                "None where it is not known"
            )
        if isinstance(values, np.ndarray):
            _check_kind(name, values)


def _check_kind(name: str, values: NDArray[Any]) -> None:
    is_time = name == "created_at" and values.dtype.kind == "M"
    if values.ndim != 1 or not (is_time or values.dtype == np.float64):
        raise InputError(
            f"column {name} is an array of {values.dtype}; give a flat array of float64 with NaN "
            "where it is not known, a list, or Coded"
        )


def scalars_of(column: Column) -> Sequence[Scalar]:
    """Return a column as one Python object per lead."""
    if isinstance(column, np.ndarray):
        found: list[Scalar] = column.tolist()
        return found
    return list(column) if isinstance(column, Coded) else column


def count_values(column: Column) -> tuple[Counter[Scalar], Counter[type]]:
    """Return how many leads have each value, None for NaN, and how many a value of each type."""
    if isinstance(column, np.ndarray):
        column = code_numbers(column)
    if not isinstance(column, Coded):
        return Counter(column), Counter(map(type, column))
    values: Counter[Scalar] = Counter()
    kinds: Counter[type] = Counter()
    counts = np.bincount(column.codes, minlength=len(column.values)).tolist()
    for value, n in zip(column.values, counts, strict=True):
        if n:
            values[value] += n
            kinds[type(value)] += n
    return values, kinds


def per_value(column: Column, function: Callable[[Scalar], Scalar]) -> Sequence[Scalar] | Coded:
    """Return a column with a function applied to its values, None for NaN."""
    if isinstance(column, Coded):
        return column.per_value(function)
    if isinstance(column, np.ndarray):
        return code_numbers(column).per_value(function)
    return [function(value) for value in column]


def code_numbers(column: NDArray[Any]) -> Coded:
    """Return numbers as a column of different values, None for NaN."""
    values, codes = np.unique(column, return_inverse=True)
    found: list[Scalar] = values.tolist()
    return Coded(tuple(None if value != value else value for value in found), codes)  # noqa: PLR0124 - NaN


def numbers_of(column: Column) -> list[float] | NDArray[np.float64]:
    """Return a column as numbers, NaN where one is missing, not a number or absurdly large.

    A list for a list: for a few leads, calls of numpy cost more than all the values.
    """
    if isinstance(column, np.ndarray):
        return np.where(np.abs(column) <= MAX_NUMBER, column, np.nan)
    if isinstance(column, Coded):
        return read_numbers(column, to_number)
    return list_numbers(column)


def list_numbers(values: Sequence[Scalar]) -> list[float]:
    """Return values as numbers, as `numbers_of`; whole and logical ones may stay what they are."""
    numbers = cast("Sequence[float | None]", values)
    try:  # nearly all are numbers already, and this is three times as fast
        return [
            nan if value is None or not -MAX_NUMBER <= value <= MAX_NUMBER else value
            for value in numbers
        ]
    except TypeError:
        return list(map(to_number, values))


def read_numbers(column: Column, read: Callable[[Scalar], float]) -> NDArray[np.float64]:
    """Return a column as what `read` makes of each value; arrays of numbers as they are."""
    if isinstance(column, Coded):
        return np.array(list(map(read, column.values)), dtype=np.float64)[column.codes]
    if isinstance(column, np.ndarray):
        return np.asarray(column, dtype=np.float64)
    return np.array(list(map(read, column)), dtype=np.float64)


def states_of(column: Column, code: Callable[[Scalar], int]) -> list[int] | NDArray[np.intp]:
    """Return the state (`CategoricalFeature.code`) of each value; a list for a list."""
    if isinstance(column, np.ndarray):
        column = code_numbers(column)
    if isinstance(column, Coded):
        return np.array(list(map(code, column.values)), dtype=np.intp)[column.codes]
    return list(map(code, column))


def is_known(column: Column) -> NDArray[np.bool_]:
    """Return where a column has a value, shape (n,)."""
    if isinstance(column, Coded):
        known = np.array([value is not None for value in column.values], dtype=np.bool_)
        return known[column.codes]
    if isinstance(column, np.ndarray):
        return ~np.isnan(column)
    return np.array([value is not None for value in column], dtype=np.bool_)
