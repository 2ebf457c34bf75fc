"""The trees of a bundle as LightGBM reads them, and its fastest call for one row: what we skip."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray

from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.flat_trees import FlatTrees
from leadqual.qualify.trees import TreeEnsemble

_FLOAT64: Final = 1
_NORMAL: Final = 0
_NUMERIC_SPLIT: Final = 2
_PARAMETERS: Final = b"num_threads=1"


def ensembles_of(bundle: ModelBundle) -> list[TreeEnsemble]:
    """Return the trees of every model of a bundle that has some."""
    models = [*bundle.heads.values()]
    if bundle.conversion is not None:
        models.extend(bundle.conversion.models)
    return [m.trees for m in models if m.trees is not None and m.trees.n_trees]


def to_booster(trees: FlatTrees) -> lightgbm.Booster:
    """Return the same trees as a booster: equal splits, leaf values and training rows per leaf."""
    names = " ".join(f"c{i}" for i in range(trees.n_columns))
    head = [
        *("tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0"),
        f"max_feature_idx={trees.n_columns - 1}",
        "objective=regression",
        f"feature_names={names}",
        "feature_infos=" + " ".join(["[-1e300:1e300]"] * trees.n_columns),
    ]
    blocks = ["\n".join(head), *_trees(trees), "end of trees\n", "feature_importances:\n"]
    text = "\n\n".join([*blocks, "parameters:\nend of parameters\n", "pandas_categorical:null\n"])
    return lightgbm.Booster(model_str=text)


def _trees(trees: FlatTrees) -> Iterator[str]:
    first_leaf = np.cumsum(trees.n_leaves) - trees.n_leaves
    first_node = first_leaf - np.arange(trees.n_trees)
    for index, n_leaves in enumerate(trees.n_leaves.tolist()):
        nodes = slice(first_node[index], first_node[index] + n_leaves - 1)
        leaves = slice(first_leaf[index], first_leaf[index] + n_leaves)
        left, right = trees.left[nodes].tolist(), trees.right[nodes].tolist()
        counts = _counts(left, right, trees.cover[leaves].tolist())
        yield "\n".join([
            f"Tree={index}",
            f"num_leaves={n_leaves}",
            "num_cat=0",
            f"split_feature={_row(trees.column[nodes].tolist())}",
            f"split_gain={_row([1] * (n_leaves - 1))}",
            f"threshold={_row(trees.threshold[nodes].tolist())}",
            f"decision_type={_row([_NUMERIC_SPLIT] * (n_leaves - 1))}",
            f"left_child={_row(left)}",
            f"right_child={_row(right)}",
            f"leaf_value={_row(trees.value[leaves].tolist())}",
            f"leaf_weight={_row(trees.cover[leaves].tolist())}",
            f"leaf_count={_row([int(x) for x in trees.cover[leaves]])}",
            f"internal_value={_row([0] * (n_leaves - 1))}",
            f"internal_weight={_row(counts)}",
            f"internal_count={_row(counts)}",
            *("is_linear=0", "shrinkage=1"),
        ])


def _counts(left: Sequence[int], right: Sequence[int], cover: Sequence[float]) -> list[int]:
    """Return the training rows of each node; children stand after their parent."""
    counts = [0] * len(left)
    for node in reversed(range(len(left))):
        counts[node] = sum(
            counts[child] if child >= 0 else int(cover[-1 - child])
            for child in (left[node], right[node])
        )
    return counts


def _row(values: Sequence[float]) -> str:
    return " ".join(map(repr, values))


class SingleRow:
    """LightGBM's `LGBM_BoosterPredictForMatSingleRowFast`: the least that one row can cost there.

    Parameters
    ----------
    booster : Booster
    width : int
        Columns of the matrix.
    """

    def __init__(self, booster: lightgbm.Booster, width: int) -> None:
        self._library: Any = lightgbm.basic._LIB
        self._booster = booster  # owns the handle
        self._config = ctypes.c_void_p()
        self._out = np.zeros(1)
        self._length = ctypes.c_int64()
        code = self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,
            ctypes.c_int(_NORMAL),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(width),
            ctypes.c_char_p(_PARAMETERS),
            ctypes.byref(self._config),
        )
        if code:
            raise RuntimeError("LightGBM refused the single-row prediction of its own trees")
        self._to = self._out.ctypes.data_as(ctypes.POINTER(ctypes.c_double))

    def __call__(self, row: NDArray[np.float64]) -> float:
        """Return the value of one row; `row` is contiguous, of shape (width,)."""
        self._library.LGBM_BoosterPredictForMatSingleRowFast(
            self._config,
            ctypes.c_void_p(row.ctypes.data),
            ctypes.byref(self._length),
            self._to,
        )
        return float(self._out[0])
