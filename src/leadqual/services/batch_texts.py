"""Columns of text: what can be said of them as a whole."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from leadqual.leads.schema import MAX_TEXT

_VISIBLE: Final = "[!-&(-~]"


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this type is text, by itself or as a dictionary."""
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(values) or pa.types.is_large_string(values))


def as_strings(text: pa.Array) -> pa.Array:
    """Return a column of text as Arrow's usual strings."""
    return text if pa.types.is_string(text.type) else compute.cast(text, pa.string())


def codes_of(encoded: pa.DictionaryArray) -> NDArray[np.intp]:
    """Return the places of a dictionary column; a missing one is behind the last value."""
    indices = encoded.indices
    if indices.null_count:
        indices = indices.fill_null(len(encoded.dictionary))
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.intp)


def is_storable(text: pa.Array) -> NDArray[np.bool_] | None:
    """Return which texts are short enough and without NUL; None: all of them."""
    if not pa.types.is_dictionary(text.type):
        return _is_storable(as_strings(text))
    found = _is_storable(as_strings(text.dictionary))
    return None if found is None else np.append(found, True)[codes_of(text)]


def _is_storable(text: pa.Array) -> NDArray[np.bool_] | None:
    size = compute.max(compute.binary_length(text)).as_py() or 0
    has_nul = compute.any(compute.match_substring(text, "\x00")).as_py()
    if size <= MAX_TEXT and not has_nul:
        return None
    is_short = compute.less_equal(compute.binary_length(text), MAX_TEXT)
    is_clean = compute.invert(compute.match_substring(text, "\x00"))
    return np.asarray(
        compute.and_(is_short, is_clean).fill_null(True).to_numpy(zero_copy_only=False)  # noqa: FBT003 - Arrow takes the value
    )


def has_name(array: pa.Array) -> NDArray[np.bool_]:
    """Return which cells surely give an id: text with a visible character, or a whole number."""
    if not is_text(array.type):
        is_known = pa.types.is_integer(array.type)
        valid = compute.is_valid(array).to_numpy(zero_copy_only=False)
        return np.asarray(valid & is_known)
    if not pa.types.is_dictionary(array.type):
        return _is_name(as_strings(array))
    return np.append(_is_name(as_strings(array.dictionary)), False)[codes_of(array)]


def _is_name(text: pa.Array) -> NDArray[np.bool_]:
    is_named = compute.match_substring_regex(text, _VISIBLE).fill_null(False)  # noqa: FBT003 - Arrow takes the value
    named = np.asarray(is_named.to_numpy(zero_copy_only=False))
    storable = _is_storable(text)
    return named if storable is None else named & storable
