"""JSON as the columns hold it: compact, and equal when it is read back."""

from __future__ import annotations

from typing import Any

import pydantic_core


def dump(value: object) -> str:
    """Return compact JSON that reads back equal, bit for bit. Raises for NaN and surrogates."""
    return pydantic_core.to_json(value, inf_nan_mode="constants").decode()


def load(text: str) -> Any:  # noqa: ANN401 - JSON can hold anything
    """Return what `dump` wrote."""
    return pydantic_core.from_json(text)
