"""What a table of labels says about leads: yes, no or not known per question, money and dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadqual.learning.time_split import read_moments
from leadqual.qualify.amount import MAX_USD
from leadqual.qualify.reference import CONVERSION, TARGETS

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]
Codes = NDArray[np.intp]

AMOUNT: Final = "amount_usd"
WON_AT: Final = "won_at"
LOST_AT: Final = "lost_at"
ANSWER_COLUMNS: Final = (CONVERSION, *TARGETS[:-1], WON_AT, LOST_AT, AMOUNT)
"""Columns that a table of labels may have."""


@dataclass(frozen=True)
class KnownAnswers:
    """Labels of n_leads leads; what is not known is NaN or NaT, never 0.

    Parameters
    ----------
    targets : tuple of str
        What is asked, of `TARGETS`, in the order of the table; `conversion` stands for `won_at`.
    values : mapping of str to ndarray of float64, shape (n_leads,)
        Per target 1, 0 or NaN; without `conversion` where wins have dates.
    amount_usd : ndarray of float64, shape (n_leads,)
        Of the deal; NaN where not known.
    won_at, lost_at : ndarray of datetime64[us], shape (n_leads,), or None
        In UTC; NaT where it did not happen yet.
    """

    targets: tuple[str, ...]
    values: Mapping[str, Floats]
    amount_usd: Floats
    won_at: Times | None = None
    lost_at: Times | None = None

    @property
    def n_leads(self) -> int:
        """Return the number of leads."""
        return len(self.amount_usd)

    def take(self, rows: Codes) -> KnownAnswers:
        """Return the answers about some leads, in the given order."""
        return KnownAnswers(
            targets=self.targets,
            values={target: known[rows] for target, known in self.values.items()},
            amount_usd=self.amount_usd[rows],
            won_at=None if self.won_at is None else self.won_at[rows],
            lost_at=None if self.lost_at is None else self.lost_at[rows],
        )


def one_answer(values: Floats) -> KnownAnswers:
    """Return one yes-or-no outcome (0, 1 or NaN) as the answers about conversion."""
    return KnownAnswers((CONVERSION,), {CONVERSION: values}, np.full(len(values), np.nan))


def read_answers(table: pd.DataFrame, *, wanted: Sequence[str] | None = None) -> KnownAnswers:
    """Read a table of labels.

    Parameters
    ----------
    table : DataFrame of n_leads rows
        Columns among `ANSWER_COLUMNS`. `conversion`, `fit`, `authority` and `budget` hold 0, 1
        or nothing; `amount_usd` dollars from 0 or nothing; `won_at` and `lost_at` ISO 8601
        texts or datetimes (without an offset UTC) or nothing.
    wanted : sequence of str, optional
        The columns to read, by default all.

    Raises
    ------
    ValueError
        If columns are unknown, missing, repeated or do not go together, or cells hold anything
        else; the message counts them and does not show them.
    """
    names = list(table.columns) if wanted is None else list(wanted)
    _check_names(names, table)
    targets = dict.fromkeys(CONVERSION if name == WON_AT else name for name in names)
    asked = tuple(name for name in targets if name in TARGETS)
    has_amounts = AMOUNT in names
    return KnownAnswers(
        targets=asked,
        values={name: _read_answer(table[name]) for name in asked if name in names},
        amount_usd=_read_amounts(table[AMOUNT]) if has_amounts else np.full(len(table), np.nan),
        won_at=_read_times(table[WON_AT]) if WON_AT in names else None,
        lost_at=_read_times(table[LOST_AT]) if LOST_AT in names else None,
    )


def _check_names(names: Sequence[Any], table: pd.DataFrame) -> None:
    """Refuse columns that say nothing, contradict each other or are not there."""
    expected = ", ".join(ANSWER_COLUMNS)
    unknown = [name for name in names if name not in ANSWER_COLUMNS]
    if unknown:
        raise ValueError(
            f"y has {len(unknown)} column(s) of unknown name, the first is {unknown[0]!r}; "
            f"expected columns among {expected}. One outcome of any name: pass it as a Series"
        )
    if len(set(names)) < len(names) or not table.columns.is_unique:
        raise ValueError("y has two columns of one name; rename or drop one of them")
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise ValueError(f"y lacks the column(s) {', '.join(absent)} that targets= names")
    if CONVERSION in names and WON_AT in names:
        raise ValueError(f"y has both {CONVERSION} and {WON_AT}; drop one of them")
    if LOST_AT in names and WON_AT not in names:
        raise ValueError(f"y has {LOST_AT} without {WON_AT}; give both, or {CONVERSION}")
    if AMOUNT in names and not {CONVERSION, WON_AT} & set(names):
        raise ValueError(f"y has {AMOUNT}, which needs {CONVERSION} or {WON_AT} beside it")
    if not {*TARGETS, WON_AT} & set(names):
        raise ValueError(f"y has no column to learn; expected columns among {expected}")


def _read_answer(column: pd.Series[Any]) -> Floats:
    """Return 0, 1 and NaN."""
    is_known = column.notna().to_numpy()
    n_wrong = int((~column[is_known].isin([0, 1])).sum())
    if n_wrong:
        raise ValueError(
            f"column {column.name} of y has {n_wrong} value(s) that are neither 0, 1 nor missing; "
            "say yes as 1 or True, no as 0 or False, not known as NaN or None"
        )
    values = np.full(len(column), np.nan)
    values[is_known] = column[is_known].astype(np.float64)
    return values


def _read_amounts(column: pd.Series[Any]) -> Floats:
    """Return dollars, NaN where not known."""
    is_known = column.notna().to_numpy()
    is_number = column[is_known].map(
        lambda cell: isinstance(cell, int | float | np.number | Decimal)
    )
    numbers = pd.to_numeric(column[is_known], errors="coerce").to_numpy(dtype=np.float64)
    n_wrong = int((~(is_number.to_numpy(dtype=bool) & (numbers >= 0) & (numbers < MAX_USD))).sum())
    if n_wrong:
        raise ValueError(
            f"column {AMOUNT} of y has {n_wrong} value(s) that are no number from 0 to 1e15; "
            "convert texts to numbers, and leave empty what is not known"
        )
    values = np.full(len(column), np.nan)
    values[is_known] = numbers
    return values


def _read_times(column: pd.Series[Any]) -> Times:
    """Return moments in UTC, NaT where nothing is given."""
    moments = read_moments(column)
    n_wrong = int((moments.isna() & column.notna()).sum())
    if n_wrong:
        raise ValueError(
            f"column {column.name} of y has {n_wrong} value(s) that are no ISO 8601 time; parse "
            "it with pandas.to_datetime, and leave empty what did not happen"
        )
    return np.asarray(moments.to_numpy(dtype="datetime64[us]"))
