"""Features as a few states with names: levels of a category, bands of a number."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.features.spec import CategoricalFeature, Feature, NumericFeature
from leadqual.qualify.wording import shown

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MISSING: Final = "not known"
OTHER: Final = "rare or new"
_MAX_BRIEF: Final = 24
_WHOLE_SHARE: Final = 0.8
_FIFTHS: Final = (20, 40, 60, 80)
_MIN_EDGES: Final = 3
_THIRDS: Final = (0.0, 1 / 3, 2 / 3)


def feature_states(encoder: Encoder, leads: EncodedLeads) -> dict[str, Codes]:
    """Return for each feature the state of each lead, shape (n_leads,), as in `name_states`."""
    found = {feature.name: leads.codes[row] for row, feature in enumerate(encoder.categorical)}
    for row, numeric in enumerate(encoder.numeric):
        edges, raw = band_edges(numeric), leads.raw[row]
        place = edges.searchsorted(raw, side="right")
        found[numeric.name] = np.where(np.isnan(raw), len(edges) + 1, place)
    return found


def name_states(feature: Feature) -> tuple[str, ...]:
    """Return what each state is called, for people; no control characters, not escaped.

    Levels, then rare or new ones, then missing; or bands in ascending order, then missing.
    """
    if isinstance(feature, CategoricalFeature):
        return (*(shown(label) for label in feature.labels), OTHER, MISSING)
    return (*_name_bands(feature), MISSING)


def band_edges(feature: NumericFeature) -> Floats:
    """Return where each band but the first begins, ascending: about fifths of training leads.

    Where most values are the smallest one (visits that are mostly 0), it is a band of its own
    and the others are cut in thirds.
    """
    low = feature.quantiles[0]
    fifths = feature.quantiles[list(_FIFTHS)]
    edges = np.unique(fifths[fifths > low])
    if len(edges) < _MIN_EDGES:
        above = feature.quantiles[feature.quantiles > low]
        edges = np.unique(np.quantile(above, _THIRDS, method="lower"))
    return np.unique(np.ceil(edges)) if _is_whole(feature) else edges


def _is_whole(feature: NumericFeature) -> bool:
    """Say whether a feature counts something; some of its quantiles lie between two counts."""
    is_whole = feature.quantiles == np.round(feature.quantiles)
    return bool(is_whole.mean() >= _WHOLE_SHARE)


def _name_bands(feature: NumericFeature) -> list[str]:
    edges = band_edges(feature).tolist()
    low = float(feature.quantiles[0])
    if _is_whole(feature):  # 1 to 2, 3 to 5: no number stands twice
        ends = [edge - 1 for edge in edges[1:]]
        first = figure(low) if edges[0] - low <= 1 else f"{figure(low)} to {figure(edges[0] - 1)}"
        inner = [
            figure(a) if a == b else f"{figure(a)} to {figure(b)}"
            for a, b in zip(edges, ends, strict=False)
        ]
        return [first, *inner, f"{figure(edges[-1])} or more"]
    inner = [f"{figure(a)} to {figure(b)}" for a, b in pairwise(edges)]
    return [f"below {figure(edges[0])}", *inner, f"{figure(edges[-1])} or more"]


def brief(name: str) -> str:
    """Return the name of a state for a sentence: a hash need not be read to its end."""
    return name if len(name) <= _MAX_BRIEF else f"{name[: _MAX_BRIEF - 1]}…"


def figure(value: float) -> str:
    """Return a number as people write it.

    Examples
    --------
    >>> figure(1200.0), figure(0.123456), figure(-3.5)
    ('1,200', '0.123', '-3.5')
    """
    if abs(value) < 1e15 and (value == int(value) or abs(value) >= 1000):
        return f"{round(value):,}"
    return f"{value:.3g}"
