"""Trees as look-up tables: a lead's path through a small tree is a bit pattern.

Whether a lead goes left at each of the nodes of a tree is one bit per node. The value of the
tree, and the exact Shapley share of each column on it, are functions of these bits alone, so
both are tabulated once for all patterns; scoring is comparing, packing and looking up. A tree
with more than `MAX_BITS` nodes is cut into blocks of leaves that touch at most so many nodes:
a tree is the sum of its leaves, and so are its shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import factorial, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.qualify.flat_trees import FlatTrees

MAX_BITS: Final = 8
MAX_CELLS: Final = 4_000_000
_LEAF_CHUNK: Final = 512


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
    blocks = [block for leaves in _trees(trees) for block in _group(leaves)]
    columns = [sorted({step.column for leaf in block for step in leaf.path}) for block in blocks]
    nodes = [sorted({step.node for leaf in block for step in leaf.path}) for block in blocks]
    n_bits = max(map(len, nodes), default=0)
    n_slots = max(map(len, columns), default=0)
    if (len(blocks) << n_bits) * (n_slots + 1) > MAX_CELLS:
        raise BundleError("trees: too large to tabulate; use fewer or smaller trees")
    placed = [
        _place(leaf, (index, nodes[index], columns[index]))
        for index, block in enumerate(blocks)
        for leaf in block
    ]
    values = np.zeros((len(blocks), 1 << n_bits))
    shares = np.zeros((len(blocks), n_slots, 1 << n_bits))
    for start in range(0, len(placed), _LEAF_CHUNK):
        _tabulate(placed[start : start + _LEAF_CHUNK], values, shares)
    by_pattern = np.ascontiguousarray(shares.transpose(0, 2, 1)).reshape(values.size, n_slots)
    return TreeTables(
        column=_padded([trees.column[node].tolist() for node in nodes], n_bits, 0),
        threshold=_padded([trees.threshold[node].tolist() for node in nodes], n_bits, -np.inf),
        values=values,
        slot_column=_padded(columns, n_slots, 0),
        shares=by_pattern,
        expected_value=float(sum(leaf.value * leaf.chance for b in blocks for leaf in b)),
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """One decision on the way to a leaf; `chance` is the share of training rows going this way."""

    node: int
    column: int
    goes_left: bool
    chance: float


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A leaf with its way from the root."""

    value: float
    path: tuple[_Step, ...]

    @property
    def chance(self) -> float:
        """Return the share of training rows that end here."""
        return prod(step.chance for step in self.path)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A leaf within its block: per decision its bit and player, per player its chance and slot."""

    block: int
    value: float
    bits: list[int]
    goes_left: list[bool]
    player: list[int]
    chances: list[float]
    slots: list[int]


def _trees(trees: FlatTrees) -> Iterator[list[_Leaf]]:
    """Yield the leaves of each tree."""
    node, leaf = 0, 0
    for n_leaves in trees.n_leaves.tolist():
        yield _leaves(_Slice(trees, node, leaf), n_leaves)
        node, leaf = node + n_leaves - 1, leaf + n_leaves


@dataclass(frozen=True, slots=True)
class _Slice:
    """One tree of the flat arrays, by its first node and leaf."""

    trees: FlatTrees
    first_node: int
    first_leaf: int


def _leaves(tree: _Slice, n_leaves: int) -> list[_Leaf]:
    """Return the leaves of one tree with their paths, without recursion."""
    arrays, first = tree.trees, tree.first_node
    covers = _node_covers(tree, n_leaves)
    found: list[_Leaf] = []
    waiting: list[tuple[int, tuple[_Step, ...]]] = [(0 if n_leaves > 1 else -1, ())]
    while waiting:
        child, path = waiting.pop()
        if child < 0:
            found.append(_Leaf(float(arrays.value[tree.first_leaf - 1 - child]), path))
            continue
        if len(path) == MAX_BITS:
            raise BundleError(f"trees: a tree is deeper than {MAX_BITS}; set max_depth")
        node = first + child
        for goes_left, children in ((True, arrays.left), (False, arrays.right)):
            below = int(children[node])
            chance = covers[below] / covers[child]
            step = _Step(node, int(arrays.column[node]), goes_left, chance)
            waiting.append((below, (*path, step)))
    return found


def _node_covers(tree: _Slice, n_leaves: int) -> dict[int, float]:
    """Return the training rows at each child index of one tree."""
    arrays, first_leaf = tree.trees, tree.first_leaf
    covers = {-1 - k: float(arrays.cover[first_leaf + k]) for k in range(n_leaves)}
    for node in range(n_leaves - 2, -1, -1):  # children stand after their parent
        at = tree.first_node + node
        covers[node] = covers[int(arrays.left[at])] + covers[int(arrays.right[at])]
    return covers


def _group(leaves: Sequence[_Leaf]) -> list[list[_Leaf]]:
    """Cut the leaves of a tree into blocks that touch at most `MAX_BITS` nodes."""
    blocks: list[list[_Leaf]] = [[]]
    touched: set[int] = set()
    for leaf in leaves:
        nodes = {step.node for step in leaf.path}
        if len(touched | nodes) > MAX_BITS:
            blocks.append([])
            touched = set()
        blocks[-1].append(leaf)
        touched |= nodes
    return blocks


def _place(leaf: _Leaf, block: tuple[int, list[int], list[int]]) -> _Placed:
    """Count a leaf's decisions and columns within its block."""
    index, nodes, columns = block
    players = sorted({step.column for step in leaf.path})
    return _Placed(
        block=index,
        value=leaf.value,
        bits=[nodes.index(step.node) for step in leaf.path],
        goes_left=[step.goes_left for step in leaf.path],
        player=[players.index(step.column) for step in leaf.path],
        chances=[
            prod(step.chance for step in leaf.path if step.column == column) for column in players
        ],
        slots=[columns.index(column) for column in players],
    )


def _tabulate(
    leaves: Sequence[_Placed], values: NDArray[np.float64], shares: NDArray[np.float64]
) -> None:
    """Add leaves to the tables of their blocks, for all patterns at once."""
    n_players = max(1, *(len(leaf.chances) for leaf in leaves))
    is_on = _players_on(leaves, n_players, values.shape[1])
    chance = _padded([leaf.chances for leaf in leaves], n_players, 1.0)
    value = np.array([leaf.value for leaf in leaves])
    block = np.array([leaf.block for leaf in leaves])
    np.add.at(values, block, value[:, None] * is_on.all(axis=1))
    if not shares.shape[1]:
        return
    slot = _padded([leaf.slots for leaf in leaves], n_players, 0)
    for player in range(n_players):
        worth = _shapley(is_on, chance, player) * value[:, None]
        np.add.at(shares, (block, slot[:, player]), worth)


def _players_on(leaves: Sequence[_Placed], n_players: int, n_patterns: int) -> NDArray[np.bool_]:
    """Say for leaf, player and pattern whether that column allows the leaf.

    Players beyond those of a leaf are always on: with a chance of 1 they change nothing.
    """
    patterns = np.arange(n_patterns)
    is_on = np.ones((len(leaves), n_players, n_patterns), dtype=np.bool_)
    for index, leaf in enumerate(leaves):
        for bit, goes_left, player in zip(leaf.bits, leaf.goes_left, leaf.player, strict=True):
            is_on[index, player] &= (patterns >> bit & 1) == goes_left
    return is_on


def _shapley(
    is_on: NDArray[np.bool_], chance: NDArray[np.float64], player: int
) -> NDArray[np.float64]:
    """Return one player's Shapley value of reaching a leaf, shape (n_leaves, n_patterns).

    The game of a leaf is a product over columns: a known column counts whether it allows the
    leaf, an unknown one the share of training rows it lets through. `sizes[s]` sums that product
    over all sets of s known other columns, built up one column at a time.
    """
    n_leaves, n_players, n_patterns = is_on.shape
    sizes = np.zeros((n_players, n_leaves, n_patterns))
    sizes[0] = 1.0
    for other in range(n_players):
        if other != player:
            known = sizes[:-1] * is_on[:, other]
            sizes *= chance[:, other, None]
            sizes[1:] += known
    weights = [
        factorial(size) * factorial(n_players - 1 - size) / factorial(n_players)
        for size in range(n_players)
    ]
    total = sum(weight * size for weight, size in zip(weights, sizes, strict=True))
    return np.asarray(total * (is_on[:, player] - chance[:, player, None]), dtype=np.float64)


def _padded(rows: Sequence[Sequence[float]], width: int, fill: float) -> NDArray[Any]:
    """Return rows of different lengths as one array, of whole numbers when `fill` is one."""
    filled = [[*row, *[fill] * (width - len(row))] for row in rows]
    kind = np.intp if isinstance(fill, int) else np.float64
    return np.array(filled, dtype=kind).reshape(len(rows), width)
