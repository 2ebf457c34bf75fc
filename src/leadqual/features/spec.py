"""How one feature is encoded: what fitting learned about a column."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.document import Document
from leadqual.leads.schema import Scalar

MAX_LEVELS: Final = 64
"""Most levels one column keeps, most frequent first; the rest is `other`."""

LEVEL_SHARE: Final = 0.001
"""A level also needs this share of the leads: the matrix of a large history stays narrow."""

MAX_LEVEL_LENGTH: Final = 200
"""Longer texts are compared by their first characters."""

MAX_NUMBER: Final = 1e100
"""Larger numbers count as missing: their squares would not be finite."""

N_QUANTILES: Final = 101
_Z_LIMIT: Final = 4.0
_NUMERIC_SHARE: Final = 0.95
_MAX_CODES: Final = 12
_SKEWED: Final = 1.5


@dataclass(frozen=True, eq=False)
class NumericFeature:
    """A number: `(log1p(value) if is_log else value)` standardised and clipped.

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
    """

    name: str
    is_log: bool
    mean: float
    scale: float
    low: float
    high: float
    has_missing: bool
    quantiles: NDArray[np.float64]

    @property
    def width(self) -> int:
        """Return the number of matrix columns: the value, and perhaps `missing`."""
        return 1 + self.has_missing

    @property
    def column_names(self) -> tuple[str, ...]:
        """Return what each matrix column holds."""
        return (self.name, f"{self.name} is missing")[: self.width]

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
        }

    @classmethod
    def from_document(cls, document: Document) -> NumericFeature:
        """Read a feature back; raise `BundleError` on anything off."""
        entry = document.record(
            "kind", "name", "is_log", "mean", "scale", "low", "high", "has_missing", "quantiles"
        )
        return cls(
            name=entry["name"].text(),
            is_log=entry["is_log"].boolean(),
            mean=entry["mean"].number(),
            scale=entry["scale"].number(low=np.finfo(np.float64).tiny),
            low=entry["low"].number(),
            high=entry["high"].number(),
            has_missing=entry["has_missing"].boolean(),
            quantiles=entry["quantiles"].floats(length=N_QUANTILES),
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
    """

    name: str
    levels: tuple[str, ...]
    labels: tuple[str, ...]
    has_other: bool
    has_missing: bool
    _codes: dict[Scalar, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        codes: dict[Scalar, int] = {level: code for code, level in enumerate(self.levels)}
        for code, label in enumerate(self.labels):
            if canonical_level(label) == self.levels[code]:
                codes[label] = code  # spares the request path the case folding
        codes[None] = len(self.levels) + 1
        object.__setattr__(self, "_codes", codes)

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

    def code(self, value: Scalar) -> int:
        """Return the state of one value; what was never seen is `other`."""
        try:
            return self._codes[value]
        except KeyError:
            level = canonical_level(value)
            return self._codes[None] if level is None else self._codes.get(level, len(self.levels))

    def as_dict(self) -> dict[str, object]:
        """Return the feature as JSON values."""
        return {
            "kind": "categorical",
            "name": self.name,
            "levels": list(self.levels),
            "labels": list(self.labels),
            "has_other": self.has_other,
            "has_missing": self.has_missing,
        }

    @classmethod
    def from_document(cls, document: Document) -> CategoricalFeature:
        """Read a feature back; raise `BundleError` on anything off."""
        entry = document.record("kind", "name", "levels", "labels", "has_other", "has_missing")
        levels = tuple(item.text() for item in entry["levels"].array())
        if len(set(levels)) != len(levels) or len(levels) > MAX_LEVELS:
            entry["levels"].refuse(f"at most {MAX_LEVELS} different levels")
        return cls(
            name=entry["name"].text(),
            levels=levels,
            labels=tuple(item.text() for item in entry["labels"].array(length=len(levels))),
            has_other=entry["has_other"].boolean(),
            has_missing=entry["has_missing"].boolean(),
        )


Feature = NumericFeature | CategoricalFeature


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


def fit_feature(name: str, values: Sequence[Scalar], *, min_count: int) -> Feature | str:
    """Learn how to encode one column, or say in words why it is dropped.

    Parameters
    ----------
    name : str
        Flat column name.
    values : sequence of scalars, length n_leads
        None (also a blank text or NaN) where missing.
    min_count : int
        A level, `other` and `missing` each need this many leads to get a matrix column.
    """
    if _is_numeric(values):
        numbers = np.array([to_number(value) for value in values], dtype=np.float64)
        known = numbers[~np.isnan(numbers)]
        if known.size and known.min() != known.max():
            return _fit_numeric(name, numbers, min_count)
    return _fit_categorical(name, values, min_count)


def _is_numeric(values: Sequence[Scalar]) -> bool:
    """Say whether a column holds numbers, or texts that read like measurements."""
    kinds = Counter(map(type, values))
    n_numbers = kinds[int] + kinds[float]
    if kinds[str] == 0:
        return n_numbers > 0
    texts: Counter[str] = Counter()
    for value, n in Counter(values).items():
        if isinstance(value, str):
            texts[value.strip()] += n
    del texts[""]
    looks = {text: n for text, n in texts.items() if not math.isnan(to_number(text))}
    # Codes such as 01234, or a handful of digits, are names and not amounts.
    is_code = any(len(text) > 1 and text[0] == "0" and text[1].isdigit() for text in looks) or (
        n_numbers == 0 and len(looks) <= _MAX_CODES
    )
    n_numeric = n_numbers + sum(looks.values())
    return not is_code and n_numeric >= _NUMERIC_SHARE * (n_numbers + texts.total())


def _fit_numeric(name: str, numbers: NDArray[np.float64], min_count: int) -> NumericFeature:
    """Choose the transformation by skewness and learn its scale."""
    known = numbers[~np.isnan(numbers)]
    is_log = bool(known.min() >= 0 and _skewness(known) > _SKEWED)
    moved = np.log1p(known) if is_log else known
    mean, scale = float(moved.mean()), float(moved.std())
    if not math.isfinite(scale) or scale < np.finfo(np.float64).tiny:
        scale = 1.0
    z = (moved - mean) / scale
    return NumericFeature(
        name=name,
        is_log=is_log,
        mean=mean,
        scale=scale,
        low=max(float(z.min()), -_Z_LIMIT),
        high=min(float(z.max()), _Z_LIMIT),
        has_missing=len(numbers) - known.size >= min_count,
        quantiles=np.quantile(known, np.linspace(0, 1, N_QUANTILES)),
    )


def _skewness(values: NDArray[np.float64]) -> float:
    """Return the third standardised moment; 0 where it is not defined."""
    deviations = values / max(float(np.abs(values).max()), 1.0)  # keeps the cubes finite
    deviations = deviations - deviations.mean()
    spread = float(np.sqrt(np.mean(deviations**2)))
    return float(np.mean(deviations**3)) / spread**3 if spread > 0 else 0.0


def _fit_categorical(
    name: str, values: Sequence[Scalar], min_count: int
) -> CategoricalFeature | str:
    """Keep the levels that are common enough."""
    spellings = Counter(values)
    counts: Counter[str | None] = Counter()
    labels: dict[str, tuple[int, str]] = {}
    is_yes_no = all(isinstance(v, bool) for v in values if v is not None)
    for value, n in sorted(spellings.items(), key=lambda pair: (-pair[1], str(pair[0]))):
        level = canonical_level(value)
        counts[level] += n
        if level is not None:
            labels.setdefault(level, (n, _label(value, is_yes_no=is_yes_no)))
    n_missing = counts.pop(None, 0)
    if not counts:
        return "never known"
    ranked = sorted(((n, level) for level, n in counts.items() if level), key=_by_count)
    kept = [level for n, level in ranked[:MAX_LEVELS] if n >= min_count]
    n_other = sum(n for n, _ in ranked) - sum(counts[level] for level in kept)
    n_states = len(kept) + (n_other >= min_count) + (n_missing >= min_count)
    if n_states < 2:
        return (
            "constant, or too seldom anything else"
            if kept or len(counts) == 1
            else f"{len(counts)} different values, none of them on {min_count} leads"
        )
    return CategoricalFeature(
        name=name,
        levels=tuple(kept),
        labels=tuple(labels[level][1] for level in kept),
        has_other=n_other >= min_count,
        has_missing=n_missing >= min_count,
    )


def _by_count(pair: tuple[int, str]) -> tuple[int, str]:
    """Order by descending count, then by name: the same whatever the row order."""
    return -pair[0], pair[1]


def _label(value: Scalar, *, is_yes_no: bool) -> str:
    """Return how a level is shown to people."""
    if is_yes_no:
        return "yes" if value else "no"
    return str(value)[:MAX_LEVEL_LENGTH].strip()
