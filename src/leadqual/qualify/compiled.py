"""All models of a bundle in one pass: states in, log-odds and reasons out.

An encoded lead is a small state per feature: a level, or the interval between two thresholds
that any tree compares with. `compiling` tabulates, for each state, what every linear part adds and
which bits it sets in every block of every tree (`tree_tables`). A lead is then a few row
look-ups, an OR over features, a look-up of values and shares, and sums in a fixed order.

(`take` copies rows; the same look-up by indexing is five times slower.)

Sums never go through BLAS and never along the axis of leads, so a lead's numbers are the same
bits alone and among a million.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import EncodedLeads

_LINEAR: Final = "linear"
_TREES: Final = "trees"

CACHED: Final = 8
"""Leads whose shares are summed together: they stay in the cache and need no fresh memory."""


@dataclass(frozen=True, eq=False)
class LinearParts:
    """The linear parts of n_models models over n_features features, weights folded in.

    `levels` has one row per state of each categorical feature, starting at `first_level`.
    """

    constant: NDArray[np.float64]  # (n_models,)
    # (n_features,) of each feature its row where the categorical ones come first, then the numeric
    order: NDArray[np.intp]
    bends: NDArray[np.float64]  # (n_bends, n_numeric, 1), inf where a feature has fewer
    # (2 + n_bends, n_numeric, 1, n_models): slope, missing (the bends at z = 0 taken off), rises
    weights: NDArray[np.float64]
    levels: NDArray[np.float64]  # (n_levels_total, n_models)
    first_level: NDArray[np.intp]  # (n_categorical, 1)
    at_center: NDArray[np.float64]  # (n_features, 1, n_models)


@dataclass(frozen=True, eq=False)
class TreeParts:
    """The trees of all models: blocks of all ensembles one after the other."""

    places: NDArray[np.float64]  # (n_numeric, 1), 0 to n_numeric - 1
    limits: NDArray[np.complex128]  # place + i * threshold, ascending
    # (n_numeric, 1): what takes the place among `limits` to the row of `bits`
    first_interval: NDArray[np.intp]
    missing_state: NDArray[np.intp]  # (n_numeric, 1): row of `bits`
    # (n_states_total, n_words): a byte per block, eight blocks to a word; states of categorical
    # features have the rows that they have in `LinearParts.levels`, then come the numeric ones
    bits: NDArray[np.uint64]
    first_cell: NDArray[np.intp]  # (n_blocks,)
    values: NDArray[np.float64]  # (n_cells,)
    # (n_cells, 1 + n_slots): the value again, then shares by source feature. With the usual seven
    # slots a row is one line of the cache, where a lead otherwise waits for three.
    worth: NDArray[np.float64]
    # (8 * n_blocks * (1 + n_slots),) of lead * (n_targets + 1) + target, where a target is
    # model * n_features + feature, and values go to the last one, which is thrown away
    slot_targets: NDArray[np.intp]
    first_block: NDArray[np.intp]  # (n_models,): one without trees has a block worth nothing


@dataclass(frozen=True, eq=False)
class CompiledModels:
    """Models of one bundle, ready to be evaluated together.

    Build with `compiling.compile_models`; immutable and safe to share between threads.
    """

    n_models: int
    n_features: int
    _linear: LinearParts
    _trees: TreeParts | None

    def tables(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for `from_tables`."""
        parts = {_LINEAR: self._linear, _TREES: self._trees}
        return {
            f"{part}.{name}": array
            for part, held in parts.items()
            if held is not None
            for name, array in vars(held).items()
        }

    @classmethod
    def from_tables(
        cls, tables: Mapping[str, NDArray[Any]], *, n_models: int, n_features: int
    ) -> Self:
        """Take up arrays that this very program compiled; nothing is checked.

        Parameters
        ----------
        tables : mapping of str to ndarray
            `tables` of models that were compiled of the same bundle.
        n_models, n_features : int
            As there.
        """
        parts: dict[str, dict[str, NDArray[Any]]] = {_LINEAR: {}, _TREES: {}}
        for name, array in tables.items():
            part, _, field = name.partition(".")
            parts[part][field] = array
        return cls(
            n_models=n_models,
            n_features=n_features,
            _linear=LinearParts(**parts[_LINEAR]),
            _trees=TreeParts(**parts[_TREES]) if parts[_TREES] else None,
        )

    def evaluate(
        self, leads: EncodedLeads, *, explain: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return log-odds, and what each source feature adds to them.

        Parameters
        ----------
        leads : EncodedLeads
            By the bundle's encoder. Memory grows with n_leads: pass a few thousand at a time.
        explain : bool
            Whether to compute contributions; the log-odds are the same bits either way.

        Returns
        -------
        logits : ndarray of float64, shape (n_leads, n_models)
        contributions : ndarray of float64, shape (n_leads, n_models, n_features), or None
            Each row and model sums to its log-odds less `AdditiveModel.bias`.
        """
        n_levels, n_leads = leads.codes.shape
        rows = np.empty((self.n_features, n_leads), dtype=np.intp)
        np.add(leads.codes, self._linear.first_level, out=rows[:n_levels])
        linear = self._linear_parts(leads, rows[:n_levels])
        # The first axis is added row by row whatever the number of leads: models are padded to
        # two or more, since a lone column would be summed pairwise.
        logits = np.add.reduce(linear, axis=0)
        logits += self._linear.constant
        trees = None
        if self._trees is not None:
            cell = _cells(self._trees, leads, rows)
            value, trees = self._look_up(self._trees, cell, explain=explain)
            logits += np.add.reduceat(value, self._trees.first_block, axis=1)
        if not explain:
            return logits[:, : self.n_models], None
        linear -= self._linear.at_center
        shares = linear.transpose(1, 2, 0)[:, : self.n_models]
        return logits[:, : self.n_models], shares if trees is None else np.add(
            shares, trees, out=trees
        )

    def _linear_parts(self, leads: EncodedLeads, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return what each feature adds to each linear part, (n_features, n_leads, n_models)."""
        linear = self._linear
        parts = np.empty((self.n_features, leads.n_leads, linear.constant.size))
        # Every place is within the table: `clip` only saves a copy.
        linear.levels.take(rows, axis=0, out=parts[: len(rows)], mode="clip")
        # Value, missing and rises are added in this order, whatever the number of leads.
        basis = np.empty((len(linear.weights), *leads.z.shape))
        basis[0], basis[1] = leads.z, leads.is_missing
        rises = basis[2:]
        np.subtract(leads.z, linear.bends, out=rises)
        np.maximum(rises, 0.0, out=rises)
        np.add.reduce(basis[..., None] * linear.weights, axis=0, out=parts[len(rows) :])
        return parts.take(linear.order, axis=0)

    def _look_up(
        self, trees: TreeParts, cell: NDArray[np.intp], *, explain: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return the value of each block, and the trees' contributions.

        The values have shape (n_leads, n_blocks), contributions (n_leads, n_models, n_features).
        """
        if not explain:
            return trees.values.take(cell), None
        if len(cell) <= CACHED:
            return self._look_up_few(trees, cell)
        values = np.empty(cell.shape)
        sums = np.empty((len(cell), self.n_models, self.n_features))
        for start in range(0, len(cell), CACHED):
            rows = slice(start, start + CACHED)
            values[rows], sums[rows] = self._look_up_few(trees, cell[rows])
        return values, sums

    def _look_up_few(
        self, trees: TreeParts, cell: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and contributions of up to `CACHED` leads."""
        n_leads, n_targets = len(cell), self.n_models * self.n_features
        found = trees.worth.take(cell, axis=0)
        sums = np.zeros(n_leads * (n_targets + 1))
        # Adds one after the other, as `bincount` does in twice the time.
        np.add.at(sums, trees.slot_targets[: found.size], found.ravel())
        shares = sums.reshape(n_leads, -1)[:, :n_targets]
        return found[:, :, 0], shares.reshape((n_leads, self.n_models, self.n_features))


def _cells(trees: TreeParts, leads: EncodedLeads, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the cell of every block for every lead, shape (n_leads, n_blocks).

    The first rows are those of levels; the others are filled in.
    """
    _find_intervals(trees, leads, rows[len(leads.codes) :])
    pattern = np.bitwise_or.reduce(trees.bits.take(rows, axis=0), axis=0).view(np.uint8)
    cell: NDArray[np.intp] = pattern[:, : trees.first_cell.size] + trees.first_cell
    return cell


def _find_intervals(trees: TreeParts, leads: EncodedLeads, rows: NDArray[np.intp]) -> None:
    """Fill in the row of `bits` for the thresholds that each number lies between.

    One search finds all: thresholds are ordered by feature first and then by size, which is how
    complex numbers compare.
    """
    places = np.empty(rows.shape, dtype=np.complex128)
    places.real, places.imag = trees.places, leads.z
    np.add(trees.limits.searchsorted(places), trees.first_interval, out=rows)
    np.copyto(rows, trees.missing_state, where=leads.is_missing)
