"""Gradient-boosted trees as flat arrays, checked: what LightGBM made, without its parser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.features.document import Document

MAX_TREES: Final = 5_000
MAX_LEAVES: Final = 64


@dataclass(frozen=True, eq=False)
class FlatTrees:
    """A sum of binary trees over the columns of one matrix.

    Nodes and leaves of all trees stand one after the other. A lead goes left at a node when
    `matrix[i, column] <= threshold`. The matrix has no NaN (`Encoder`).

    Parameters
    ----------
    n_columns : int
        Width of the matrix.
    n_leaves : ndarray of intp, shape (n_trees,)
        Leaves per tree, 1 to `MAX_LEAVES`; a tree has one node fewer.
    column : ndarray of intp, shape (n_nodes,)
    threshold : ndarray of float64, shape (n_nodes,)
    left, right : ndarray of intp, shape (n_nodes,)
        Child within the same tree: node k as k, always after its parent; leaf k as -1 - k.
    value : ndarray of float64, shape (n_leaves_total,)
        What a leaf adds to the log-odds.
    cover : ndarray of float64, shape (n_leaves_total,)
        Training rows per leaf, positive: the weights of path-dependent reasons.

    Raises
    ------
    BundleError
        If the arrays do not describe trees.
    """

    n_columns: int
    n_leaves: NDArray[np.intp]
    column: NDArray[np.intp]
    threshold: NDArray[np.float64]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]

    def __post_init__(self) -> None:
        _check_shape(self)
        _check_structure(self)

    @classmethod
    def from_lightgbm(cls, dump: Mapping[str, object], *, n_columns: int) -> Self:
        """Flatten what `Booster.dump_model()` returns.

        Parameters
        ----------
        dump : mapping
            A model with one raw score per row and numeric splits only, trained on a matrix
            without NaN; at most `MAX_LEAVES` leaves per tree and depth 8.
        n_columns : int
            Width of that matrix.

        Raises
        ------
        BundleError
            If the model is of another kind, with what it has and what is possible.
        """
        if dump.get("num_tree_per_iteration") != 1 or dump.get("average_output"):
            raise BundleError("LightGBM dump: several classes or a random forest; use boosting")
        roots = [tree["tree_structure"] for tree in _dicts(dump.get("tree_info"))]
        flat = _Flattened.of(_dicts(roots))
        return cls(
            n_columns=n_columns,
            n_leaves=np.array(flat.n_leaves, dtype=np.intp),
            column=np.array(flat.column, dtype=np.intp),
            threshold=np.array(flat.threshold, dtype=np.float64),
            left=np.array(flat.left, dtype=np.intp),
            right=np.array(flat.right, dtype=np.intp),
            value=np.array(flat.value, dtype=np.float64),
            cover=np.array(flat.cover, dtype=np.float64),
        )

    @property
    def n_trees(self) -> int:
        """Return the number of trees."""
        return len(self.n_leaves)

    def as_dict(self) -> dict[str, object]:
        """Return the ensemble as JSON values."""
        return {
            "n_leaves": self.n_leaves.tolist(),
            "column": self.column.tolist(),
            "threshold": self.threshold.tolist(),
            "left": self.left.tolist(),
            "right": self.right.tolist(),
            "value": self.value.tolist(),
            "cover": self.cover.tolist(),
        }

    @classmethod
    def from_document(cls, document: Document, *, n_columns: int) -> Self:
        """Read an ensemble back.

        Raises
        ------
        BundleError
            If anything is missing, of the wrong type, out of range, cyclic or too large.
        """
        names = ("n_leaves", "column", "threshold", "left", "right", "value", "cover")
        entry = document.record(*names)
        n_leaves = entry["n_leaves"].integers(low=1, high=MAX_LEAVES)
        n_total, n_nodes = int(n_leaves.sum()), int(n_leaves.sum()) - len(n_leaves)
        child = {"low": -MAX_LEAVES, "high": MAX_LEAVES}
        try:
            return cls(
                n_columns=n_columns,
                n_leaves=n_leaves,
                column=entry["column"].integers(length=n_nodes, low=0, high=n_columns - 1),
                threshold=entry["threshold"].floats(length=n_nodes),
                left=entry["left"].integers(length=n_nodes, **child),
                right=entry["right"].integers(length=n_nodes, **child),
                value=entry["value"].floats(length=n_total),
                cover=entry["cover"].floats(length=n_total, low=np.finfo(np.float64).tiny),
            )
        except BundleError as error:
            if str(error).startswith(document.where):
                raise
            raise BundleError(f"{document.where}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Flattened:
    """Growing flat lists of all trees of a dump."""

    n_leaves: list[int]
    column: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    value: list[float]
    cover: list[float]

    @classmethod
    def of(cls, roots: Sequence[Mapping[str, object]]) -> _Flattened:
        flat = cls([], [], [], [], [], [], [])
        for root in roots:
            first_node, first_leaf = len(flat.column), len(flat.value)
            flat._add(root, first_node, first_leaf)
            flat.n_leaves.append(len(flat.value) - first_leaf)
        return flat

    def _add(self, node: Mapping[str, object], first_node: int, first_leaf: int) -> int:
        """Append a node and all below it; return its index as a child."""
        if "split_feature" not in node:
            self.value.append(_as_float(node["leaf_value"]))
            self.cover.append(max(_as_float(node.get("leaf_count", 1)), 1.0))
            return first_leaf - len(self.value)
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise BundleError(
                "LightGBM dump: a split on categories or with zero as missing; train on the "
                "encoder's matrix without categorical_feature and zero_as_missing"
            )
        index = len(self.column)
        self.column.append(int(_as_float(node["split_feature"])))
        self.threshold.append(_as_float(node["threshold"]))
        self.left.append(0)
        self.right.append(0)
        left, right = _dicts([node["left_child"], node["right_child"]])
        self.left[index] = self._add(left, first_node, first_leaf)
        self.right[index] = self._add(right, first_node, first_leaf)
        return index - first_node


def _dicts(value: object) -> list[Mapping[str, object]]:
    """Return a list of objects of a dump, refusing anything else."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BundleError("LightGBM dump: not what Booster.dump_model() returns")
    return value


def _as_float(value: object) -> float:
    """Return a number of a dump, refusing anything else."""
    if not isinstance(value, (int, float)):
        raise BundleError("LightGBM dump: a number is missing")
    return float(value)


def _check_shape(trees: FlatTrees) -> None:
    """Refuse sizes and numbers that no ensemble has."""
    if trees.n_trees > MAX_TREES:
        raise BundleError(f"trees: too large ({trees.n_trees} trees, at most {MAX_TREES})")
    if trees.n_trees and not 1 <= trees.n_leaves.min() <= trees.n_leaves.max() <= MAX_LEAVES:
        raise BundleError(f"trees: a tree has no leaf or more than {MAX_LEAVES}")
    n_total = int(trees.n_leaves.sum())
    n_nodes = n_total - trees.n_trees
    sizes = {
        "column": (trees.column, n_nodes),
        "threshold": (trees.threshold, n_nodes),
        "left": (trees.left, n_nodes),
        "right": (trees.right, n_nodes),
        "value": (trees.value, n_total),
        "cover": (trees.cover, n_total),
    }
    for name, (array, size) in sizes.items():
        if array.shape != (size,):
            raise BundleError(f"trees: {name} has {array.size} items, expected {size}")
        if not np.isfinite(array).all():
            raise BundleError(
                f"trees: {name} is not finite at {int(np.argmin(np.isfinite(array)))}"
            )
    if n_nodes and not 0 <= trees.column.min() <= trees.column.max() < trees.n_columns:
        raise BundleError(f"trees: column out of range, expected 0 to {trees.n_columns - 1}")
    if n_total and trees.cover.min() <= 0:
        raise BundleError("trees: cover is not positive")


def _check_structure(trees: FlatTrees) -> None:
    """Refuse cycles, shared children, orphans and children outside their tree."""
    n_nodes = trees.n_leaves - 1
    tree_of = np.repeat(np.arange(trees.n_trees), n_nodes)
    first_node = (np.cumsum(n_nodes) - n_nodes)[tree_of]
    first_leaf = (np.cumsum(trees.n_leaves) - trees.n_leaves)[tree_of]
    own = np.arange(len(tree_of)) - first_node
    seen_node, seen_leaf = np.zeros(len(tree_of), int), np.zeros(len(trees.value), int)
    for name, child in (("left", trees.left), ("right", trees.right)):
        is_node = child >= 0
        is_wrong = is_node & (child <= own)
        is_outside = np.where(is_node, child >= n_nodes[tree_of], -1 - child > n_nodes[tree_of])
        for bad, what in ((is_wrong, "cyclic tree"), (is_outside, "index out of range")):
            if bad.any():
                raise BundleError(f"trees: {name}[{int(np.argmax(bad))}]: {what}")
        np.add.at(seen_node, (first_node + child)[is_node], 1)
        np.add.at(seen_leaf, (first_leaf - 1 - child)[~is_node], 1)
    is_root = own == 0
    has_parent = trees.n_leaves.repeat(trees.n_leaves) > 1
    if (seen_node[~is_root] != 1).any() or (seen_leaf[has_parent] != 1).any():
        raise BundleError("trees: not a tree, a node or leaf has no parent or two")
