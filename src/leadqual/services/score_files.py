"""Files of scored leads: the input columns as they came, and the score columns beside them."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import compute, parquet

from leadqual.leads.parquet import hashable_cell
from leadqual.services.batch_columns import Stretch
from leadqual.services.batch_copies import Original, open_copy
from leadqual.services.batch_stretches import Cut

SCORE_COLUMNS: Final[Mapping[str, pa.DataType]] = {
    "p_fit": pa.float64(),
    "p_authority": pa.float64(),
    "p_budget": pa.float64(),
    "p_conversion": pa.float64(),
    "expected_value_usd": pa.float64(),
    "grade": pa.string(),
    "percentile": pa.int64(),
    "heads.fit": pa.string(),
    "heads.authority": pa.string(),
    "heads.budget": pa.string(),
    "reasons": pa.string(),
    "scored_by": pa.string(),
    "model_version": pa.string(),
    "scored_at": pa.string(),
    "rejected": pa.string(),
}
"""What is added to each row, in this order. `rejected` says why a row has no score."""

CODED: Final = frozenset({
    "grade",
    "heads.fit",
    "heads.authority",
    "heads.budget",
    "scored_by",
    "model_version",
    "scored_at",
})
"""Score columns that come as a dictionary, the same for every stretch: so they are written."""

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_FORMULA: Final = r"^[=+\-@\t\r]"
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?")
_BOOLEANS: Final[Mapping[bool | None, str]] = {None: "", False: "false", True: "true"}
_GROUP_ROWS: Final = 131_072

Arrays = Mapping[str, pa.Array]
"""Score columns by name, all of one length; absent: not asked for."""


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """A file to be written.

    Parameters
    ----------
    out : Path
        Where it goes: Parquet if the name ends so, else CSV.
    columns : tuple of str
        Names of the input columns.
    source : pyarrow.Schema, optional
        Of an input that is Parquet: its columns keep their types.
    has_reasons : bool
        Whether there is a column of reasons.
    """

    out: Path
    columns: tuple[str, ...]
    source: pa.Schema | None
    has_reasons: bool

    @property
    def is_parquet(self) -> bool:
        """Return whether it is a Parquet file."""
        return self.out.suffix.lower() == ".parquet"

    @property
    def score_columns(self) -> tuple[str, ...]:
        """Return the score columns it has."""
        return tuple(name for name in SCORE_COLUMNS if self.has_reasons or name != "reasons")


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of a stretch as its file takes them: columns for Parquet, lines of text for CSV."""

    columns: Arrays
    lines: bytes
    n_rejected: int


Write = Callable[[Cut, Scored], None]
"""Appends rows, in the order of the input."""


@contextmanager
def open_score_file(file: ScoreFile, original: Original | None = None) -> Iterator[Write]:
    """Give a function that writes scored rows.

    The file is put in its place when all went well; an error leaves what was there before. Two
    runs that write the same file do not meet: the one that ends last leaves its whole result.

    Parameters
    ----------
    file : ScoreFile
        What to write.
    original : Original, optional
        What Parquet is written beside: its columns are copied and not asked for again.
    """
    part = file.out.with_name(f"{file.out.name}.{secrets.token_hex(4)}.part")
    with ExitStack() as stack:
        stack.callback(part.unlink, missing_ok=True)
        if not file.is_parquet:
            opened = _open_csv(part, file)
        elif original is None:
            opened = _open_parquet(part, file)
        else:
            opened = _open_beside(part, file, original)
        with opened as write:
            yield write
        part.replace(file.out)


@contextmanager
def _open_csv(path: Path, file: ScoreFile) -> Iterator[Write]:
    """Delimited text that a spreadsheet can open without running anything in it."""
    names = (*file.columns, *_added_names(file.columns, file.score_columns))
    with path.open("wb") as stream:
        stream.write(_as_lines([[_safe(name)] for name in names]))

        def write(_done: Cut, scored: Scored) -> None:
            stream.write(scored.lines)

        yield write


@contextmanager
def _open_parquet(path: Path, file: ScoreFile) -> Iterator[Write]:
    """Parquet with the input's own types where the input is Parquet, else text."""
    kept, added, written = _schemas(file)
    group: list[pa.RecordBatch] = []
    everything = pa.schema([*kept, *written])
    with parquet.ParquetWriter(path, everything, store_schema=False) as writer:
        # What is written as a dictionary is read as the text that it is.
        stored = base64.b64encode(pa.schema([*kept, *added]).serialize().to_pybytes())
        writer.add_key_value_metadata({"ARROW:schema": stored.decode("ascii")})

        def flush() -> None:
            if group:
                writer.write_table(pa.Table.from_batches(group), row_group_size=_GROUP_ROWS)
                group.clear()

        def write(done: Cut, scored: Scored) -> None:
            columns = (
                _text_columns(done.stretch, file.columns)
                if done.original is None
                else done.original.columns
            )
            scores = [scored.columns[name] for name in file.score_columns]
            group.append(pa.RecordBatch.from_arrays([*columns, *scores], schema=everything))
            if sum(batch.num_rows for batch in group) >= _GROUP_ROWS:
                flush()

        yield write
        flush()


@contextmanager
def _open_beside(path: Path, file: ScoreFile, original: Original) -> Iterator[Write]:
    """Parquet whose first columns are copied."""
    kept, added, written = _schemas(file)
    schema = pa.schema([*kept, *added])
    with open_copy(path, original, schema=schema, added=written) as writer:

        def write(_done: Cut, scored: Scored) -> None:
            scores = [scored.columns[name] for name in file.score_columns]
            writer.write(pa.RecordBatch.from_arrays(scores, schema=written))

        yield write


def _schemas(file: ScoreFile) -> tuple[pa.Schema, pa.Schema, pa.Schema]:
    """Return the columns of the input, and score columns as they are read and as handed over."""
    kept = file.source or pa.schema([(name, pa.string()) for name in file.columns])
    names = _added_names(kept.names, file.score_columns)
    added = [
        pa.field(name, SCORE_COLUMNS[column])
        for name, column in zip(names, file.score_columns, strict=True)
    ]
    return kept, pa.schema(added), pa.schema(map(_as_written, added, file.score_columns))


def _as_written(field: pa.Field, column: str) -> pa.Field:
    """Return how a score column is handed to Parquet."""
    return field.with_type(pa.dictionary(pa.int32(), field.type)) if column in CODED else field


def csv_lines(stretch: Stretch, scores: Arrays, file: ScoreFile) -> bytes:
    """Return rows as delimited text that a spreadsheet can open without running anything in it."""
    kept = [_column_texts(stretch, name) for name in file.columns]
    added = [_texts(scores[name]) for name in file.score_columns]
    return _as_lines([*kept, *added])


def _text_columns(stretch: Stretch, names: Sequence[str]) -> list[pa.Array]:
    """Return the cells of rows as text columns."""
    return [_text_column(stretch, name) for name in names]


def _text_column(stretch: Stretch, name: str) -> pa.Array:
    if stretch.batch is not None and pa.types.is_string(stretch.batch.schema.field(name).type):
        return stretch.batch.column(name)
    return pa.array([_text(cell) for cell in _cells(stretch, name)], type=pa.string())


def _added_names(columns: Sequence[str], added: Sequence[str]) -> list[str]:
    """Return the names of score columns beside these; one that is taken gets `score.`."""
    taken = set(columns)
    return [f"score.{name}" if name in taken else name for name in added]


def _as_lines(columns: Sequence[Sequence[str]]) -> bytes:
    """Return columns of cells as delimited text."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(zip(*columns, strict=True))
    return text.getvalue().encode()


def _column_texts(stretch: Stretch, name: str) -> list[str]:
    """Return the cells of a column, harmless to a spreadsheet."""
    if stretch.batch is None:
        return [_safe(cell) for cell in _cells(stretch, name)]
    array = stretch.batch.column(stretch.batch.schema.names.index(name))
    if pa.types.is_string(array.type):
        return _texts(array)
    if pa.types.is_integer(array.type):  # no formula, whatever its sign
        return ["" if cell is None else str(cell) for cell in array.to_pylist()]
    if pa.types.is_boolean(array.type):
        return [_BOOLEANS[cell] for cell in array.to_pylist()]
    return [_safe(cell) for cell in _cells(stretch, name)]


def _cells(stretch: Stretch, name: str) -> list[Any]:
    """Return the cells of a column as Python objects."""
    if stretch.batch is None:
        return [row.cells.get(name) for row in stretch.rows]
    return [hashable_cell(cell) for cell in stretch.batch.column(name).to_pylist()]


def _texts(array: pa.Array) -> list[str]:
    """Return a column as texts that are harmless to a spreadsheet."""
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if not pa.types.is_string(array.type):
        return ["" if cell is None else repr(cell) for cell in array.to_pylist()]
    cells: list[str] = array.fill_null("").to_pylist()
    has_formula = compute.any(compute.match_substring_regex(array, _FORMULA)).as_py()
    return [_safe(cell) for cell in cells] if has_formula else cells


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
