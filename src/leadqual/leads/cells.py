"""Cells of a table to values: the reading rules of a mapping, decided once per column."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from leadqual.leads.fields import UNITS, Kind
from leadqual.leads.quantities import Unreadable, read_number
from leadqual.leads.spec import ColumnSpec

Cells = Mapping[str, object]
"""One row of a table: column name to cell."""

Convert = Callable[[object], object]
"""From a cell to a value, None where it is not known, or `Unreadable`."""

_ESCAPED: Final = frozenset({"=", "+", "-", "@", "\t", "\r"})
_REMEMBERED: Final = 5_000

# fmt: off
_TRUE: Final = frozenset({
    "true", "t", "yes", "y", "1", "on", "x", "ja", "j", "wahr", "oui", "o", "vrai", "si", "sí",
    "s", "sim", "verdadero", "verdadeiro",
})
_FALSE: Final = frozenset({
    "false", "f", "no", "n", "0", "off", "nein", "falsch", "non", "faux", "nao", "não", "falso",
})
# fmt: on
_NOT_SINGLE: Final = Unreadable("must be a single value, not a list or an object")
_NOT_BOOL: Final = Unreadable("must be yes or no; give other spellings under `map:`")
_NOT_ISO: Final = Unreadable(
    "is no time of the form 2018-02-01 or 2018-02-01 13:45:00; name its form under `parse:`, "
    "or a list of forms"
)


class ColumnReader:
    """Reads one column of a row, and remembers the first texts it met: most columns have few.

    Only texts are remembered: 1, 1.0 and True are the same key.
    """

    __slots__ = ("column", "read_cell", "seen")

    def __init__(self, column: str, read_cell: Convert) -> None:
        self.column = column
        self.read_cell = read_cell
        self.seen: dict[object, object] = {}

    def __call__(self, cells: Cells) -> object:
        """Return the value of a row, None where it is not known, or `Unreadable`."""
        cell = cells.get(self.column)
        if not isinstance(cell, str):
            return self.read_cell(cell)
        if cell in self.seen:
            return self.seen[cell]
        value = self.read_cell(cell)
        if len(self.seen) < _REMEMBERED:
            self.seen[cell] = value
        return value


def compile_reader(
    spec: ColumnSpec, kind: Kind, *, na: tuple[str, ...] = (), timezone: str = "UTC"
) -> ColumnReader:
    """Return the reader of one column.

    Parameters
    ----------
    spec : ColumnSpec
        The column and its `map`, `parse`, `unit`, `default` and `na`; or a constant.
    kind : Kind
        What the value must be; `ANY` leaves it as it is (attributes).
    na : tuple of str
        Spellings of "unknown" in the whole file; those of the column are added.
    timezone : str
        Of times without an offset.
    """
    convert = _converter(spec, kind, timezone)
    if spec.column is None:
        constant = convert(spec.default if spec.const is None else spec.const)
        return ColumnReader("", lambda _: constant)
    replace = _replacement(spec, frozenset({*na, *spec.na, ""}))

    def read_cell(cell: object) -> object:
        known = replace(cell)
        return None if known is None else convert(known)

    return ColumnReader(spec.column, read_cell)


def cell_text(cell: object) -> str | None:
    """Return a cell as a mapping file would spell it (1.0 is `1`, True is `true`).

    An empty cell is the empty string; None means that it holds no single value.
    """
    if isinstance(cell, str):
        return _without_escape(cell)
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell) if isinstance(cell, (int, float, date)) else None


def _without_escape(cell: str) -> str:
    """Trim a text cell without the quote that `write_rejected` puts before a formula."""
    is_escaped = cell[:1] == "'" and cell[1:2] in _ESCAPED
    return (cell[1:] if is_escaped else cell).strip()


def _replacement(spec: ColumnSpec, unknown: frozenset[str]) -> Convert:
    """Return the function that applies `na`, `map` and `default` to a cell."""
    mapped, default = spec.map or {}, spec.default
    keeps_others = spec.map is None or default is None

    def replace(cell: object) -> object:
        text = cell_text(cell)
        # NaN is how data frames write "unknown".
        if text in unknown or (isinstance(cell, float) and math.isnan(cell)):
            text, cell = "", None
        if text is not None and text in mapped:
            cell = mapped[text]
        elif not keeps_others:
            cell = None
        elif isinstance(cell, str):
            cell = text
        return default if cell is None else cell

    return replace


def _converter(spec: ColumnSpec, kind: Kind, timezone: str) -> Convert:
    """Return the function from a known cell to a value of this kind."""
    if kind is Kind.TIME:
        return _time_converter(spec.parse, UTC if timezone == "UTC" else ZoneInfo(timezone))
    if kind is Kind.BOOL or spec.parse == "bool":
        return _read_bool
    if kind is Kind.TEXT:
        return _read_text
    if kind is Kind.ANY and spec.parse is None and spec.unit is None:
        return _read_any
    return _number_converter(spec, is_count=kind is Kind.COUNT)


def _number_converter(spec: ColumnSpec, *, is_count: bool) -> Convert:
    """Return the function from a cell to a number in the unit of its field."""
    factor = UNITS[spec.unit] if isinstance(spec.unit, str) else (spec.unit or 1.0)
    parse = spec.parse if isinstance(spec.parse, str) else None
    is_exact = spec.unit is None and parse != "range"

    def convert(cell: object) -> object:
        value = read_number(cell if isinstance(cell, (int, float, str)) else "", parse=parse)
        if isinstance(value, Unreadable):
            return value
        value *= factor
        if not is_count:
            return value
        if is_exact and not value.is_integer():
            return Unreadable("must be a whole number")
        return round(value)

    return convert


def _time_converter(parse: str | tuple[str, ...] | None, zone: tzinfo) -> Convert:
    """Return the function from a cell to an aware time; without an offset it is of the zone."""
    forms = parse if isinstance(parse, tuple) else (parse or "iso",)

    def convert(cell: object) -> object:
        moment = _first_time(cell, forms)
        if isinstance(moment, datetime) and moment.tzinfo is None:
            return moment.replace(tzinfo=zone)
        return moment

    return convert


def _first_time(cell: object, forms: tuple[str, ...]) -> datetime | Unreadable:
    """Read a time by the first form that fits."""
    if len(forms) == 1:
        return _read_time(cell, forms[0])
    moments = (_read_time(cell, form) for form in forms)
    found = next((moment for moment in moments if isinstance(moment, datetime)), None)
    return Unreadable(f"is no time of the forms {', '.join(forms)}") if found is None else found


def _read_time(cell: object, form: str) -> datetime | Unreadable:
    """Read a time."""
    if isinstance(cell, datetime):
        return cell
    if isinstance(cell, date):
        return datetime.combine(cell, datetime.min.time())
    if form in {"epoch_s", "epoch_ms"}:
        return _from_epoch(cell, 1000.0 if form == "epoch_ms" else 1.0)
    text = cell_text(cell)
    return _NOT_SINGLE if text is None else _parse_time(text, form)


def _from_epoch(cell: object, per_second: float) -> datetime | Unreadable:
    """Read seconds or milliseconds since 1970."""
    number = read_number(cell if isinstance(cell, (int, float, str)) else "")
    if isinstance(number, Unreadable):
        return number
    try:
        return datetime.fromtimestamp(number / per_second, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return Unreadable("is no time since 1970 of that unit")


@lru_cache(maxsize=65_536)
def _parse_time(text: str, form: str) -> datetime | Unreadable:
    """Read ISO 8601, or the form that the mapping names."""
    try:
        if form == "iso":
            return datetime.fromisoformat(text)
        return datetime.strptime(text, form)  # noqa: DTZ007 - the zone of the mapping follows
    except ValueError:
        return _NOT_ISO if form == "iso" else Unreadable(f"is no time of the form {form}")


def _read_bool(cell: object) -> bool | Unreadable:
    """Read yes and no in five languages."""
    text = (cell_text(cell) or "").casefold()
    if text in _TRUE:
        return True
    return False if text in _FALSE else _NOT_BOOL


def _read_text(cell: object) -> str | Unreadable:
    """Read text."""
    text = cell_text(cell)
    return _NOT_SINGLE if text is None else text


def _read_any(cell: object) -> object:
    """Read an attribute: numbers and truth values stay, times become ISO text."""
    return cell if isinstance(cell, (bool, int, float)) else _read_text(cell)
