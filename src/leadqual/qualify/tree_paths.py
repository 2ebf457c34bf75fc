"""The way from the root to each leaf, for all trees of an ensemble at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.qualify.flat_trees import FlatTrees

MAX_DEPTH: Final = 8


@dataclass(frozen=True, eq=False)
class TreePaths:
    """Leaves of all trees from right to left, and one row per decision on the way to each.

    Parameters
    ----------
    tree : ndarray of intp, shape (n_leaves,)
        Ascending.
    value : ndarray of float64, shape (n_leaves,)
    leaf : ndarray of intp, shape (n_decisions,)
        Ascending.
    node : ndarray of intp, shape (n_decisions,)
        Position in the flat arrays.
    goes_left : ndarray of bool, shape (n_decisions,)
    chance : ndarray of float64, shape (n_decisions,)
        Share of the training rows at the node that go this way.
    """

    tree: NDArray[np.intp]
    value: NDArray[np.float64]
    leaf: NDArray[np.intp]
    node: NDArray[np.intp]
    goes_left: NDArray[np.bool_]
    chance: NDArray[np.float64]

    @property
    def expected_value(self) -> float:
        """Return the mean value over the training rows."""
        reached = np.ones(len(self.value))
        np.multiply.at(reached, self.leaf, self.chance)
        return float((self.value * reached).sum())


def find_paths(trees: FlatTrees) -> TreePaths:
    """Climb from every leaf to its root, one level of all trees at a time.

    Raises
    ------
    BundleError
        If a tree is deeper than `MAX_DEPTH`.
    """
    up = _Parents(trees)
    tree = np.repeat(np.arange(trees.n_trees), trees.n_leaves)
    turns, depth = np.zeros((2, len(tree)), dtype=np.intp)
    leaf = np.flatnonzero(trees.n_leaves[tree] > 1)
    below = leaf + up.n_nodes
    climbed = [np.zeros((3, 0), dtype=np.intp)]
    while leaf.size:
        if len(climbed) > MAX_DEPTH:
            raise BundleError(f"trees: a tree is deeper than {MAX_DEPTH}; set max_depth")
        node = up.parent[below]
        turns[leaf] |= up.is_left[below].astype(np.intp) << depth[leaf]
        depth[leaf] += 1
        climbed.append(np.array([leaf, below, node]))
        is_below_another = up.parent[node] >= 0
        leaf, below = leaf[is_below_another], node[is_below_another]
    leaf, below, node = np.concatenate(climbed, axis=1)
    covers = np.concatenate([np.bincount(node, trees.cover[leaf], up.n_nodes), trees.cover])
    order = np.lexsort((turns << (MAX_DEPTH - depth), tree))
    place = np.argsort(order)[leaf]
    by_leaf = np.argsort(place, kind="stable")
    return TreePaths(
        tree=tree,
        value=trees.value[order],
        leaf=place[by_leaf],
        node=node[by_leaf],
        goes_left=up.is_left[below][by_leaf],
        chance=(covers[below] / covers[node])[by_leaf],
    )


class _Parents:
    """Who stands above whom: nodes of all trees first, then their leaves."""

    def __init__(self, trees: FlatTrees) -> None:
        n_nodes = trees.n_leaves - 1
        self.n_nodes = len(trees.column)
        first_node = np.repeat(np.cumsum(n_nodes) - n_nodes, n_nodes)
        first_leaf = np.repeat(np.cumsum(trees.n_leaves) - trees.n_leaves, n_nodes)
        self.parent = np.full(self.n_nodes + len(trees.value), -1, dtype=np.intp)
        self.is_left = np.zeros(len(self.parent), dtype=np.bool_)
        for goes_left, child in ((True, trees.left), (False, trees.right)):
            at = np.where(child >= 0, first_node + child, self.n_nodes + first_leaf - 1 - child)
            self.parent[at] = np.arange(self.n_nodes)
            self.is_left[at] = goes_left
