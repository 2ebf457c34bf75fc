"""What one column says alone, without teaching it its own answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.columns import Coded, Column, code_numbers
from leadqual.features.spec import canonical_level, to_number
from leadqual.leads.schema import Scalar

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.intp]

MAX_TIME_SHARE: Final = 0.7
"""Of the four economic indices of a bank campaign each explains more; its telephone kind, .6."""

TIME_PROXY: Final = "tells when a lead came"
_N_BINS: Final = 20
_SMOOTHING_LEADS: Final = 5.0
_NUMERIC_SHARE: Final = 0.95


@dataclass(frozen=True, eq=False)
class ReadColumn:
    """One column as levels and as numbers.

    Parameters
    ----------
    levels : tuple of str or None
        Different canonical levels; the first is None, which stands for missing.
    codes : ndarray of intp, shape (n,)
        Place of each lead's level in `levels`.
    numbers : ndarray of float64, shape (n,)
        NaN where the value is missing or no number.
    """

    levels: tuple[str | None, ...]
    codes: Codes
    numbers: Floats

    @property
    def is_filled(self) -> Flags:
        """Return where the value is known, shape (n,)."""
        return self.codes > 0

    @property
    def is_number(self) -> bool:
        """Return whether this is a measurement: numbers, and more of them than codes have."""
        n_numbers = int(np.isfinite(self.numbers).sum())
        n_filled = int(self.is_filled.sum())
        return n_numbers >= max(_NUMERIC_SHARE * n_filled, 1) and len(self.levels) - 1 > _N_BINS

    def group(self, *, min_count: int = 1) -> Codes:
        """Return a small number per lead: bins of a number, levels of anything else.

        Missing is group 0. Levels of fewer than `min_count` leads share one group.
        """
        if self.is_number:
            is_known = np.isfinite(self.numbers)
            inner = np.linspace(0, 1, _N_BINS + 1)[1:-1]
            edges = np.unique(np.quantile(self.numbers[is_known], inner))
            return np.where(is_known, np.digitize(self.numbers, edges) + 1, 0)
        n = np.bincount(self.codes, minlength=len(self.levels))
        is_rare = (n < min_count) & (np.arange(len(n)) > 0)
        return np.where(is_rare[self.codes], len(n), self.codes)


def read_column(values: Column) -> ReadColumn:
    """Return a column as levels and numbers; each different value is looked at once."""
    place, row = _distinguish(values)
    number_of: dict[str | None, int] = {None: 0}
    codes = [number_of.setdefault(canonical_level(value), len(number_of)) for value in place]
    return ReadColumn(
        levels=tuple(number_of),
        codes=np.array(codes, dtype=np.intp)[row],
        numbers=np.array([to_number(value) for value in place], dtype=np.float64)[row],
    )


def _distinguish(values: Column) -> tuple[Sequence[Scalar], Codes]:
    """Return the different values of a column, and which of them each lead has."""
    if isinstance(values, np.ndarray):
        values = code_numbers(values)
    if isinstance(values, Coded):
        is_used = np.bincount(values.codes, minlength=len(values.values)) > 0
        used = [value for value, is_there in zip(values.values, is_used, strict=True) if is_there]
        return used, (np.cumsum(is_used) - 1)[values.codes]
    place: dict[Scalar, int] = {}
    row = np.array([place.setdefault(value, len(place)) for value in values], dtype=np.intp)
    return tuple(place), row


def mean_out_of_fold(codes: Codes, y: Floats) -> Floats:
    """Return the smoothed mean of y for each row's value, counted on the other half of rows.

    Parameters
    ----------
    codes : ndarray of intp, shape (n,)
        From `ReadColumn.group`.
    y : ndarray of float64, shape (n,)
        What is averaged; even rows answer for odd ones and the other way round.
    """
    size = int(codes.max(initial=0)) + 1
    is_even = np.arange(len(y)) % 2 == 0
    found = np.zeros(len(y))
    for inside in (is_even, ~is_even):
        if not inside.any():
            continue
        n = np.bincount(codes[inside], minlength=size)
        total = np.bincount(codes[inside], y[inside], minlength=size)
        mean = (total + _SMOOTHING_LEADS * y[inside].mean()) / (n + _SMOOTHING_LEADS)
        found[~inside] = mean[codes[~inside]]
    return found


def find_time_proxies(columns: Mapping[str, Column], n_rows: int) -> dict[str, str]:
    """Return the columns that tell when a lead came rather than what it is, and how well.

    An index of the economy, a running campaign number or a month within one year separate early
    leads from late ones. What a model learns from them is how old the history is, and it is
    wrong on the first new value.

    Parameters
    ----------
    columns : mapping of str to Column
        In time order, n_rows values each.
    n_rows : int
        Number of leads.
    """
    place = np.arange(n_rows) / max(n_rows, 1)
    spread = place.var()
    found = {}
    for name, values in columns.items():
        if name == "created_at" or spread == 0:
            continue
        guess = mean_out_of_fold(read_column(values).group(), place)
        share = 1 - float(((place - guess) ** 2).mean() / spread)
        if share > MAX_TIME_SHARE:
            found[name] = f"{TIME_PROXY} ({share:.0%} of it), not what it is"
    return found
