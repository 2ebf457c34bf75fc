"""Evaluate boosted trees exactly: values, and the share of each column in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from leadqual.qualify.flat_trees import FlatTrees

if TYPE_CHECKING:
    from leadqual.qualify.tree_tables import TreeTables

_CHUNK: Final = 1_024


@dataclass(frozen=True, eq=False)
class TreeEnsemble(FlatTrees):
    """Trees that can be evaluated; at most 8 deep (`tree_tables`)."""

    @cached_property
    def tables(self) -> TreeTables:
        """Return the look-up tables that evaluate the ensemble; built on first use."""
        from leadqual.qualify.tree_tables import build_tables

        return build_tables(self)

    @property
    def expected_value(self) -> float:
        """Return the mean value over the training rows: what contributions start from."""
        return self.tables.expected_value

    def values(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the summed tree values, shape (n_leads,); row i depends on lead i alone."""
        result = np.zeros(len(matrix))
        for rows, found in self._found(matrix):
            result[rows] = self.tables.values.ravel()[found].sum(axis=1)
        return result

    def contributions(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each matrix column adds, shape (n_leads, n_columns).

        Exact path-dependent Shapley values: a row sums to its value less `expected_value`.

        References
        ----------
        Lundberg, Erion, Lee (2018), Consistent individualized feature attribution for tree
        ensembles, arXiv:1802.03888. Equals LightGBM's `pred_contrib`.
        """
        result = np.zeros((len(matrix), self.n_columns))
        if not self.n_trees:
            return result
        slots = self.tables.slot_column.ravel()
        for rows, found in self._found(matrix):
            shares = self.tables.shares[found].reshape(len(found), len(slots))
            cell = np.arange(len(found))[:, None] * self.n_columns + slots
            sums = np.bincount(cell.ravel(), shares.ravel(), len(found) * self.n_columns)
            result[rows] = sums.reshape(len(found), self.n_columns)
        return result

    def _found(self, matrix: NDArray[np.float64]) -> Iterator[tuple[slice, NDArray[np.intp]]]:
        """Yield, chunk by chunk, the table cell of every block for every row."""
        from leadqual.qualify.tree_tables import look_up

        if self.n_trees:
            for start in range(0, len(matrix), _CHUNK):
                rows = slice(start, start + _CHUNK)
                yield rows, look_up(self.tables, matrix[rows])
