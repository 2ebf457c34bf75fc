"""Numbers as people and spreadsheets write them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_GROUPED: Final = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_MARKS: Final = re.compile(r"[\s\u00a0\u202f'\u2019_$€£¥]|(?:USD|EUR|GBP|BRL|CHF)|R(?=\$)")
_SCALES: Final = {"k": 1e3, "m": 1e6, "mn": 1e6, "mio": 1e6, "bn": 1e9, "b": 1e9}
_SCALED: Final = re.compile(r"(.*\d)(k|mn|mio|m|bn|b)\.?", re.IGNORECASE)
_GROUP_MARK: Final = re.compile(r"(?<=\d)[,.'\u00a0\u202f ](?=\d{3}(?!\d))")
_ENDS: Final = re.compile(
    r"(?P<less>[<\u2264]|under |less than |up to )?[>\u2265~ ]*"
    r"(?P<low>\d+(?:\.\d+)?) ?(?P<low_scale>k|mn|mio|m|bn|b)?"
    r"(?: ?(?:-|\u2013|\.\.+|to|bis|a|and) ?"
    r"(?P<high>\d+(?:\.\d+)?) ?(?P<high_scale>k|mn|mio|m|bn|b)?)?"
    r"\+?(?: [a-z ]+)?",
    re.IGNORECASE,
)
_LARGEST: Final = 1e300


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Say why a cell is not what its column should hold, without repeating it."""

    reason: str


def read_number(cell: float | str, *, parse: str | None = None) -> float | Unreadable:
    """Return the number that a cell spells.

    Parameters
    ----------
    cell : float or str
        Currency signs, grouping marks and the scales k, m and bn are understood.
    parse : str, optional
        `decimal_comma` reads "1.234,5" as 1234.5. `range` reads "11-50" as the geometric
        middle of its ends, "1000+" as its only end, "<10" as half of it.

    Examples
    --------
    >>> read_number("$1,250.50"), read_number("1.5M"), round(read_number("11-50", parse="range"))
    (1250.5, 1500000.0, 23)
    """
    if isinstance(cell, str):
        value = _read_range(cell) if parse == "range" else _read_plain(cell, parse)
    else:
        value = float(cell) if abs(cell) < _LARGEST else math.inf
    if isinstance(value, float) and not math.isfinite(value):
        return Unreadable("must be a finite number")
    return value


@lru_cache(maxsize=65_536)
def _read_plain(text: str, parse: str | None) -> float | Unreadable:
    """Read one number."""
    plain = _MARKS.sub("", text)
    scaled = _SCALED.fullmatch(plain)
    if scaled:
        plain = scaled[1]
    if parse == "decimal_comma":
        plain = plain.replace(".", "").replace(",", ".")
    elif _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        return Unreadable("must be a number")
    return float(plain) * (_SCALES[scaled[2].lower()] if scaled else 1.0)


@lru_cache(maxsize=4_096)
def _read_range(text: str) -> float | Unreadable:
    """Read a band of numbers."""
    band = _ENDS.fullmatch(_GROUP_MARK.sub("", text).strip())
    if band is None:
        return Unreadable("must be a number or a range such as 11-50, 1000+ or <10")
    low = float(band["low"]) * _SCALES.get((band["low_scale"] or "").lower(), 1.0)
    if band["high"] is None:
        return low / 2 if band["less"] else low
    high = float(band["high"]) * _SCALES.get((band["high_scale"] or "").lower(), 1.0)
    return math.sqrt(max(low, 1.0) * max(high, 1.0))
