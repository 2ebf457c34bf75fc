"""A table of any kind as stretches of rows, a few in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from leadqual.errors import FileFormatError
from leadqual.leads.parquet import plain_columns
from leadqual.leads.rows import Row, Table
from leadqual.services.batch_columns import Stretch

STRETCH_ROWS: Final = 16_384
"""Rows read, scored and written together: some 10 MB."""


class Cut(NamedTuple):
    """A stretch, its rows as the file has them where that is Parquet, and the bytes read so far."""

    stretch: Stretch
    original: pa.RecordBatch | None
    n_bytes: int


def cut(table: Table) -> Iterator[Cut]:
    """Yield the rows of a table in their order.

    Raises
    ------
    FileFormatError
        The file has no row, or stops being a table on the way.
    """
    cuts = _cut_parquet(table) if is_parquet(table) else _cut_rows(table)
    is_empty = True
    for one in cuts:
        is_empty = False
        yield one
    if is_empty:
        raise FileFormatError(
            f"{table.path.name}: has column names and no row; expected one row per lead"
        )


def is_parquet(table: Table) -> bool:
    """Return whether a table is a Parquet file."""
    with table.path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _cut_parquet(table: Table) -> Iterator[Cut]:
    """Read a Parquet file, whatever its row groups."""
    number = 0
    try:
        with parquet.ParquetFile(table.path) as file:
            n_rows = max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=STRETCH_ROWS):
                if not batch.num_rows:
                    continue
                (plain,) = plain_columns(pa.Table.from_batches([batch])).to_batches()
                stretch = Stretch(batch.num_rows, number + 1, batch=plain)
                number += batch.num_rows
                yield Cut(stretch, batch, table.n_bytes * number // n_rows)
    except (pa.ArrowException, OSError) as error:
        raise FileFormatError(f"{table.path.name}: is damaged after row {number}") from error


def _cut_rows(table: Table) -> Iterator[Cut]:
    """Read any other file row by row, and turn text into columns."""
    position = 0

    def note(n_bytes: int) -> None:
        nonlocal position
        position = n_bytes

    rows = table.rows(note)
    while some := tuple(islice(rows, STRETCH_ROWS)):
        yield Cut(_stretch(some, table.columns), None, position)


def _stretch(rows: tuple[Row, ...], columns: tuple[str, ...]) -> Stretch:
    """Return rows as columns where every cell is text, else as they are."""
    first = rows[0].number
    cells = [row.cells for row in rows]
    if not all(isinstance(cell, str) for cell in cells[0].values()):
        return Stretch(len(rows), first, rows=rows)
    try:
        arrays = [pa.array([one.get(name) for one in cells], type=pa.string()) for name in columns]
    except (pa.ArrowTypeError, pa.ArrowInvalid, UnicodeEncodeError):
        return Stretch(len(rows), first, rows=rows)
    return Stretch(
        len(rows),
        first,
        batch=pa.RecordBatch.from_arrays(arrays, names=list(columns)),
        problems={place: row.problem for place, row in enumerate(rows) if row.problem is not None},
        numbers=tuple(row.number for row in rows),
    )
