"""Comparisons of trees, translated from matrix columns to states of source features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import Encoder
from leadqual.features.spec import CategoricalFeature, NumericFeature
from leadqual.qualify.tree_tables import MAX_BITS, TreeTables

_COMPARISON: Final = np.dtype([
    ("feature", np.intp),
    ("column", np.intp),  # among the columns of its feature
    ("limit", np.float64),
    ("block", np.intp),  # counted through all tables
    ("bit", np.uint8),
])


class TreeStates:
    """The states that trees tell apart, and the bits that each of them sets.

    State s of a number stands for values up to limit s; then come values above all limits, and
    missing. The states of a category are its own (`CategoricalFeature`).

    Parameters
    ----------
    encoder : Encoder
        Whose matrix the trees read.
    tables : sequence of TreeTables
        One per ensemble.

    Attributes
    ----------
    limits : list of ndarray
        Per numeric feature: the standardised values that any comparison parts, ascending.
    first_state : ndarray of intp, shape (n_features, 1)
        Row of `bits` where each feature begins, categorical ones first.
    bits : ndarray of uint8, shape (n_states, n_blocks)
        Bits that a state sets in each block.
    """

    def __init__(self, encoder: Encoder, tables: Sequence[TreeTables]) -> None:
        found = _comparisons(encoder, tables)
        n_blocks = sum(len(table.column) for table in tables)
        self.limits: list[NDArray[np.float64]] = []
        parts: list[NDArray[np.uint8]] = []
        for place, level in zip(
            encoder.categorical_rows.tolist(), encoder.categorical, strict=True
        ):
            own = found[found["feature"] == place]
            parts.append(_set_bits(own, _part_levels(level, own), n_blocks))
        for place, number in zip(encoder.numeric_rows.tolist(), encoder.numeric, strict=True):
            own = found[found["feature"] == place]
            limits, goes_left = _part_numbers(number, own)
            self.limits.append(limits)
            parts.append(_set_bits(own, goes_left, n_blocks))
        sizes = np.array([len(part) for part in parts], dtype=np.intp)
        self.first_state = (np.cumsum(sizes) - sizes)[:, None]
        self.bits = np.concatenate([np.zeros((0, n_blocks), dtype=np.uint8), *parts])


def _comparisons(encoder: Encoder, tables: Sequence[TreeTables]) -> NDArray[np.void]:
    """Return every comparison of every table, in the order of blocks and bits."""
    start = np.array([encoder.starts[name] for name in encoder.feature_names], dtype=np.intp)
    parts = []
    first_block = 0
    for table in tables:
        block, bit = np.nonzero(table.threshold > -np.inf)
        part = np.empty(len(block), dtype=_COMPARISON)
        column = table.column[block, bit]
        part["feature"] = encoder.feature_of[column]
        part["column"] = column - start[part["feature"]]
        part["limit"] = table.threshold[block, bit]
        part["block"] = block + first_block
        part["bit"] = bit
        parts.append(part)
        first_block += len(table.column)
    return np.concatenate([np.empty(0, dtype=_COMPARISON), *parts])


def _part_numbers(
    feature: NumericFeature, found: NDArray[np.void]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the limits of a number, and for each state and comparison whether it goes left.

    The limit itself represents the values up to it. Of what is missing, value and bends are 0
    and the indicator is 1.
    """
    is_indicator = (found["column"] == 1) & feature.has_missing
    limit = np.array([
        0.0 if is_asking else feature.limit_of(column, threshold)
        for is_asking, column, threshold in zip(
            is_indicator.tolist(), found["column"].tolist(), found["limit"].tolist(), strict=True
        )
    ])
    # Not `np.unique`: without further results that one imports masked arrays first.
    limits = np.array(sorted(set(limit[~is_indicator & (limit > -np.inf)].tolist())))
    value = np.append(limits, np.inf)[:, None]
    if_known = np.where(is_indicator, found["limit"] >= 0.0, value <= limit)
    if_missing = np.where(is_indicator, found["limit"] >= 1.0, found["limit"] >= 0.0)
    return limits, np.vstack([if_known, if_missing])


def _part_levels(feature: CategoricalFeature, found: NDArray[np.void]) -> NDArray[np.bool_]:
    """Return for each state of a category and each comparison whether it goes left."""
    is_lit = feature.column_of_state[:, None] == found["column"]
    return np.asarray(is_lit * feature.weight <= found["limit"])


def _set_bits(
    found: NDArray[np.void], goes_left: NDArray[np.bool_], n_blocks: int
) -> NDArray[np.uint8]:
    """Return the bits that each state of one feature sets in each block."""
    bits = np.zeros((len(goes_left), n_blocks), dtype=np.uint8)
    for bit in range(MAX_BITS):  # a block has one comparison per bit
        some = found["bit"] == bit
        bits[:, found["block"][some]] |= goes_left[:, some].astype(np.uint8) << bit
    return bits
