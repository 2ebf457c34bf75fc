"""Cross-validation that never looks ahead, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from leadqual.learning.split import N_FORWARD_FOLDS, forward_folds

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class TimeSeriesLeadSplit:
    """Forward folds for `cross_validate`: always judge on later leads than were fitted on.

    Each fold adds the test rows of the one before it to its training rows; the first fits on
    the oldest 55 % of leads.

    Parameters
    ----------
    n_splits : int
        Number of folds, at least 1.
    time_column : str
        Column of a DataFrame that says when a lead came in. Where it is absent, and for arrays,
        the rows are taken to be in time order.

    Examples
    --------
    >>> splitter = TimeSeriesLeadSplit(n_splits=2)
    >>> [(len(train), test.tolist()) for train, test in splitter.split(np.zeros((9, 1)))]
    [(5, [5, 6]), (7, [7, 8])]
    """

    n_splits: int = N_FORWARD_FOLDS
    time_column: str = "created_at"

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return the number of folds, whatever the data."""
        del X, y, groups  # asked for by the scikit-learn protocol
        return self.n_splits

    def split(
        self, X: pd.DataFrame | ArrayLike, y: object = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[Codes, Codes]]:
        """Yield row positions to fit on and to judge on, oldest fold first.

        Parameters
        ----------
        X : DataFrame or array of n_rows
            Leads in any order if they have the time column.
        y : object
            Not read.
        groups : array of shape (n_rows,), optional
            Rows of one group (a company, copies of a lead) are never on both sides: those of
            the test rows leave the training rows.

        Yields
        ------
        train, test : ndarray of intp
            In time order. Leads that came at the same moment as the first test row are in
            neither the training rows nor, if they were sorted before it, the test rows.

        Raises
        ------
        ValueError
            If there are too few rows or moments for n_splits folds, or a time cannot be read.
        """
        del y
        times = arrival_times(X, self.time_column)
        order = np.argsort(times, kind="stable")
        group = None if groups is None else np.asarray(groups)
        folds = forward_folds(len(order), n_folds=self.n_splits) if self.n_splits > 0 else []
        if not folds or len(folds) < self.n_splits:
            raise ValueError(
                f"{len(order)} rows cannot be split into {self.n_splits} forward folds; "
                "give more rows, or n_splits of at least 1 and fewer than rows"
            )
        for fold in folds:
            train, test = order[fold.train], order[fold.test]
            train = train[times[train] < times[test[0]]]
            if group is not None:
                train = train[~np.isin(group[train], group[test])]
            if not len(train):
                raise ValueError(
                    f"no row is older than the first of {len(test)} test rows and of another "
                    "group; give leads of more moments or groups, or fewer n_splits"
                )
            yield train, test


def arrival_times(X: pd.DataFrame | ArrayLike, time_column: str) -> NDArray[np.int64]:
    """Return numbers that order leads by when they came, shape (n_rows,).

    Parameters
    ----------
    X : DataFrame or array of n_rows
    time_column : str
        Holds ISO 8601 texts or datetimes; without an offset they are UTC. Where X does not have
        it, the row number is the time.

    Raises
    ------
    ValueError
        With the number of rows whose time is missing or cannot be read.
    """
    if not isinstance(X, pd.DataFrame) or time_column not in X.columns:
        return np.arange(np.shape(X)[0], dtype=np.int64)
    moments = read_moments(X[time_column])
    n_unread = int(moments.isna().sum())
    if n_unread:
        raise ValueError(
            f"column {time_column} has {n_unread} of {len(X)} values that are missing or no "
            "ISO 8601 time; parse it with pandas.to_datetime, or name another time_column"
        )
    return moments.to_numpy(dtype="datetime64[us]").astype(np.int64)


def read_moments(values: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
    """Return a column of ISO 8601 texts or datetimes in UTC, NaT where missing or unreadable.

    Texts with different offsets may stand beside each other; without an offset they are UTC.

    Raises
    ------
    ValueError
        If the column holds numbers, whose unit nobody knows.
    """
    kinds = set(values.dropna().map(type))
    if any(issubclass(kind, Number | np.number) for kind in kinds):
        raise ValueError(
            f"column {values.name} holds numbers, expected ISO 8601 texts or datetimes; convert "
            "it with pandas.to_datetime and its unit"
        )
    if values.isna().all():
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    moments = pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601")
    return moments.dt.tz_localize(None).dt.as_unit("us")


def read_as_of(as_of: str | datetime | None) -> datetime | None:
    """Return the moment of knowledge, aware; without an offset it is UTC.

    Raises
    ------
    ValueError
        If it is no time.
    """
    if as_of is None:
        return None
    moments = read_moments(pd.Series([None if isinstance(as_of, Number) else as_of], dtype=object))
    if moments.isna().any():
        raise ValueError("as_of is no time; give an ISO 8601 text or a datetime")
    read: datetime = moments.dt.tz_localize("UTC").dt.to_pydatetime().iloc[0]
    return read
