"""Frozen records as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import numpy as np


def to_json(value: object) -> object:
    """Return records, mappings and sequences as JSON values: no NaN and no infinity, but None.

    Examples
    --------
    >>> to_json({"a": (1.5, float("nan")), "b": None})
    {'a': [1.5, None], 'b': None}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): to_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else None
    return value
