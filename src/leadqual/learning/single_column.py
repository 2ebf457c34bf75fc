"""What one column says alone, without teaching it its own answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.spec import canonical_level, to_number
from leadqual.leads.schema import Scalar
from leadqual.outcomes.history import Columns

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MAX_TIME_SHARE: Final = 0.7
"""Of the four economic indices of a bank campaign each explains more; its telephone kind, .6."""

TIME_PROXY: Final = "tells when a lead came"
_N_BINS: Final = 20
_SMOOTHING_LEADS: Final = 5.0
_NUMERIC_SHARE: Final = 0.95


def code_values(values: Sequence[Scalar]) -> Codes:
    """Return a small number per value: bins of a number, levels of anything else.

    Missing is a value of its own.
    """
    numbers = np.array([to_number(value) for value in values], dtype=np.float64)
    levels = [canonical_level(value) for value in values]
    n_filled = sum(level is not None for level in levels)
    is_number = np.isfinite(numbers)
    if is_number.sum() >= max(_NUMERIC_SHARE * n_filled, 1) and len(set(levels)) > _N_BINS:
        inner = np.linspace(0, 1, _N_BINS + 1)[1:-1]
        edges = np.unique(np.quantile(numbers[is_number], inner))
        return np.where(is_number, np.digitize(numbers, edges) + 1, 0)
    number: dict[str | None, int] = {}
    return np.array([number.setdefault(level, len(number)) for level in levels], dtype=np.intp)


def mean_out_of_fold(codes: Codes, y: Floats) -> Floats:
    """Return the smoothed mean of y for each row's value, counted on the other half of rows.

    Parameters
    ----------
    codes : ndarray of intp, shape (n,)
        From `code_values`.
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


def find_time_proxies(columns: Columns, n_rows: int) -> dict[str, str]:
    """Return the columns that tell when a lead came rather than what it is, and how well.

    An index of the economy, a running campaign number or a month within one year separate early
    leads from late ones. What a model learns from them is how old the history is, and it is
    wrong on the first new value.

    Parameters
    ----------
    columns : Columns
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
        guess = mean_out_of_fold(code_values(values), place)
        share = 1 - float(((place - guess) ** 2).mean() / spread)
        if share > MAX_TIME_SHARE:
            found[name] = f"{TIME_PROXY} ({share:.0%} of it), not what it is"
    return found
