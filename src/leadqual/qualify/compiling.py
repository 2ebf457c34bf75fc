"""Compile the models of a bundle for `CompiledModels`; a start that has a receipt does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import Encoder
from leadqual.features.spec import BEND_WEIGHT
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.compiled import CACHED, CompiledModels, LinearParts, TreeParts
from leadqual.qualify.tree_states import TreeStates
from leadqual.qualify.tree_tables import TreeTables


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


def _compile_linear(encoder: Encoder, models: Sequence[AdditiveModel]) -> LinearParts:
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
    return LinearParts(
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


def _compile_trees(encoder: Encoder, models: Sequence[AdditiveModel]) -> TreeParts:
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
    leads = np.arange(CACHED) * (n_targets + 1)
    n_cells = np.repeat([1 << table.n_bits for table in tables], sizes)
    states = TreeStates(encoder, tables)
    n_limits = np.array([[limits.size] for limits in states.limits], dtype=np.intp)
    n_limits = n_limits.reshape(-1, 1)
    first_state = states.first_state[len(encoder.categorical) :]
    return TreeParts(
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
    """Return ascending thresholds of each feature as one ascending array (`TreeParts.limits`)."""
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
