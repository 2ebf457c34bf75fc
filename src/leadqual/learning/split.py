"""Splits that do not lie: forward in time, or by groups where there is no time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from leadqual.outcomes.history import Columns

Codes = NDArray[np.intp]

N_FORWARD_FOLDS: Final = 3
N_GROUP_FOLDS: Final = 5
_FIRST_TRAIN_SHARE: Final = 0.55
TEST_SHARE: Final = 0.3
_MIN_DISTINCT: Final = 50
_MANY_TWINS: Final = 10


@dataclass(frozen=True)
class Fold:
    """Row numbers to fit on and row numbers to judge on; they share no row."""

    train: Codes
    test: Codes


def forward_folds(n_rows: int, *, n_folds: int = N_FORWARD_FOLDS) -> list[Fold]:
    """Return folds that always judge on later rows than they fit on.

    Parameters
    ----------
    n_rows : int
        Rows in time order.
    n_folds : int
        Each fold adds the test rows of the one before it to its training rows.
    """
    edges = np.linspace(_FIRST_TRAIN_SHARE, 1.0, n_folds + 1) * n_rows
    cuts = np.round(edges).astype(int)
    return [
        Fold(np.arange(start), np.arange(start, end))
        for start, end in pairwise(cuts)
        if end > start > 0
    ]


def duplicate_groups(columns: Columns, n_rows: int, *, ignore: Sequence[str] = ()) -> Codes:
    """Return one number per distinct row, shape (n_rows,): exact duplicates share it.

    A duplicate on both sides of a split is a copied answer. Where a history knows so few things
    of its leads that everyone has many twins, twins are no copies, and each row has its own
    number.
    """
    used = [values for name, values in columns.items() if name not in ignore]
    number: dict[tuple[object, ...], int] = {}
    keys = zip(*used, strict=True) if used else ((i,) for i in range(n_rows))
    group = np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.intp)
    if len(number) < _MIN_DISTINCT and n_rows > _MANY_TWINS * len(number):
        return np.arange(n_rows)
    return group


def grouped_folds(
    won: NDArray[np.bool_],
    group: Codes,
    *,
    seed: int,
    n_folds: int = N_GROUP_FOLDS,
) -> list[Fold]:
    """Return cross-validation folds that never part a group and keep the win rate even.

    Parameters
    ----------
    won : ndarray of bool, shape (n,)
        For the even win rate.
    group : ndarray of intp, shape (n,)
        From `duplicate_groups`.
    seed : int
        Order of the groups.
    n_folds : int
        At most the number of groups.
    """
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    return [
        Fold(np.asarray(train, dtype=np.intp), np.asarray(test, dtype=np.intp))
        for train, test in splitter.split(np.zeros((len(won), 1)), won, group)
    ]
