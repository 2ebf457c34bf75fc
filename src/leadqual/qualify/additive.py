"""One learned question as a sum of column contributions: linear terms and small trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.features.document import Document
from leadqual.features.spec import MAX_NUMBER
from leadqual.qualify.trees import TreeEnsemble

_CHUNK = 4_096


@dataclass(frozen=True, eq=False, kw_only=True)
class AdditiveModel:
    """Log-odds = shift + linear_weight * (intercept + Z @ coef) + tree_weight * trees(Z).

    Parameters
    ----------
    coef : ndarray of float64, shape (width,)
        Linear coefficients on the encoder's matrix; zeros where there is no linear part.
    intercept : float
    center : ndarray of float64, shape (width,)
        Where linear contributions are zero: pass `Encoder.means`. Changes reasons, not values.
    trees : TreeEnsemble, optional
        Over the same matrix; None where there are none.
    linear_weight, tree_weight : float
        Shares of the two parts, in [0, 1]; 0.5 and 0.5 average them in log-odds.
    shift : float
        Level correction in log-odds.

    Raises
    ------
    BundleError
        If widths differ, a number is not finite, or a weight is outside [0, 1].
    """

    coef: NDArray[np.float64]
    intercept: float
    center: NDArray[np.float64]
    trees: TreeEnsemble | None = None
    linear_weight: float = 1.0
    tree_weight: float = 0.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        widths = {self.coef.shape, self.center.shape}
        if self.trees is not None:
            widths.add((self.trees.n_columns,))
        if widths != {(self.coef.size,)}:
            raise BundleError("additive model: coef, center and trees are of different widths")
        numbers = [*self.coef, *self.center, self.intercept, self.shift]
        if not np.isfinite(numbers).all():
            raise BundleError("additive model: a number is not finite")
        if not (0 <= self.linear_weight <= 1 and 0 <= self.tree_weight <= 1):
            raise BundleError("additive model: a weight is outside 0 to 1")

    @property
    def width(self) -> int:
        """Return the number of matrix columns."""
        return self.coef.size

    @property
    def bias(self) -> float:
        """Return the log-odds at the reference point, to which contributions add."""
        trees = 0.0 if self.trees is None else self.tree_weight * self.trees.expected_value
        at_center = float((self.coef * self.center).sum())
        return self.shift + self.linear_weight * (self.intercept + at_center) + trees

    def logit(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of each row of an encoder matrix, shape (n_leads,).

        Row i depends on lead i alone, bit for bit (no BLAS product, whose rounding depends on
        the number of rows).
        """
        linear = np.empty(len(matrix))
        for start in range(0, len(matrix), _CHUNK):
            rows = slice(start, start + _CHUNK)
            linear[rows] = (matrix[rows] * self.coef).sum(axis=1)
        total = self.shift + self.linear_weight * (self.intercept + linear)
        if self.trees is not None:
            total = total + self.tree_weight * self.trees.values(matrix)
        return total

    def contributions(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each column adds to `bias`, shape (n_leads, width), in log-odds."""
        total = (matrix - self.center) * (self.linear_weight * self.coef)
        if self.trees is not None:
            total += self.tree_weight * self.trees.contributions(matrix)
        return total

    def as_dict(self) -> dict[str, object]:
        """Return the model as JSON values."""
        return {
            "coef": self.coef.tolist(),
            "intercept": float(self.intercept),
            "center": self.center.tolist(),
            "trees": None if self.trees is None else self.trees.as_dict(),
            "linear_weight": float(self.linear_weight),
            "tree_weight": float(self.tree_weight),
            "shift": float(self.shift),
        }

    @classmethod
    def from_document(cls, document: Document, *, width: int) -> AdditiveModel:
        """Read a model back.

        Raises
        ------
        BundleError
            If anything is missing, of the wrong type, out of range or of another width.
        """
        entry = document.record(
            "coef", "intercept", "center", "trees", "linear_weight", "tree_weight", "shift"
        )
        trees = entry["trees"]
        return cls(
            coef=entry["coef"].floats(length=width, low=-MAX_NUMBER, high=MAX_NUMBER),
            intercept=entry["intercept"].number(low=-MAX_NUMBER, high=MAX_NUMBER),
            center=entry["center"].floats(length=width, low=-MAX_NUMBER, high=MAX_NUMBER),
            trees=None
            if trees.value is None
            else TreeEnsemble.from_document(trees, n_columns=width),
            linear_weight=entry["linear_weight"].number(low=0, high=1),
            tree_weight=entry["tree_weight"].number(low=0, high=1),
            shift=entry["shift"].number(low=-MAX_NUMBER, high=MAX_NUMBER),
        )
