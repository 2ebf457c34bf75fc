"""One field of many leads at once: an Arrow column in, the flat columns it stands for out.

Each different value of a column is read once, by the same rules as a lone lead: the rules are
asked about a lead that has this field and nothing else. Where even that is too much (addresses
are nearly all different), whole columns are taken whose every value is of a form that the rules
cannot touch. Rows for which neither holds are left to the reading of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from leadqual.features.columns import Coded, Column
from leadqual.leads.fields import Kind
from leadqual.leads.flat import flatten_lead
from leadqual.leads.normalise import CLOCK_TOLERANCE, EARLIEST, normalise_values
from leadqual.leads.projection import MappedField
from leadqual.leads.quantities import Unreadable
from leadqual.leads.schema import MAX_COUNT, MAX_TEXT, MAX_USD, Rejected, Scalar
from leadqual.services.batch_hosts import UsualHosts, Values
from leadqual.services.batch_texts import as_strings, codes_of, is_storable, is_text

_REMEMBERED: Final = 100_000
_MANY: Final = 64
_MAX_EXACT: Final = 2.0**53 - 1
_MAX_PLAIN: Final = 200
_ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "contact.job_title": ("contact.seniority", "contact.department"),
    "contact.email": ("email_domain", "is_free_mail"),
    "source": ("motion",),
}
_UNSEEN: Final = frozenset({
    "contact.email",
    "contact.full_name",
    "contact.phone",
    "campaign.gclid",
})
_NORMALISED: Final = frozenset({
    "contact.email",
    "contact.phone",
    "contact.country",
    "contact.seniority",
    "contact.department",
    "contact.job_title",
    "company.domain",
    "company.country",
    "source",
    "motion",
    "created_at",
})
_DERIVED_FROM: Final = frozenset({
    "interest.message",
    "campaign.landing_page",
    "campaign.referrer",
})
_PLAIN_TEXT: Final = "^[0-9A-Za-z]([ -~]*[!-~])?$"
_PLAIN_TIME: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3}|\.[0-9]{6})?(Z|\+00:00)$"
)
_MOST: Final = 0.9


@dataclass(frozen=True, slots=True)
class FieldColumns:
    """What a field gives: flat columns, and which rows it could read; None: all of them."""

    columns: dict[str, Column]
    is_read: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class _Values:
    """What different cells give by flat name, and which could be read; None: all of them."""

    columns: dict[str, tuple[Scalar, ...]]
    is_read: NDArray[np.bool_] | None

    def at(self, codes: NDArray[np.intp]) -> FieldColumns:
        """Return the columns of leads that have these cells."""
        columns: dict[str, Column] = {
            name: Coded(values, codes) for name, values in self.columns.items()
        }
        return FieldColumns(columns, None if self.is_read is None else self.is_read[codes])


@dataclass(frozen=True, slots=True)
class _Table:
    """A dictionary of Arrow, what its values give, and the place there of each (None: its own)."""

    cells: pa.Array
    values: _Values
    places: NDArray[np.intp] | None


class FieldReader:
    """Reads one field of many leads.

    Parameters
    ----------
    field : MappedField
        The field.
    levels : mapping of str to frozenset of str
        Flat names of which only these levels are told apart (none: nothing looks at the name).
        A name that is not in it is read as a number, or derived from.
    now : datetime, aware
        As in `normalise`.
    """

    def __init__(
        self, field: MappedField, *, levels: Mapping[str, frozenset[str]], now: datetime
    ) -> None:
        self.field = field
        own = () if field.name in _UNSEEN else (field.name,)
        self.names: tuple[str, ...] = (*own, *_ALSO.get(field.name, ()))
        self._now = now
        self._known: dict[object, Values | None] = {}
        self._table: _Table | None = None  # few-valued columns bring the same values again
        self._is_ordinary = field.name not in _NORMALISED
        names = [name for name in self.names if name != "is_free_mail"]
        is_told = all(name in levels for name in names) and field.name not in _DERIVED_FROM
        self._levels = frozenset().union(*(levels[name] for name in names)) if is_told else None
        self._hosts: UsualHosts | None = None
        if self._levels is not None and field.name in {"contact.email", "company.domain"}:
            self._hosts = UsualHosts(self._levels, self._evaluate, field.name == "contact.email")

    def read(self, array: pa.Array) -> FieldColumns:
        """Return what a column of the table gives, an Arrow array of one chunk."""
        if self.field.is_plain:
            found = self._read_plain(array)
            if found is not None:
                return found
        return self._read_values(array)

    def read_constant(self, n_leads: int) -> FieldColumns:
        """Return what a field gives that no column tells."""
        return self._coded([None], np.zeros(n_leads, dtype=np.intp))

    def _read_plain(self, array: pa.Array) -> FieldColumns | None:
        """Read a column as a whole; None where that cannot be done."""
        kind, types = self.field.kind, pa.types
        if types.is_integer(array.type) or array.type in {pa.float32(), pa.float64()}:
            is_number = kind in {Kind.COUNT, Kind.NUMBER, Kind.ANY}
            return self._read_numbers(array) if is_number else None
        if kind is Kind.TIME and types.is_timestamp(array.type):
            return None if array.type.tz is None else self._read_times(array)
        if not is_text(array.type):
            return None
        if self.field.name == "contact.phone":
            return FieldColumns({})  # one that cannot be read is left out, and none is a feature
        if self.field.name in {"contact.full_name", "campaign.gclid"}:
            return FieldColumns({}, is_storable(array))
        if self._hosts is not None:
            return self._coded(*self._hosts.reduce(as_strings(array)))
        if kind is Kind.TIME:
            return self._read_time_texts(as_strings(array))
        return None

    def _read_numbers(self, array: pa.Array) -> FieldColumns:
        numbers = compute.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        is_known = ~np.isnan(numbers)
        low, high = _BOUNDS[self.field.kind]
        is_read = (numbers >= low) & (numbers <= high)
        if self.field.kind is Kind.COUNT:
            is_read &= np.trunc(numbers) == numbers
            numbers = numbers + 0.0  # a count has no negative zero
        return FieldColumns({self.field.name: numbers}, is_read | ~is_known)

    def _read_times(self, array: pa.Array) -> FieldColumns:
        micro = compute.cast(array, pa.timestamp("us", tz="UTC"), safe=False)
        filled = compute.cast(micro, pa.int64()).fill_null(np.iinfo(np.int64).min)
        moments = filled.to_numpy(zero_copy_only=False)
        low, high = _microseconds(EARLIEST), _microseconds(self._now + CLOCK_TOLERANCE)
        is_read = (moments >= low) & (moments <= high)
        return FieldColumns({"created_at": moments.view("datetime64[us]")}, is_read)

    def _read_time_texts(self, text: pa.Array) -> FieldColumns | None:
        """Read times of the usual form; None where most have another."""
        is_usual = compute.match_substring_regex(text, _PLAIN_TIME)
        n_usual = compute.sum(is_usual).as_py() or 0
        if n_usual < _MOST * len(text):
            return None
        usual = text if n_usual == len(text) else compute.if_else(is_usual, text, None)
        try:
            return self._read_times(compute.cast(usual, pa.timestamp("us", tz="UTC")))
        except pa.ArrowInvalid:  # there is no 30th of February
            return None

    def _read_values(self, array: pa.Array) -> FieldColumns:
        """Read each different value once."""
        encoded = _dictionary(array)
        if encoded is None:
            return FieldColumns({}, np.zeros(len(array), dtype=np.bool_))
        cells = encoded.dictionary
        if self._table is None or not cells.equals(self._table.cells):
            self._table = self._tabulate(cells)
        codes = codes_of(encoded)
        if self._table.places is not None:
            codes = self._table.places[codes]
        return self._table.values.at(codes)

    def _tabulate(self, cells: pa.Array) -> _Table:
        """Read values; one of them stands for all that no level is made of."""
        n_cells = len(cells)
        if n_cells <= _MANY or self._levels is None or not self.field.is_plain:
            return _Table(cells, self._look_up([*cells.to_pylist(), None]), None)
        is_same = self._has_no_level(cells)
        (kept,) = np.nonzero(~is_same)
        if len(kept) == n_cells:
            return _Table(cells, self._look_up([*cells.to_pylist(), None]), None)
        kept = np.append(kept, int(np.argmax(is_same)))
        places = np.full(n_cells + 1, len(kept) - 1, dtype=np.intp)
        places[kept[:-1]] = np.arange(len(kept) - 1)
        places[-1] = len(kept)
        values = self._look_up([*cells.take(pa.array(kept)).to_pylist(), None])
        return _Table(cells, values, places)

    def _has_no_level(self, cells: pa.Array) -> NDArray[np.bool_]:
        """Return which values are surely read, and no level of any feature."""
        if self._levels is None or not pa.types.is_string(cells.type):
            return np.zeros(len(cells), dtype=np.bool_)
        if not self._is_ordinary or self.field.kind not in {Kind.TEXT, Kind.ANY}:
            return np.zeros(len(cells), dtype=np.bool_)
        is_plain = compute.and_(
            compute.match_substring_regex(cells, _PLAIN_TEXT),
            compute.less_equal(compute.binary_length(cells), _MAX_PLAIN),
        )
        levels = pa.array([*self._levels, "true", "false"], type=pa.string())
        is_level = compute.is_in(compute.ascii_lower(cells), value_set=levels)
        return np.asarray(
            compute.and_not(is_plain, is_level).fill_null(False).to_numpy(zero_copy_only=False)  # noqa: FBT003 - Arrow takes the value
        )

    def _coded(self, cells: list[object], codes: NDArray[np.intp]) -> FieldColumns:
        """Return the columns of values that stand at `codes`."""
        return self._look_up(cells).at(codes)

    def _look_up(self, cells: list[object]) -> _Values:
        """Return what different cells give."""
        found = [self._values_of(cell) for cell in cells]
        nothing: Values = (None,) * len(self.names)
        table = [nothing if values is None else values for values in found]
        columns = {
            name: tuple(values[place] for values in table) for place, name in enumerate(self.names)
        }
        is_read = np.array([values is not None for values in found], dtype=np.bool_)
        return _Values(columns, None if is_read.all() else is_read)

    def _values_of(self, cell: object) -> Values | None:
        """Return what a cell gives, remembered; None where a lead cannot have it."""
        known = self._known
        if cell in known:
            return known[cell]
        if len(known) >= _REMEMBERED:
            known.clear()
        values = known[cell] = self._evaluate(cell)
        return values

    def _evaluate(self, cell: object) -> Values | None:
        """Ask the rules about a lead that has this field alone."""
        value = self.field.reader.read_cell(cell)
        if isinstance(value, Unreadable):
            return None
        if value is None:
            is_needed = self.field.name in {"source", "created_at"}
            return None if is_needed else (None,) * len(self.names)
        if self._is_ordinary and is_within(value, self.field.kind):
            return (value,) if self.names else ()  # type: ignore[return-value]  # a scalar then
        lead = normalise_values(self._lead_of(value), now=self._now, require_contact=False)
        if isinstance(lead, Rejected):
            return None
        flat = flatten_lead(lead)
        return tuple(flat.get(name) for name in self.names)

    def _lead_of(self, value: object) -> dict[str, object]:
        """Return the values of a lead that has one field."""
        section, leaf = self.field.section, self.field.leaf
        own = {section: {leaf: value}} if section else {leaf: value}
        return {"source": "web", **own}


_BOUNDS: Final = {
    Kind.COUNT: (0.0, float(MAX_COUNT)),
    Kind.NUMBER: (0.0, MAX_USD),
    Kind.ANY: (-_MAX_EXACT, _MAX_EXACT),
}


def is_within(value: object, kind: Kind) -> bool:
    """Return whether an ordinary field holds a value as it is, without asking the rules."""
    if isinstance(value, str):
        return 0 < len(value) <= MAX_TEXT and value.isprintable()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or kind not in _BOUNDS:
        return isinstance(value, bool) and kind in {Kind.BOOL, Kind.ANY}
    low, high = _BOUNDS[kind]
    return low <= value <= high


def _dictionary(array: pa.Array) -> pa.DictionaryArray | None:
    """Return a column as its different values and their places; None where it has none."""
    if pa.types.is_dictionary(array.type) and not pa.types.is_large_string(array.type.value_type):
        return array
    try:
        return (as_strings(array) if is_text(array.type) else array).dictionary_encode()
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):  # nested: its rows are read as rows
        return None


def _microseconds(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)
