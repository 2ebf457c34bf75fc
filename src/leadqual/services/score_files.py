"""Files of scored leads: the input columns as they came, and the score columns beside them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

if TYPE_CHECKING:
    import pyarrow as pa

SCORE_COLUMNS: Final[Mapping[str, type]] = {
    "p_fit": float,
    "p_authority": float,
    "p_budget": float,
    "p_conversion": float,
    "expected_value_usd": float,
    "grade": str,
    "percentile": int,
    "heads.fit": str,
    "heads.authority": str,
    "heads.budget": str,
    "reasons": str,
    "scored_by": str,
    "model_version": str,
    "scored_at": str,
    "rejected": str,
}
"""What is added to each row, in this order. `rejected` says why a row has no score."""

ScoredRow = tuple[Mapping[str, object], Mapping[str, object]]
"""Cells of the input row, and values of `SCORE_COLUMNS` (absent: not known)."""

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?")


class ScoreSink(Protocol):
    """Somewhere scored rows go; nothing is there until it is closed without an error."""

    def __enter__(self) -> Self:
        """Open the file."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the file in its place, or remove what was written when there was an error."""

    def write(self, rows: Sequence[ScoredRow]) -> None:
        """Append rows, in the order of the input."""


def open_sink(out: Path, *, source: Path, columns: Sequence[str]) -> ScoreSink:
    """Return the sink for a file by its ending: `.parquet`, or else CSV.

    Parameters
    ----------
    out : Path
        The file to write; an existing one is replaced when the new one is complete.
    source : Path
        The input file: a Parquet file gives its columns with their types.
    columns : sequence of str
        Names of the input columns.
    """
    if out.suffix.lower() == ".parquet":
        return _ParquetSink(out, source=source, columns=columns)
    return _CsvSink(out, columns)


def added_names(columns: Sequence[str]) -> list[str]:
    """Return the names of the score columns beside these; one that is taken gets `score.`."""
    taken = set(columns)
    return [f"score.{name}" if name in taken else name for name in SCORE_COLUMNS]


class _CsvSink:
    """Delimited text that a spreadsheet can open without running anything in it."""

    def __init__(self, out: Path, columns: Sequence[str]) -> None:
        self._out = out
        self._part = out.with_name(f"{out.name}.part")
        self._columns = list(columns)

    def __enter__(self) -> Self:
        self._stream = self._part.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._stream)
        names = [*self._columns, *added_names(self._columns)]
        self._writer.writerow([_safe(name) for name in names])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        _settle(self._part, self._out, is_good=error is None)

    def write(self, rows: Sequence[ScoredRow]) -> None:
        self._writer.writerows(
            [
                *(_safe(cells.get(name)) for name in self._columns),
                *(_safe(score.get(name)) for name in SCORE_COLUMNS),
            ]
            for cells, score in rows
        )


class _ParquetSink:
    """Parquet with the input's own types where the input is Parquet, else text."""

    def __init__(self, out: Path, *, source: Path, columns: Sequence[str]) -> None:
        self._out = out
        self._part = out.with_name(f"{out.name}.part")
        self._source = source
        self._columns = list(columns)

    def __enter__(self) -> Self:
        from pyarrow import parquet

        with ExitStack() as stack:
            self._originals = _originals(self._source, stack)
            self._schema = self._full_schema()
            self._writer = stack.enter_context(parquet.ParquetWriter(self._part, self._schema))
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
        _settle(self._part, self._out, is_good=error is None)

    def write(self, rows: Sequence[ScoredRow]) -> None:
        import pyarrow as pa

        kept = self._take(len(rows)) if self._originals else self._as_text(rows)
        added = [
            pa.array([score.get(name) for _, score in rows], type=_arrow_type(kind))
            for name, kind in SCORE_COLUMNS.items()
        ]
        self._writer.write_table(pa.table([*kept, *added], schema=self._schema))

    def _full_schema(self) -> pa.Schema:
        import pyarrow as pa

        if self._originals:
            kept = list(self._originals.schema)
        else:
            kept = [pa.field(name, pa.string()) for name in self._columns]
        names = added_names([field.name for field in kept])
        kinds = SCORE_COLUMNS.values()
        added = [pa.field(name, _arrow_type(kind)) for name, kind in zip(names, kinds, strict=True)]
        return pa.schema([*kept, *added])

    def _take(self, n_rows: int) -> list[pa.ChunkedArray]:
        return list(self._originals.take(n_rows).columns) if self._originals else []

    def _as_text(self, rows: Sequence[ScoredRow]) -> list[pa.Array]:
        import pyarrow as pa

        return [
            pa.array([_text(cells.get(name)) for cells, _ in rows], type=pa.string())
            for name in self._columns
        ]


class _Originals:
    """The rows of a Parquet file again, in stretches of any length."""

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self.schema = schema
        self._batches = batches
        self._rest: list[pa.RecordBatch] = []

    def take(self, n_rows: int) -> pa.Table:
        import pyarrow as pa

        while sum(batch.num_rows for batch in self._rest) < n_rows:
            self._rest.append(next(self._batches))
        table = pa.Table.from_batches(self._rest, schema=self.schema)
        self._rest = table.slice(n_rows).to_batches()
        return table.slice(0, n_rows)


def _originals(source: Path, stack: ExitStack) -> _Originals | None:
    """Open a Parquet file a second time; None for other files."""
    with source.open("rb") as stream:
        if stream.read(4) != b"PAR1":
            return None
    from pyarrow import parquet

    file = stack.enter_context(parquet.ParquetFile(source))
    return _Originals(file.schema_arrow, file.iter_batches(batch_size=5_000))


def _settle(part: Path, out: Path, *, is_good: bool) -> None:
    if is_good:
        part.replace(out)
    else:
        part.unlink(missing_ok=True)


def _safe(value: object) -> str:
    """Return the text of a cell, harmless to a spreadsheet; numbers stay numbers."""
    text = _text(value)
    if text is None:
        return ""
    is_formula = text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, default=str, ensure_ascii=False).strip('"')


def _arrow_type(kind: type) -> pa.DataType:
    import pyarrow as pa

    return {float: pa.float64(), int: pa.int64(), str: pa.string()}[kind]
