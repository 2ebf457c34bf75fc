"""Parquet as a table. Importing this loads Arrow: `tables` does so for a Parquet file only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from leadqual.errors import FileFormatError
from leadqual.leads.rows import CHUNK_ROWS, NestedCell, Progress, Row, Table


def open_parquet(path: Path) -> Table:
    """Read the column names of a Parquet file.

    Raises
    ------
    FileFormatError
        The file is damaged, encrypted, or has no column.
    """
    try:
        with parquet.ParquetFile(path) as file:
            columns = tuple(plain_columns(file.schema_arrow.empty_table()).column_names)
    except (pa.ArrowException, OSError) as error:
        raise FileFormatError(f"{path.name}: is not a Parquet file that can be read") from error
    if not columns:
        raise FileFormatError(f"{path.name}: has no column")
    return Table(path, columns, lambda note: _rows(path, note))


def _rows(path: Path, note: Progress) -> Iterator[Row]:
    """Read row after row as Python values; nanoseconds are cut to microseconds."""
    n_bytes = path.stat().st_size
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            n_rows = max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=CHUNK_ROWS):
                for cells in plain_columns(pa.Table.from_batches([batch])).to_pylist():
                    number += 1
                    yield Row(number, {name: hashable_cell(cell) for name, cell in cells.items()})
                note(n_bytes * number // n_rows)
    except (pa.ArrowException, OSError) as error:
        raise FileFormatError(f"{path.name}: is damaged after row {number}") from error


def plain_columns(table: pa.Table) -> pa.Table:
    """Spread nested records to dotted columns, and use types that Python has.

    Nanoseconds would otherwise be refused, or need pandas; decimals become floats.
    """
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    types = {}
    for field in table.schema:
        if pa.types.is_timestamp(field.type):
            types[field.name] = pa.timestamp("us", tz=field.type.tz)
        elif pa.types.is_decimal(field.type):
            types[field.name] = pa.float64()
    if not types:
        return table
    target = pa.schema([
        pa.field(field.name, types.get(field.name, field.type)) for field in table.schema
    ])
    return table.cast(target, safe=False)


def hashable_cell(cell: object) -> object:
    """Return a value as a cell of a row: lists and maps are wrapped."""
    return NestedCell(cell) if isinstance(cell, (dict, list)) else cell
