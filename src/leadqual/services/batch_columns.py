"""Stretches of a table to the columns that scoring reads, and the rows that need another look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadqual.features.columns import Coded, Column, is_known
from leadqual.features.encoder import Encoder
from leadqual.features.spec import CategoricalFeature
from leadqual.leads.fields import Kind
from leadqual.leads.flat import flatten_lead
from leadqual.leads.parquet import hashable_cell
from leadqual.leads.projection import LeadReader
from leadqual.leads.rows import Row
from leadqual.leads.schema import MAX_ATTRIBUTES, Lead, Rejected, Scalar
from leadqual.services.batch_fields import FieldColumns, FieldReader, is_within
from leadqual.services.batch_texts import has_name

_FALLBACK: Final = frozenset({"contact.seniority", "contact.department", "motion"})
"""Flat names that a field of their own says first, and the title or the source otherwise."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some rows of a table: as Arrow columns, or one by one where a table has no columns.

    Parameters
    ----------
    n_rows : int
        How many.
    first : int
        Number of the first row, as in `leads.rows.Row`; the others follow without a gap
        unless `numbers` says otherwise.
    batch : pa.RecordBatch, optional
        Their cells by plain column.
    rows : tuple of Row
        The rows themselves, without a batch.
    problems : mapping of int to str
        Place within the stretch to why that row cannot be trusted.
    numbers : tuple of int
        Number of each row where some were left out.
    """

    n_rows: int
    first: int
    batch: pa.RecordBatch | None = None
    rows: tuple[Row, ...] = ()
    problems: Mapping[int, str] = field(default_factory=dict)
    numbers: tuple[int, ...] = ()

    def only(self, columns: frozenset[str]) -> Stretch:
        """Return the same rows with some of their columns."""
        if self.batch is None:
            return self
        kept = [name for name in dict.fromkeys(self.batch.schema.names) if name in columns]
        arrays = [_column(self.batch, name) for name in kept]
        return replace(self, batch=pa.RecordBatch.from_arrays(arrays, names=kept))

    def row(self, place: int) -> Row:
        """Return one row."""
        if self.batch is None:
            return self.rows[place]
        number = self.numbers[place] if self.numbers else self.first + place
        (cells,) = self.batch.slice(place, 1).to_pylist()
        cells = {name: hashable_cell(cell) for name, cell in cells.items()}
        return Row(number, cells, self.problems.get(place))


@dataclass(frozen=True, slots=True)
class LeadTable:
    """Leads of a stretch, in two parts, and its rows that are none.

    Parameters
    ----------
    places : ndarray of intp
        Where in the stretch the leads of `columns` stand.
    columns : dict of str to Column
        Flat columns of these.
    others : dict of int to dict
        Place to snapshot of the leads that were read one by one.
    rejected : dict of int to Rejected
        Place to what is wrong with a row that is no lead.
    """

    places: NDArray[np.intp]
    columns: dict[str, Column]
    others: dict[int, dict[str, Scalar]]
    rejected: dict[int, Rejected]


class TableReader:
    """Reads stretches of a table as leads, the same as reading row by row.

    Parameters
    ----------
    reader : LeadReader
        The rules of the mapping.
    encoders : sequence of Encoder
        Of everything that will score: what none of them tells apart need not be read apart.
    now : datetime, aware
        The time of creation where the mapping names none, and its upper bound.
    """

    def __init__(self, reader: LeadReader, encoders: Sequence[Encoder], *, now: datetime) -> None:
        self._reader = reader
        self._now = now
        levels = _told_apart(encoders, [one.name for one in reader.fields])
        self._fields = [FieldReader(one, levels=levels, now=now) for one in reader.fields]
        self._has_time = any(one.name == "created_at" for one in reader.fields)
        labels = [one.leaf for one in reader.fields if one.kind is Kind.ANY]
        self._is_by_column = len(labels) <= MAX_ATTRIBUTES and all(
            label.isprintable() and 0 < len(label.strip()) == len(label) <= 100 for label in labels
        )

    @property
    def columns(self) -> frozenset[str]:
        """Return the names of the columns of the table that leads are read from."""
        fields = [one.field for one in self._fields]
        if self._reader.id_field is not None:
            fields.append(self._reader.id_field)
        return frozenset(one.reader.column for one in fields)

    def read(self, stretch: Stretch) -> LeadTable:
        """Return the leads of a stretch."""
        n_rows = stretch.n_rows
        is_read = np.zeros(n_rows, dtype=np.bool_)
        columns: dict[str, Column] = {}
        if stretch.batch is not None and self._is_by_column:
            columns, is_read = self._read_columns(stretch.batch, n_rows)
            is_read[list(stretch.problems)] = False
        (places,) = np.nonzero(is_read)
        if len(places) < n_rows:
            columns = {name: _take(column, places) for name, column in columns.items()}
        others: dict[int, dict[str, Scalar]] = {}
        rejected: dict[int, Rejected] = {}
        for place in np.nonzero(~is_read)[0].tolist():
            result = self._reader.read(stretch.row(place), now=self._now)
            if isinstance(result, Lead):
                others[place] = flatten_lead(result)
            else:
                rejected[place] = result
        return LeadTable(places, columns, others, rejected)

    def _read_columns(
        self, batch: pa.RecordBatch, n_rows: int
    ) -> tuple[dict[str, Column], NDArray[np.bool_]]:
        """Return the flat columns, and for which rows they are complete."""
        is_read = np.ones(n_rows, dtype=np.bool_)
        columns: dict[str, Column] = {}
        said: dict[str, Column] = {}
        for one in self._fields:
            found = self._read_field(one, batch)
            if found.is_read is not None:
                is_read &= found.is_read
            if one.field.name in _FALLBACK:
                said |= found.columns
            else:
                columns |= found.columns
        for name, column in said.items():
            columns[name] = _first_known(column, columns.get(name))
        if not self._has_time:
            columns["created_at"] = Coded((self._now.isoformat(),), np.zeros(n_rows, dtype=np.intp))
        if self._reader.id_field is not None:
            is_read &= _is_named(_column(batch, self._reader.id_field.reader.column), self._reader)
        return columns, is_read

    @staticmethod
    def _read_field(one: FieldReader, batch: pa.RecordBatch) -> FieldColumns:
        column = one.field.reader.column
        return one.read(_column(batch, column)) if column else one.read_constant(batch.num_rows)


def _is_named(array: pa.Array, reader: LeadReader) -> NDArray[np.bool_]:
    """Return which rows surely have an id."""
    id_field = reader.id_field
    if id_field is None or id_field.is_plain:
        return has_name(array)
    ids = [id_field.reader.read_cell(hashable_cell(cell)) for cell in array.to_pylist()]
    return np.array([is_within(one, Kind.TEXT) for one in ids], dtype=np.bool_)


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column; of several with one name the last, as in a row."""
    places = batch.schema.get_all_field_indices(name)
    return batch.column(places[-1]) if places else pa.nulls(batch.num_rows)


def _take(column: Column, places: NDArray[np.intp]) -> Column:
    """Return the column of some leads."""
    if isinstance(column, Coded):
        return Coded(column.values, column.codes[places])
    if isinstance(column, np.ndarray):
        return column[places]
    return [column[place] for place in places]


def _first_known(first: Column, second: Column | None) -> Column:
    """Return the first column where it has a value, else the second."""
    if not (isinstance(first, Coded) and isinstance(second, Coded)):
        return first
    codes = np.where(is_known(first), first.codes, second.codes + len(first.values))
    return Coded((*first.values, *second.values), codes)


def _told_apart(encoders: Sequence[Encoder], names: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the levels of every flat name of which nothing else is looked at."""
    told: dict[str, frozenset[str]] = dict.fromkeys((*names, "email_domain"), frozenset())
    for encoder in encoders:
        for feature in encoder.features:
            if not isinstance(feature, CategoricalFeature):
                told.pop(feature.name, None)
            elif feature.name in told:
                told[feature.name] |= frozenset(feature.levels)
    return told
