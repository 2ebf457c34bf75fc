"""Trees as look-up tables: a lead's path through a small tree is a bit pattern.

Whether a lead goes left at each of the nodes of a tree is one bit per node. The value of the
tree, and the exact Shapley share of each column on it, are functions of these bits alone, so
both are tabulated once for all patterns; scoring is comparing, packing and looking up. A tree
with more than `MAX_BITS` nodes is cut into blocks of leaves that touch at most so many nodes:
a tree is the sum of its leaves, and so are its shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.qualify.flat_trees import FlatTrees
from leadqual.qualify.tree_paths import TreePaths, find_paths

MAX_BITS: Final = 8
MAX_CELLS: Final = 4_000_000

_CHUNK_CELLS: Final = 1 << 16
"""Cells that are filled together: bounds the memory that filling takes."""


@dataclass(frozen=True, eq=False)
class TreeTables:
    """Look-up tables of one ensemble.

    Parameters
    ----------
    column : ndarray of intp, shape (n_blocks, n_bits)
        Matrix column that each bit compares.
    threshold : ndarray of float64, shape (n_blocks, n_bits)
        A bit is 1 when the lead's value is at most this; -inf for bits that are not used.
    values : ndarray of float64, shape (n_blocks, 2**n_bits)
        Value of the block for each pattern.
    slot_column : ndarray of intp, shape (n_blocks, n_slots)
        Matrix column that each share belongs to; 0, with shares of 0, for unused slots.
    shares : ndarray of float64, shape (n_blocks * 2**n_bits, n_slots)
        Shapley shares for each block and pattern.
    expected_value : float
        Mean value over the training rows.
    """

    column: NDArray[np.intp]
    threshold: NDArray[np.float64]
    values: NDArray[np.float64]
    slot_column: NDArray[np.intp]
    shares: NDArray[np.float64]
    expected_value: float

    @property
    def n_bits(self) -> int:
        """Return the number of bits of a pattern."""
        return int(self.column.shape[1])


def look_up(tables: TreeTables, matrix: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the table cell of each block for each lead, shape (n_leads, n_blocks)."""
    n_blocks, n_bits = tables.column.shape
    cell = np.tile(np.arange(n_blocks, dtype=np.intp) << n_bits, (len(matrix), 1))
    for bit in range(n_bits):
        goes_left = matrix[:, tables.column[:, bit]] <= tables.threshold[:, bit]
        cell |= goes_left.astype(np.intp) << bit
    return cell


def build_tables(trees: FlatTrees) -> TreeTables:
    """Tabulate an ensemble.

    Raises
    ------
    BundleError
        If a tree is deeper than `MAX_BITS`, or the tables would be too large.
    """
    paths = find_paths(trees)
    blocks = _blocks(trees, paths)
    n_blocks = int(blocks[-1]) + 1 if blocks.size else 0
    bits = _Numbered.of(blocks[paths.leaf], paths.node)
    slots = _Numbered.of(blocks[paths.leaf], trees.column[paths.node])
    if (n_blocks << bits.width) * (slots.width + 1) > MAX_CELLS:
        raise BundleError("trees: too large to tabulate; use fewer or smaller trees")
    values = np.zeros((n_blocks, 1 << bits.width))
    shares = np.zeros((n_blocks, 1 << bits.width, slots.width))
    step = max(1, _CHUNK_CELLS >> bits.width)
    for first in range(0, n_blocks, step):
        rows = slice(first, min(first + step, n_blocks))
        ways = _Ways.of_blocks(rows, paths, (blocks, bits, slots))
        ways.fill(values[rows], shares[rows])
    return TreeTables(
        column=bits.spread(trees.column[bits.item], n_blocks, 0),
        threshold=bits.spread(trees.threshold[bits.item], n_blocks, -np.inf),
        values=values,
        slot_column=slots.spread(slots.item, n_blocks, 0),
        shares=shares.reshape(values.size, slots.width),
        expected_value=paths.expected_value,
    )


@dataclass(frozen=True, eq=False)
class _Numbered:
    """Distinct items of each group, numbered from 0 in ascending order.

    `group`, `item` and `number` belong to the distinct pairs; `place` says for each pair that
    was given which of these it is.
    """

    group: NDArray[np.intp]
    item: NDArray[np.intp]
    number: NDArray[np.intp]
    place: NDArray[np.intp]

    @classmethod
    def of(cls, group: NDArray[np.intp], item: NDArray[np.intp]) -> _Numbered:
        n_items = int(item.max()) + 1 if item.size else 1
        pairs, place = np.unique(group * n_items + item, return_inverse=True)
        groups = pairs // n_items
        number = np.arange(len(pairs)) - np.searchsorted(groups, groups)
        return cls(group=groups, item=pairs % n_items, number=number, place=place)

    @property
    def width(self) -> int:
        """Return the size of the largest group."""
        return int(self.number.max()) + 1 if self.number.size else 0

    def spread(self, values: NDArray[Any], n_groups: int, fill: float) -> NDArray[Any]:
        """Return one row of values per group, the rest filled."""
        rows = np.full((n_groups, self.width), fill, dtype=values.dtype)
        rows[self.group, self.number] = values
        return rows


def _blocks(trees: FlatTrees, paths: TreePaths) -> NDArray[np.intp]:
    """Return the block of each leaf: leaves of one tree that touch at most `MAX_BITS` nodes."""
    n_nodes = trees.n_leaves - 1
    local = paths.node - np.repeat(np.cumsum(n_nodes) - n_nodes, n_nodes)[paths.node]
    touches = np.zeros(len(paths.tree), dtype=np.uint64)
    np.bitwise_or.at(touches, paths.leaf, np.uint64(1) << local.astype(np.uint64))
    found: list[int] = []
    block, current, touched = -1, -1, 0
    for tree, nodes in zip(paths.tree.tolist(), touches.tolist(), strict=True):
        if tree != current or (touched | nodes).bit_count() > MAX_BITS:
            block, current, touched = block + 1, tree, 0
        touched |= nodes
        found.append(block)
    return np.array(found, dtype=np.intp)


@dataclass(frozen=True, eq=False)
class _Ways:
    """The ways to the leaves of some blocks, one row per leaf, decision or player.

    A player is a column that a leaf's decisions read.
    """

    block: NDArray[np.intp]  # (n_leaves,) counted from the first of these blocks
    value: NDArray[np.float64]  # (n_leaves,)
    leaf: NDArray[np.intp]  # (n_decisions,) ascending
    bit: NDArray[np.intp]  # (n_decisions,)
    goes_left: NDArray[np.bool_]  # (n_decisions,)
    players: _Numbered  # of each decision within its leaf; `item` is the slot
    chance: NDArray[np.float64]  # (n_players,)

    @classmethod
    def of_blocks(
        cls,
        rows: slice,
        paths: TreePaths,
        numbered: tuple[NDArray[np.intp], _Numbered, _Numbered],
    ) -> _Ways:
        blocks, bits, slots = numbered
        first, last = np.searchsorted(blocks, [rows.start, rows.stop]).tolist()
        some = slice(*np.searchsorted(paths.leaf, [first, last]).tolist())
        leaf = paths.leaf[some] - first
        players = _Numbered.of(leaf, slots.number[slots.place[some]])
        chance = np.ones(len(players.group))
        np.multiply.at(chance, players.place, paths.chance[some])
        return cls(
            block=blocks[first:last] - rows.start,
            value=paths.value[first:last],
            leaf=leaf,
            bit=bits.number[bits.place[some]],
            goes_left=paths.goes_left[some],
            players=players,
            chance=chance,
        )

    def fill(self, values: NDArray[np.float64], shares: NDArray[np.float64]) -> None:
        """Fill the tables of these blocks, for all patterns at once."""
        barred = self._barred_by(values.shape[1])
        reached = np.where(barred == 0, self.value[:, None], 0.0)
        first_leaf = np.searchsorted(self.block, np.arange(len(values)))
        np.add.reduceat(reached, first_leaf, axis=0, out=values)
        n_players = np.bincount(self.players.group, minlength=len(self.block))
        first_player = np.cumsum(n_players) - n_players
        cell = self.block[:, None] * values.shape[1] + np.arange(values.shape[1])
        for size in range(1, int(n_players.max()) + 1):
            some = np.flatnonzero(n_players == size)
            player = first_player[some, None] + np.arange(size)
            worth = _shapley(self.chance[player]) * self.value[some, None, None]
            found = np.take_along_axis(worth, barred[some, None, :].astype(np.intp), axis=2)
            target = cell[some, None, :] * shares.shape[2] + self.players.item[player][:, :, None]
            shares += np.bincount(target.ravel(), found.ravel(), shares.size).reshape(shares.shape)

    def _barred_by(self, n_patterns: int) -> NDArray[np.uint8]:
        """Return which players keep a pattern from a leaf, as bits, (n_leaves, n_patterns)."""
        barred = np.zeros((len(self.block), n_patterns), dtype=np.uint8)
        if self.leaf.size:
            is_set = (np.arange(n_patterns) >> self.bit[:, None] & 1).astype(np.bool_)
            player = self.players.number[self.players.place].astype(np.uint8)
            bars = (is_set != self.goes_left[:, None]) << player[:, None]
            leaf, first = np.unique(self.leaf, return_index=True)
            barred[leaf] = np.bitwise_or.reduceat(bars.astype(np.uint8), first, axis=0)
        return barred


def _shapley(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each player adds to reaching a leaf, (n_leaves, n_players, 2**n_players).

    The last axis says as bits which players bar the way. The game of a leaf is a product over
    columns: a known column counts whether it allows the leaf, an unknown one the share of
    training rows it lets through. `sizes[s]` sums that product over all sets of s known other
    columns, built up one column at a time.
    """
    n_leaves, n_players = chance.shape
    is_on = ~np.arange(1 << n_players) >> np.arange(n_players)[:, None] & 1
    weights = [
        factorial(size) * factorial(n_players - 1 - size) / factorial(n_players)
        for size in range(n_players)
    ]
    worth = np.empty((n_leaves, n_players, 1 << n_players))
    for player in range(n_players):
        sizes = np.zeros((n_players, n_leaves, 1 << n_players))
        sizes[0] = 1.0
        for other in range(n_players):
            if other != player:
                known = sizes[:-1] * is_on[other]
                sizes *= chance[:, other, None]
                sizes[1:] += known
        total = sum(weight * size for weight, size in zip(weights, sizes, strict=True))
        worth[:, player] = total * (is_on[player] - chance[:, player, None])
    return worth
