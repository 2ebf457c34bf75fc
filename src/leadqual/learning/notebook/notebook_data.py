"""What a notebook hands to `LeadQualifier`: checked, put in time order and labelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite

from leadqual.learning.notebook.known_answers import WON_AT, KnownAnswers, one_answer, read_answers
from leadqual.learning.settings import MAX_ROWS
from leadqual.learning.time_split import arrival_times
from leadqual.qualify.reference import CONVERSION

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Times = NDArray[np.datetime64]


def read_labels(
    y: ArrayLike | pd.DataFrame,
    *,
    names: Sequence[str] | None,
    classes: NDArray[Any] | list[NDArray[Any]] | None,
    is_counted: NDArray[np.bool_],
) -> tuple[KnownAnswers, NDArray[Any] | list[NDArray[Any]]]:
    """Read labels: one outcome, or named columns.

    Parameters
    ----------
    y : array of shape (n_leads,), or DataFrame or array of shape (n_leads, n_targets)
    names : sequence of str, optional
        Names of the columns of an array; of a DataFrame, which columns to read.
    classes : ndarray of shape (2,), list of such, or None
        What was seen at fitting; None when fitting.
    is_counted : ndarray of bool, shape (n_leads,)
        Leads of weight above 0: the classes of one outcome are theirs.

    Returns
    -------
    known : KnownAnswers
        Of one outcome the second class is "yes" to `conversion`.
    classes : ndarray of shape (2,), or list of such
        The two classes, sorted; 0 and 1 per target where the columns have names.

    Raises
    ------
    ValueError
        If y has another shape, other values or other classes than expected.
    TypeError
        If `names` is a text.
    """
    if isinstance(names, str):
        raise TypeError("targets= is one text; give a list of names such as ['fit']")
    if y is None:
        raise ValueError("LeadQualifier requires y to be passed, but the target y is None.")
    table = _as_table(y, names)
    if classes is not None and isinstance(classes, list) is (table is None):
        raise ValueError("y is of another kind than at fitting: one outcome, or named columns")
    if table is None:
        seen = classes if isinstance(classes, np.ndarray) else None
        return _read_one_outcome(y, seen, is_counted)
    check_consistent_length(table, is_counted)
    known = read_answers(table, wanted=names)
    return known, [np.arange(2) for _ in known.targets]


def check_together(
    known: KnownAnswers, frame: pd.DataFrame, *, time_column: str, as_of: datetime | None
) -> None:
    """Refuse dates of wins without times of leads, and a moment of knowledge without dates.

    Raises
    ------
    ValueError
        With what to add or to leave out.
    """
    if as_of is not None and known.won_at is None:
        raise ValueError(f"as_of needs dates: give the column {WON_AT} in y, or leave it out")
    if known.won_at is not None and time_column not in frame:
        raise ValueError(
            f"y has {WON_AT}, and X no column {time_column!r} that says when leads came in: add "
            "it, or name another time_column"
        )


def _as_table(y: ArrayLike | pd.DataFrame, names: Sequence[str] | None) -> pd.DataFrame | None:
    """Return labels with named columns as a table, or None where `y` is one outcome."""
    if isinstance(y, pd.DataFrame):
        return y
    values = np.asarray(y)
    columns = values.reshape(-1, 1) if values.ndim == 1 else values
    if names is not None and columns.shape[1:] == (len(names),):
        return pd.DataFrame(columns, columns=list(names))
    if values.ndim == 2 and values.shape[1] > 1:
        raise ValueError(
            f"y has {values.shape[1]} columns, and targets= {len(names or ())} names for them: "
            "name each, or pass a DataFrame"
        )
    return None


def _read_one_outcome(
    y: ArrayLike, classes: NDArray[Any] | None, is_counted: NDArray[np.bool_]
) -> tuple[KnownAnswers, NDArray[Any]]:
    """Read one outcome of two values; the second class, sorted, is "yes" to `conversion`."""
    values = column_or_1d(y, warn=True)
    n_missing = int(pd.isna(values).sum())
    if n_missing and values.dtype == object:
        raise ValueError(
            f"y has {n_missing} missing value(s); leave those leads out, or pass a DataFrame with "
            f"the column {CONVERSION} (1, 0 or missing)"
        )
    assert_all_finite(values, input_name="y")
    check_classification_targets(values)
    check_consistent_length(values, is_counted)
    if classes is not None:
        if not np.isin(values, classes).all():
            raise ValueError("y has values that are not among the two classes seen at fitting")
        return one_answer((values == classes[1]).astype(np.float64)), classes
    kind = type_of_target(values[is_counted], input_name="y", raise_unknown=True)
    found = np.unique(values[is_counted])
    if kind != "binary":
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {kind}: y has "
            f"{len(found)} different values{_spelling_hint(found)}"
        )
    if len(found) < 2:
        raise ValueError("y has one class only; give leads of both classes, won and not won")
    return one_answer((values == found[1]).astype(np.float64)), found


def _spelling_hint(values: NDArray[Any]) -> str:
    """Say when values would be the same but for their spelling."""
    n_alike = len({str(value).strip().casefold() for value in values})
    return "" if n_alike == len(values) else f", {n_alike} but for upper case and blanks"


def read_sample_weight(weights: ArrayLike | None, n_leads: int) -> Floats:
    """Return a weight per lead, 1 where none are given.

    Raises
    ------
    ValueError
        If there is not one number from 0 per lead, or all are 0.
    """
    if weights is None:
        return np.ones(n_leads)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (n_leads,):
        raise ValueError(f"sample_weight has shape {values.shape}, expected ({n_leads},)")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("sample_weight has values that are negative, missing or infinite")
    if not values.any():
        raise ValueError("sample_weight: all weights are zero; give some lead a weight above 0")
    return values


def order_leads(
    frame: pd.DataFrame, time_column: str, *, weights: Floats, as_of: datetime | None
) -> tuple[Codes, Times]:
    """Return the rows to learn from, oldest first, and when those leads came in.

    Leads of weight 0, leads after `as_of` and all but the newest `MAX_ROWS` are left out.

    Parameters
    ----------
    frame : DataFrame of n_leads rows
    time_column : str
        Where it is absent, the rows are in time order and their moments only number them.
    weights : ndarray of float64, shape (n_leads,)
    as_of : datetime or None
        Aware.

    Raises
    ------
    ValueError
        If a time cannot be read, or no lead is left.
    """
    times = arrival_times(frame, time_column)
    order = np.argsort(times, kind="stable")
    is_kept = weights[order] > 0
    if as_of is not None:
        is_kept &= times[order] <= round(as_of.timestamp() * 1e6)
    order = order[is_kept][-MAX_ROWS:]
    if not len(order):
        raise ValueError("no lead of X came in by as_of; give a later moment")
    return order, times[order].astype("datetime64[us]")
