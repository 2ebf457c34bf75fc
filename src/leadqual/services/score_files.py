"""Files of scored leads: the input columns as they came, and the score columns beside them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

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


Write = Callable[[Sequence[ScoredRow]], None]
"""Appends rows, in the order of the input."""


@contextmanager
def open_score_file(out: Path, *, source: Path, columns: Sequence[str]) -> Iterator[Write]:
    """Give a function that writes scored rows: Parquet where `out` ends so, else CSV.

    The file is put in its place when all went well; an error leaves what was there before.

    Parameters
    ----------
    out : Path
        The file to write.
    source : Path
        The input file: a Parquet file gives its columns with their types.
    columns : sequence of str
        Names of the input columns.
    """
    part = out.with_name(f"{out.name}.part")
    is_parquet = out.suffix.lower() == ".parquet"
    with ExitStack() as stack:
        stack.callback(part.unlink, missing_ok=True)
        opened = _parquet(part, source, columns) if is_parquet else _csv(part, columns)
        with opened as write:
            yield write
        part.replace(out)


def added_names(columns: Sequence[str]) -> list[str]:
    """Return the names of the score columns beside these; one that is taken gets `score.`."""
    taken = set(columns)
    return [f"score.{name}" if name in taken else name for name in SCORE_COLUMNS]


@contextmanager
def _csv(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    """Delimited text that a spreadsheet can open without running anything in it."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([_safe(name) for name in (*columns, *added_names(columns))])

        def write(rows: Sequence[ScoredRow]) -> None:
            writer.writerows(
                [
                    *(_safe(cells.get(name)) for name in columns),
                    *(_safe(score.get(name)) for name in SCORE_COLUMNS),
                ]
                for cells, score in rows
            )

        yield write


@contextmanager
def _parquet(path: Path, source: Path, columns: Sequence[str]) -> Iterator[Write]:
    """Parquet with the input's own types where the input is Parquet, else text."""
    import pyarrow as pa
    from pyarrow import parquet

    with ExitStack() as stack:
        originals = _originals(source, stack)
        text_fields = [pa.field(name, pa.string()) for name in columns]
        kept_fields = text_fields if originals is None else list(originals.schema)
        schema = pa.schema([*kept_fields, *_score_fields([field.name for field in kept_fields])])
        writer = stack.enter_context(parquet.ParquetWriter(path, schema))

        def write(rows: Sequence[ScoredRow]) -> None:
            kept = (
                _as_text(rows, columns)
                if originals is None
                else list(originals.take(len(rows)).columns)
            )
            added = [
                pa.array([score.get(name) for _, score in rows], type=_arrow_type(kind))
                for name, kind in SCORE_COLUMNS.items()
            ]
            writer.write_table(pa.table([*kept, *added], schema=schema))

        yield write


def _score_fields(kept: Sequence[str]) -> list[pa.Field]:
    import pyarrow as pa

    kinds = SCORE_COLUMNS.values()
    return [
        pa.field(name, _arrow_type(kind))
        for name, kind in zip(added_names(kept), kinds, strict=True)
    ]


def _as_text(rows: Sequence[ScoredRow], columns: Sequence[str]) -> list[pa.Array]:
    import pyarrow as pa

    return [
        pa.array([_text(cells.get(name)) for cells, _ in rows], type=pa.string())
        for name in columns
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
