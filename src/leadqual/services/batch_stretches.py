"""A table of any kind as stretches of rows, a few in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from leadqual.errors import FileFormatError
from leadqual.leads.parquet import plain_columns
from leadqual.leads.rows import Row, Table
from leadqual.services.batch_columns import Stretch
from leadqual.services.batch_copies import Original

STRETCH_ROWS: Final = 16_384
"""Rows read, scored and written together: some 10 MB."""


_FEW: Final = 5
"""Stretches that are scored by one process, and as many bytes as they may have as text."""

_FEW_BYTES: Final = 32 << 20


class Cut(NamedTuple):
    """A stretch, its rows as Parquet has them where they are written again, and the bytes read."""

    stretch: Stretch
    original: pa.RecordBatch | None
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read of a Parquet file whose rows need not be written again.

    Parameters
    ----------
    columns : frozenset of str
        Plain names.
    original : Original
        The file.
    """

    columns: frozenset[str]
    original: Original


def cut(table: Table, wanted: Wanted | None = None) -> Iterator[Cut]:
    """Yield the rows of a table in their order.

    Raises
    ------
    FileFormatError
        The file has no row, or stops being a table on the way.
    """
    if not is_parquet(table):
        cuts = _cut_rows(table)
    elif wanted is None:
        cuts = _cut_parquet(table, _every_column, is_kept=True)
    else:
        cuts = _cut_parquet(table, partial(_wanted_columns, table, wanted), is_kept=False)
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


def is_long(table: Table) -> bool:
    """Return whether scoring a table takes longer than starting a process for it."""
    if is_parquet(table):
        return bool(parquet.read_metadata(table.path).num_rows > _FEW * STRETCH_ROWS)
    return table.n_bytes > _FEW_BYTES


def _cut_parquet(table: Table, read: _Read, *, is_kept: bool) -> Iterator[Cut]:
    """Read a Parquet file, whatever its row groups."""
    number = 0
    try:
        n_rows = max(parquet.read_metadata(table.path).num_rows, 1)
        for batch in read(table.path):
            if not batch.num_rows:
                continue
            (plain,) = plain_columns(pa.Table.from_batches([batch])).to_batches()
            stretch = Stretch(batch.num_rows, number + 1, batch=plain)
            number += batch.num_rows
            n_bytes = table.n_bytes * number // n_rows
            yield Cut(stretch, batch if is_kept else None, n_bytes)
    except (pa.ArrowException, OSError) as error:
        raise FileFormatError(f"{table.path.name}: is damaged after row {number}") from error


_Read = Callable[[Path], Iterator[pa.RecordBatch]]


def _every_column(path: Path) -> Iterator[pa.RecordBatch]:
    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=STRETCH_ROWS, use_threads=False)


def _wanted_columns(table: Table, wanted: Wanted, path: Path) -> Iterator[pa.RecordBatch]:
    """Read some columns, and those of few texts as the codes that they are stored as."""
    # Without any column there would be no rows.
    columns = sorted(wanted.columns) or list(table.columns[:1])
    n_rows = wanted.original.n_rows
    if min(n_rows[:-1], default=STRETCH_ROWS) < STRETCH_ROWS:
        # Each row group has codes of its own: there would be a stretch per row group.
        with parquet.ParquetFile(path) as file:
            yield from file.iter_batches(
                batch_size=STRETCH_ROWS, columns=columns, use_threads=False
            )
        return
    few = sorted(wanted.original.few_valued().intersection(columns))
    with parquet.ParquetFile(path, read_dictionary=few) as file:
        for group, n_here in enumerate(n_rows):
            n_stretches = max(-(-n_here // STRETCH_ROWS), 1)
            yield from file.iter_batches(
                batch_size=max(-(-n_here // n_stretches), 1),
                row_groups=[group],
                columns=columns,
                use_threads=False,
            )


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
    """Return rows as columns where every column is of one plain type, else as they are."""
    first = rows[0].number
    cells = [row.cells for row in rows]
    # In JSON lines, a key may turn up after those that were looked at for the columns.
    names = [*columns, *sorted(set().union(*cells).difference(columns))]
    arrays = []
    for name in names:
        array = _array([one.get(name) for one in cells])
        if array is None:
            return Stretch(len(rows), first, rows=rows)
        arrays.append(array)
    return Stretch(
        len(rows),
        first,
        batch=pa.RecordBatch.from_arrays(arrays, names=names),
        problems={place: row.problem for place, row in enumerate(rows) if row.problem is not None},
        numbers=tuple(row.number for row in rows),
    )


_TYPES: Final = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _array(cells: list[object]) -> pa.Array | None:
    """Return cells as an array that gives back the very same ones; None where there is none."""
    kinds = set(map(type, cells)).difference({type(None)})
    if not kinds:
        return pa.nulls(len(cells), type=pa.string())
    kind = _TYPES.get(kinds.pop())
    if kinds or kind is None:
        return None
    try:
        return pa.array(cells, type=kind)
    except (OverflowError, UnicodeEncodeError):  # a large number, half a character
        return None
