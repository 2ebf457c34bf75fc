"""What fitting learns about a column: number or levels, scale, bends, what is common enough."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.columns import Column, count_values, numbers_of
from leadqual.features.derive import DATE_PARTS
from leadqual.features.spec import (
    MAX_BENDS,
    MAX_LEVEL_LENGTH,
    MAX_LEVELS,
    N_QUANTILES,
    Z_LIMIT,
    CategoricalFeature,
    Feature,
    NumericFeature,
    canonical_level,
    to_number,
)
from leadqual.leads.schema import Scalar

LEVEL_SHARE: Final = 0.001
"""A level also needs this share of the leads: the matrix of a large history stays narrow."""

DATE_PART_WEIGHT: Final = 0.3
"""A date part needs more leads than another column to be believed: decision 15."""

_NUMERIC_SHARE: Final = 0.95
_MAX_CODES: Final = 12
_SKEWED: Final = 1.5


def fit_feature(name: str, values: Column, *, min_count: int) -> Feature | str:
    """Learn how to encode one column, or say in words why it is dropped.

    Parameters
    ----------
    name : str
        Flat column name.
    values : Column, length n_leads
        None (also a blank text or NaN) where missing.
    min_count : int
        A level, `other` and `missing` each need this many leads to get a matrix column.
    """
    counted = None if isinstance(values, np.ndarray) else count_values(values)
    if counted is None or _is_numeric(*counted):
        numbers = np.asarray(numbers_of(values), dtype=np.float64)
        known = numbers[~np.isnan(numbers)]
        if known.size and known.min() != known.max():
            return _fit_numeric(name, numbers, min_count)
    return _fit_categorical(name, counted or count_values(values), min_count)


def _is_numeric(spellings: Counter[Scalar], kinds: Counter[type]) -> bool:
    """Say whether a column holds numbers, or texts that read like measurements."""
    n_numbers = kinds[int] + kinds[float]
    if kinds[str] == 0:
        return n_numbers > 0
    texts: Counter[str] = Counter()
    for value, n in spellings.items():
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
    z = np.clip((moved - mean) / scale, -Z_LIMIT, Z_LIMIT)
    return NumericFeature(
        name=name,
        is_log=is_log,
        mean=mean,
        scale=scale,
        low=float(z.min()),
        high=float(z.max()),
        has_missing=len(numbers) - known.size >= min_count,
        quantiles=np.quantile(known, np.linspace(0, 1, N_QUANTILES)),
        bends=_place_bends(z, min_count),
    )


def _place_bends(z: NDArray[np.float64], min_count: int) -> tuple[float, ...]:
    """Return the thirds of the values, where enough leads lie on both sides."""
    inner = np.linspace(0, 1, MAX_BENDS + 2)[1:-1]
    return tuple(
        float(place)
        for place in np.unique(np.quantile(z, inner))
        if min((z < place).sum(), (z > place).sum()) >= min_count
    )


def _skewness(values: NDArray[np.float64]) -> float:
    """Return the third standardised moment; 0 where it is not defined."""
    deviations = values / max(float(np.abs(values).max()), 1.0)  # keeps the cubes finite
    deviations = deviations - deviations.mean()
    spread = float(np.sqrt(np.mean(deviations**2)))
    return float(np.mean(deviations**3)) / spread**3 if spread > 0 else 0.0


def _fit_categorical(
    name: str, counted: tuple[Counter[Scalar], Counter[type]], min_count: int
) -> CategoricalFeature | str:
    """Keep the levels that are common enough."""
    spellings, kinds = counted
    counts: Counter[str | None] = Counter()
    labels: dict[str, tuple[int, str]] = {}
    is_yes_no = set(kinds) <= {bool, type(None)}
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
        weight=DATE_PART_WEIGHT if name in DATE_PARTS else 1.0,
    )


def _by_count(pair: tuple[int, str]) -> tuple[int, str]:
    """Order by descending count, then by name: the same whatever the row order."""
    return -pair[0], pair[1]


def _label(value: Scalar, *, is_yes_no: bool) -> str:
    """Return how a level is shown to people."""
    if is_yes_no:
        return "yes" if value else "no"
    return str(value)[:MAX_LEVEL_LENGTH].strip()
