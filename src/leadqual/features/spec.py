"""How one feature is encoded: what fitting learned about a column."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.document import Document
from leadqual.leads.schema import Scalar

MAX_LEVELS: Final = 64
"""Most levels one column keeps, most frequent first; the rest is `other`."""

MAX_LEVEL_LENGTH: Final = 200
"""Longer texts are compared by their first characters."""

MAX_NUMBER: Final = 1e100
"""Larger numbers count as missing: their squares would not be finite."""

BEND_WEIGHT: Final = 0.3
"""What a matrix column rises by per deviation beyond a bend: less than the straight line does."""

MAX_BENDS: Final = 2
"""Bends stand at the thirds of the known values: decision 15 has what more of them cost."""

N_QUANTILES: Final = 101
Z_LIMIT: Final = 4.0


@dataclass(frozen=True, eq=False)
class NumericFeature:
    """A number: `(log1p(value) if is_log else value)` standardised and clipped, with bends.

    What goes up and then down, or stops to matter, is no straight line. Each bend adds a column
    that is 0 up to it and rises beyond it, so that linear members follow the turn.

    Parameters
    ----------
    name : str
        Flat column name.
    is_log : bool
        Whether the value (floored at 0) goes through log1p first: counts and money are skewed.
    mean, scale : float
        Of the values known at fitting, after log1p; scale > 0.
    low, high : float
        Limits of the standardised value: the range seen at fitting, at most 4 deviations.
    has_missing : bool
        Whether the matrix has a column that is 1 where the value is missing.
    quantiles : ndarray of shape (101,)
        Of the values known at fitting, in their own unit; for "larger than 88 % of leads".
    bends : tuple of float
        Standardised values, ascending.
    """

    name: str
    is_log: bool
    mean: float
    scale: float
    low: float
    high: float
    has_missing: bool
    quantiles: NDArray[np.float64]
    bends: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Return the number of matrix columns: the value, perhaps `missing`, and the bends."""
        return 1 + self.has_missing + len(self.bends)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Return what each matrix column holds."""
        missing = (f"{self.name} is missing",) if self.has_missing else ()
        above = (f"{self.name} above {self._in_its_unit(bend):.4g}" for bend in self.bends)
        return (self.name, *missing, *above)

    def columns(self, z: NDArray[np.float64], is_missing: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the matrix columns of standardised values, shape (n, width).

        Parameters
        ----------
        z : ndarray of float64, shape (n,)
            0 where missing.
        is_missing : ndarray of bool, shape (n,)
        """
        flags = [is_missing.astype(np.float64)] if self.has_missing else []
        rises = [
            np.where(is_missing, 0.0, BEND_WEIGHT * np.maximum(z - bend, 0.0))
            for bend in self.bends
        ]
        return np.stack([z, *flags, *rises], axis=1)

    def limit_of(self, column: int, threshold: float) -> float:
        """Return the standardised value up to which a matrix column is at most a threshold.

        Parameters
        ----------
        column : int
            Among the columns of this feature, not `missing`.
        threshold : float
            Below 0 a bend column never is: -inf.
        """
        if column == 0:
            return threshold
        bend = self.bends[column - 1 - self.has_missing]
        return bend + threshold / BEND_WEIGHT if threshold >= 0 else -math.inf

    def _in_its_unit(self, z: float) -> float:
        value = self.mean + self.scale * z
        return math.expm1(value) if self.is_log else value

    def as_dict(self) -> dict[str, object]:
        """Return the feature as JSON values."""
        return {
            "kind": "numeric",
            "name": self.name,
            "is_log": self.is_log,
            "mean": self.mean,
            "scale": self.scale,
            "low": self.low,
            "high": self.high,
            "has_missing": self.has_missing,
            "quantiles": self.quantiles.tolist(),
            "bends": list(self.bends),
        }

    @classmethod
    def from_document(cls, document: Document) -> NumericFeature:
        """Read a feature back; raise `BundleError` on anything off."""
        entry = document.record(
            "kind", "name", "is_log", "mean", "scale", "low", "high", "has_missing", "quantiles",
            "bends",
        )  # fmt: skip
        bends = entry["bends"].floats(low=-Z_LIMIT, high=Z_LIMIT)
        if len(bends) > MAX_BENDS or (np.diff(bends) <= 0).any():
            entry["bends"].refuse(f"at most {MAX_BENDS} numbers in ascending order")
        return cls(
            name=entry["name"].text(),
            is_log=entry["is_log"].boolean(),
            mean=entry["mean"].number(),
            scale=entry["scale"].number(low=np.finfo(np.float64).tiny),
            low=entry["low"].number(),
            high=entry["high"].number(),
            has_missing=entry["has_missing"].boolean(),
            quantiles=entry["quantiles"].floats(length=N_QUANTILES),
            bends=tuple(bends.tolist()),
        )


@dataclass(frozen=True, eq=False)
class CategoricalFeature:
    """One of some levels, one-hot.

    States are numbered: levels 0 to L-1, then `other` (L: rare or never seen), then `missing`
    (L+1). A state that was too rare at fitting to have a matrix column is all zeros.

    Parameters
    ----------
    name : str
        Flat column name.
    levels : tuple of str
        Canonical levels (`canonical_level`), most frequent first.
    labels : tuple of str
        The commonest spelling of each level, for people.
    has_other, has_missing : bool
        Whether the matrix has a column for these states.
    weight : float
        What the column of a lead's state holds, in (0, 1]; below 1 a ridge holds it back more.
    """

    name: str
    levels: tuple[str, ...]
    labels: tuple[str, ...]
    has_other: bool
    has_missing: bool
    weight: float = 1.0

    @cached_property
    def codes(self) -> Mapping[Scalar, int]:
        """Return what has the state of any value; what was never seen is `other`."""
        return _Codes(self.levels)

    @cached_property
    def code(self) -> Callable[[Scalar], int]:
        """Return what gives the state of one value."""
        return self.codes.__getitem__

    @property
    def n_states(self) -> int:
        """Return the number of states: levels, other, missing."""
        return len(self.levels) + 2

    @property
    def width(self) -> int:
        """Return the number of matrix columns."""
        return len(self.levels) + self.has_other + self.has_missing

    @property
    def column_names(self) -> tuple[str, ...]:
        """Return what each matrix column holds."""
        names = [f"{self.name} = {label}" for label in self.labels]
        if self.has_other:
            names.append(f"{self.name} is other")
        if self.has_missing:
            names.append(f"{self.name} is missing")
        return tuple(names)

    @property
    def column_of_state(self) -> NDArray[np.intp]:
        """Return for each state its column within the feature, -1 where it has none."""
        n_levels = len(self.levels)
        other = n_levels if self.has_other else -1
        missing = n_levels + self.has_other if self.has_missing else -1
        return np.array([*range(n_levels), other, missing], dtype=np.intp)

    def as_dict(self) -> dict[str, object]:
        """Return the feature as JSON values."""
        return {
            "kind": "categorical",
            "name": self.name,
            "levels": list(self.levels),
            "labels": list(self.labels),
            "has_other": self.has_other,
            "has_missing": self.has_missing,
            "weight": self.weight,
        }

    @classmethod
    def from_document(cls, document: Document) -> CategoricalFeature:
        """Read a feature back; raise `BundleError` on anything off."""
        entry = document.record(
            "kind", "name", "levels", "labels", "has_other", "has_missing", "weight"
        )
        levels = tuple(item.text() for item in entry["levels"].array())
        if len(set(levels)) != len(levels) or len(levels) > MAX_LEVELS:
            entry["levels"].refuse(f"at most {MAX_LEVELS} different levels")
        return cls(
            name=entry["name"].text(),
            levels=levels,
            labels=tuple(item.text() for item in entry["labels"].array(length=len(levels))),
            has_other=entry["has_other"].boolean(),
            has_missing=entry["has_missing"].boolean(),
            weight=entry["weight"].number(low=np.finfo(np.float64).tiny, high=1.0),
        )


Feature = NumericFeature | CategoricalFeature


class _Codes(dict[Scalar, int]):
    """The state of each value by a look-up alone; a value is read once and then remembered."""

    def __init__(self, levels: Sequence[str]) -> None:
        super().__init__(zip(levels, count()))
        self._of_level = dict(self)
        self._other, self._missing = len(levels), len(levels) + 1
        self[None] = self._missing

    def __missing__(self, value: Scalar) -> int:
        level = canonical_level(value)
        code = self._missing if level is None else self._of_level.get(level, self._other)
        # Equal values are of one level. What strangers write must not fill the memory.
        if len(self) < _MAX_REMEMBERED and not (isinstance(value, str) and len(value) > _MAX_SHORT):
            self[value] = code
        return code


_MAX_REMEMBERED: Final = 4_096
_MAX_SHORT: Final = 100


def canonical_level(value: Scalar) -> str | None:
    """Return the level that a value stands for, None where it is missing.

    Spelling case and surrounding blanks do not matter; true is "1" and false "0", and a whole
    float reads like the integer, so that the same answer from JSON and from a CSV file is one
    level.

    Examples
    --------
    >>> canonical_level(" Logistics "), canonical_level(3.0), canonical_level(True)
    ('logistics', '3', '1')
    >>> canonical_level("  ") is None
    True
    """
    if value is None:
        return None
    if isinstance(value, str):
        text = value[:MAX_LEVEL_LENGTH].strip().casefold()
        return _SAME_AS_BOOLEAN.get(text, text) or None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(int(value))


_SAME_AS_BOOLEAN: Final = {"true": "1", "false": "0"}


def to_number(value: Scalar) -> float:
    """Return a value as a number, NaN where it is missing, not a number or absurdly large."""
    if value is None:
        return math.nan
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return math.nan
    return number if -MAX_NUMBER <= number <= MAX_NUMBER else math.nan
