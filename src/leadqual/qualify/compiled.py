"""All models of a bundle in one pass: states in, log-odds and reasons out.

An encoded lead is a small state per feature: a level, or the interval between two thresholds
that any tree compares with. Compiling tabulates, for each state, what every linear part adds and
which bits it sets in every block of every tree (`tree_tables`). A lead is then a few row
look-ups, an OR over features, a look-up of values and shares, and sums in a fixed order.

(`take` copies rows; the same look-up by indexing is five times slower.)

Sums never go through BLAS and never along the axis of leads, so a lead's numbers are the same
bits alone and among a million.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.features.spec import BEND_WEIGHT
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.tree_states import TreeStates
from leadqual.qualify.tree_tables import TreeTables

_LINEAR: Final = "linear"
_TREES: Final = "trees"

_CACHED: Final = 8
"""Leads whose shares are summed together: they stay in the cache and need no fresh memory."""


@dataclass(frozen=True, eq=False)
class _Linear:
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
class _Trees:
    """The trees of all models: blocks of all ensembles one after the other."""

    places: NDArray[np.float64]  # (n_numeric, 1), 0 to n_numeric - 1
    limits: NDArray[np.complex128]  # place + i * threshold, ascending
    # (n_numeric, 1): what takes the place among `limits` to the row of `bits`
    first_interval: NDArray[np.intp]
    missing_state: NDArray[np.intp]  # (n_numeric, 1): row of `bits`
    # (n_states_total, n_words): a byte per block, eight blocks to a word; states of categorical
    # features have the rows that they have in `_Linear.levels`, then come the numeric ones
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

    Build with `compile_models`; immutable and safe to share between threads.
    """

    n_models: int
    n_features: int
    _linear: _Linear
    _trees: _Trees | None

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
            _linear=_Linear(**parts[_LINEAR]),
            _trees=_Trees(**parts[_TREES]) if parts[_TREES] else None,
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
        self, trees: _Trees, cell: NDArray[np.intp], *, explain: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return the value of each block, and the trees' contributions.

        The values have shape (n_leads, n_blocks), contributions (n_leads, n_models, n_features).
        """
        if not explain:
            return trees.values.take(cell), None
        if len(cell) <= _CACHED:
            return self._look_up_few(trees, cell)
        values = np.empty(cell.shape)
        sums = np.empty((len(cell), self.n_models, self.n_features))
        for start in range(0, len(cell), _CACHED):
            rows = slice(start, start + _CACHED)
            values[rows], sums[rows] = self._look_up_few(trees, cell[rows])
        return values, sums

    def _look_up_few(
        self, trees: _Trees, cell: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and contributions of up to `_CACHED` leads."""
        n_leads, n_targets = len(cell), self.n_models * self.n_features
        found = trees.worth.take(cell, axis=0)
        sums = np.zeros(n_leads * (n_targets + 1))
        # Adds one after the other, as `bincount` does in a quarter more time.
        np.add.at(sums, trees.slot_targets[: found.size], found.ravel())
        shares = sums.reshape(n_leads, -1)[:, :n_targets]
        return found[:, :, 0], shares.reshape((n_leads, self.n_models, self.n_features))


def _cells(trees: _Trees, leads: EncodedLeads, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the cell of every block for every lead, shape (n_leads, n_blocks).

    The first rows are those of levels; the others are filled in.
    """
    _find_intervals(trees, leads, rows[len(leads.codes) :])
    pattern = np.bitwise_or.reduce(trees.bits.take(rows, axis=0), axis=0).view(np.uint8)
    cell: NDArray[np.intp] = pattern[:, : trees.first_cell.size] + trees.first_cell
    return cell


def _find_intervals(trees: _Trees, leads: EncodedLeads, rows: NDArray[np.intp]) -> None:
    """Fill in the row of `bits` for the thresholds that each number lies between.

    One search finds all: thresholds are ordered by feature first and then by size, which is how
    complex numbers compare.
    """
    places = np.empty(rows.shape, dtype=np.complex128)
    places.real, places.imag = trees.places, leads.z
    np.add(trees.limits.searchsorted(places), trees.first_interval, out=rows)
    np.copyto(rows, trees.missing_state, where=leads.is_missing)


def compile_models(encoder: Encoder, models: Sequence[AdditiveModel]) -> CompiledModels:
    """Tabulate models that read the same encoder's matrix.

    Parameters
    ----------
    encoder : Encoder
    models : sequence of AdditiveModel
        In the order of the columns of `evaluate`.
    """
    return CompiledModels(
        n_models=len(models),
        n_features=len(encoder.features),
        _linear=_compile_linear(encoder, models),
        _trees=_compile_trees(encoder, models) if any(_has_trees(m) for m in models) else None,
    )


def _n_columns(models: Sequence[AdditiveModel]) -> int:
    """Return how many models are added up side by side: one alone would be summed pairwise."""
    return max(2, len(models))


def _has_trees(model: AdditiveModel) -> bool:
    return model.trees is not None and model.trees.n_trees > 0 and model.tree_weight > 0


def _compile_linear(encoder: Encoder, models: Sequence[AdditiveModel]) -> _Linear:
    """Tabulate the linear parts by feature and state."""
    n_models = _n_columns(models)
    coef = np.zeros((encoder.width + 1, n_models))  # the last row serves states without a column
    center = np.zeros((encoder.width, n_models))
    constant = np.zeros(n_models)
    for column, model in enumerate(models):
        coef[:-1, column] = model.linear_weight * model.coef
        center[:, column] = coef[:-1, column] * model.center
        constant[column] = model.shift + model.linear_weight * model.intercept
    starts = encoder.starts
    at_center = np.zeros((len(encoder.features), 1, n_models))
    np.add.at(at_center[:, 0], encoder.feature_of, center)
    value = [starts[f.name] for f in encoder.numeric]
    missing = [starts[f.name] + 1 if f.has_missing else -1 for f in encoder.numeric]
    bends, rise = _tabulate_bends(encoder, coef)
    at_zero = (np.maximum(-bends, 0.0)[..., None] * rise).sum(axis=0)
    lit = [(starts[f.name], f.column_of_state) for f in encoder.categorical]
    state_column = [np.where(local < 0, -1, start + local) for start, local in lit]
    sizes = np.array([f.n_states for f in encoder.categorical], dtype=np.intp)
    return _Linear(
        constant=constant,
        order=encoder.by_kind,
        bends=bends,
        weights=np.stack([
            coef[np.array(value, dtype=np.intp)][:, None],
            coef[np.array(missing, dtype=np.intp)][:, None] - at_zero,
            *rise,
        ]),
        levels=_level_weights(encoder) * coef[np.concatenate([_NONE, *state_column])],
        first_level=(np.cumsum(sizes) - sizes)[:, None],
        at_center=at_center,
    )


_NONE: Final = np.zeros(0, dtype=np.intp)


def _tabulate_bends(
    encoder: Encoder, coef: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where numbers bend and by how much each model rises beyond, per deviation."""
    n_bends = max((len(feature.bends) for feature in encoder.numeric), default=0)
    bends = np.full((n_bends, len(encoder.numeric), 1), np.inf)
    rise = np.zeros((n_bends, len(encoder.numeric), 1, coef.shape[1]))
    for row, feature in enumerate(encoder.numeric):
        first = encoder.starts[feature.name] + 1 + feature.has_missing
        for place, bend in enumerate(feature.bends):
            bends[place, row] = bend
            rise[place, row, 0] = BEND_WEIGHT * coef[first + place]
    return bends, rise


def _level_weights(encoder: Encoder) -> NDArray[np.float64]:
    """Return what the column of each state of each categorical feature holds, (n, 1)."""
    weights = [np.full(f.n_states, f.weight) for f in encoder.categorical]
    return np.concatenate([np.zeros(0), *weights])[:, None]


def _compile_trees(encoder: Encoder, models: Sequence[AdditiveModel]) -> _Trees:
    """Join the tables of all ensembles and translate their comparisons to states."""
    n_models, n_features = len(models), len(encoder.features)
    parts = [
        (model.tree_weight, model.trees.tables)
        if model.trees is not None and _has_trees(model)
        else (1.0, _NO_TREES)
        for model in models
    ]
    parts += [(1.0, _NO_TREES)] * (_n_columns(models) - n_models)
    tables = [table for _, table in parts]
    sizes = np.array([len(table.column) for table in tables])
    merged = [_by_feature(table, encoder.feature_of) for table in tables]
    n_slots = max(1, *(share.shape[1] for share, _ in merged))
    shares = [
        weight * _widen(share, n_slots)
        for (weight, _), (share, _) in zip(parts, merged, strict=True)
    ]
    targets = [
        min(index, n_models - 1) * n_features + _widen(slot, n_slots)
        for index, (_, slot) in enumerate(merged)
    ]
    values = np.concatenate([weight * table.values.ravel() for weight, table in parts])
    n_targets = n_models * n_features
    slot_targets = np.insert(np.concatenate(targets), 0, n_targets, axis=1).ravel()
    leads = np.arange(_CACHED) * (n_targets + 1)
    n_cells = np.repeat([1 << table.n_bits for table in tables], sizes)
    states = TreeStates(encoder, tables)
    n_limits = np.array([[limits.size] for limits in states.limits], dtype=np.intp)
    n_limits = n_limits.reshape(-1, 1)
    first_state = states.first_state[len(encoder.categorical) :]
    return _Trees(
        places=np.arange(len(n_limits), dtype=np.float64)[:, None],
        limits=_in_one_order(states.limits),
        first_interval=first_state - (np.cumsum(n_limits, axis=0) - n_limits),
        missing_state=first_state + n_limits + 1,
        bits=_in_words(states.bits),
        first_cell=np.cumsum(n_cells) - n_cells,
        values=values,
        worth=_aligned(np.column_stack([values, np.concatenate(shares)])),
        slot_targets=(leads[:, None] + slot_targets).ravel(),
        first_block=np.cumsum(sizes) - sizes,
    )


_NO_TREES: Final = TreeTables(
    column=np.zeros((1, 0), dtype=np.intp),
    threshold=np.zeros((1, 0)),
    values=np.zeros((1, 1)),
    slot_column=np.zeros((1, 0), dtype=np.intp),
    shares=np.zeros((1, 0)),
    expected_value=0.0,
)
"""A block that is worth nothing, whatever the lead."""


def _in_words(bits: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return bytes as words, the last one filled up with zeros."""
    n_missing = -bits.shape[1] % 8
    return np.ascontiguousarray(np.pad(bits, ((0, 0), (0, n_missing)))).view(np.uint64)


def _aligned(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a copy that starts where a line of the cache starts."""
    memory = np.empty(array.nbytes + _LINE_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % _LINE_BYTES
    copy = memory[start : start + array.nbytes].view(np.float64).reshape(array.shape)
    copy[...] = array
    return copy


_LINE_BYTES: Final = 64


def _widen(array: NDArray[Any], width: int) -> NDArray[Any]:
    """Append columns of zeros."""
    return np.pad(array, ((0, 0), (0, width - array.shape[1])))


def _in_one_order(limits: Sequence[NDArray[np.float64]]) -> NDArray[np.complex128]:
    """Return ascending thresholds of each feature as one ascending array (`_Trees.limits`)."""
    sizes = [values.size for values in limits]
    joined = np.empty(sum(sizes), dtype=np.complex128)
    joined.real = np.repeat(np.arange(len(sizes)), sizes)
    joined.imag = np.concatenate([np.zeros(0), *limits])
    return joined


def _by_feature(
    table: TreeTables, feature_of: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return shares and their slots with the columns of one source feature added together."""
    n_blocks, n_slots = table.slot_column.shape
    shares = table.shares.reshape(n_blocks, 1 << table.n_bits, n_slots)
    feature = feature_of[table.slot_column]
    ascending = np.sort(feature, axis=1)
    is_new = np.diff(ascending, axis=1, prepend=-1) > 0
    rank = is_new.cumsum(axis=1) - 1
    n_used = int(rank.max(initial=-1)) + 1
    slots = np.zeros((n_blocks, n_slots), dtype=np.intp)
    np.put_along_axis(slots, rank, ascending, axis=1)
    block = np.arange(n_blocks)
    merged = np.zeros_like(shares)
    for slot in range(n_slots):
        place = (feature[:, slot, None] > ascending).astype(np.intp)
        target = (place * is_new).sum(axis=1)
        merged[block, :, target] += shares[:, :, slot]
    # Trees without a single split have no slot: -1 could not tell how many rows there are.
    return merged[:, :, :n_used].reshape(n_blocks << table.n_bits, n_used), slots[:, :n_used]
