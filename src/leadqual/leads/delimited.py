"""Delimited text (CSV, TSV) as a table, whatever its separator, encoding and line ends."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from leadqual.errors import FileFormatError
from leadqual.leads.rows import Progress, Row, Table
from leadqual.leads.spec import FileSpec

_SEPARATORS: Final = ",;\t|"
_SNIFF_RECORDS: Final = 50
_NOTE_EVERY: Final = 500
_OPEN_QUOTE_LINES: Final = 100
_FALLBACK: Final = "leadqual-cp1252"


class _Dialect(NamedTuple):
    """How the bytes of one file become cells."""

    encoding: str
    errors: str
    separator: str
    n_skipped_lines: int


def _read_as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are not UTF-8 as Windows-1252: the other half of most mixed files."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    try:
        return wrong.decode("cp1252"), error.end
    except UnicodeDecodeError:
        return wrong.decode("latin-1"), error.end


codecs.register_error(_FALLBACK, _read_as_cp1252)


def open_delimited(path: Path, spec: FileSpec, *, head: bytes) -> Table:
    """Find out separator and encoding and read the header.

    Parameters
    ----------
    path : Path
        The file.
    spec : FileSpec
        May name separator and encoding; a named encoding is strict.
    head : bytes
        The beginning of the file.

    Raises
    ------
    FileFormatError
        The text cannot be decoded, or has no header.
    """
    dialect = _find_dialect(path, spec, head)
    with _open_text(path, dialect) as stream:
        try:
            header = next(csv.reader(stream, delimiter=dialect.separator), [])
        except (csv.Error, UnicodeError) as error:
            raise _broken(path, dialect, row=1) from error
    columns = _column_names(header)
    if not columns:
        raise FileFormatError(f"{path.name}: its first row is blank; expected the column names")
    return Table(path, columns, lambda note: _rows(path, dialect, columns=columns, note=note))


def _rows(
    path: Path, dialect: _Dialect, *, columns: tuple[str, ...], note: Progress
) -> Iterator[Row]:
    """Read row after row; a row of another width than the header comes with a problem."""
    width, number, last_line = len(columns), 0, 0
    with _open_text(path, dialect) as stream:
        reader = csv.reader(stream, delimiter=dialect.separator)
        try:
            for number, record in enumerate(reader, start=1):
                n_lines, last_line = reader.line_num - last_line, reader.line_num
                if number > 1 and record:
                    is_whole = len(record) == width
                    problem = None if is_whole else _width_problem(record, width, n_lines)
                    yield Row(number, dict(zip(columns, record, strict=False)), problem)
                if number % _NOTE_EVERY == 0:
                    note(stream.buffer.tell())
        except (csv.Error, UnicodeError) as error:
            raise _broken(path, dialect, row=number + 1) from error
    note(path.stat().st_size)


def _width_problem(record: list[str], width: int, n_lines: int) -> str | None:
    """Say how a row differs from the header; empty cells at its end are nothing."""
    if len(record) > width and not any(record[width:]):
        return None
    hint = "; a quote is probably never closed" if n_lines > _OPEN_QUOTE_LINES else ""
    return f"has {len(record)} cells where the header has {width}{hint}"


def _open_text(path: Path, dialect: _Dialect) -> io.TextIOWrapper[io.BufferedReader]:
    """Open a file at its header."""
    stream = io.TextIOWrapper(
        path.open("rb"), encoding=dialect.encoding, errors=dialect.errors, newline=""
    )
    for _ in range(dialect.n_skipped_lines):
        stream.readline()
    return stream


def _find_dialect(path: Path, spec: FileSpec, head: bytes) -> _Dialect:
    """Decide how to decode and split; what the mapping says wins."""
    encoding, errors = _find_encoding(path, spec, head)
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    try:
        lines = decoder.decode(head).splitlines(keepends=True)
    except UnicodeError as error:
        raise _broken(path, _Dialect(encoding, errors, ",", 0), row=1) from error
    # Excel writes and hides a first line such as `sep=;`.
    announced = lines[0].strip().lower() if lines else ""
    if announced.startswith("sep=") and len(announced) == 5:
        return _Dialect(encoding, errors, spec.sep or announced[4], 1)
    return _Dialect(encoding, errors, spec.sep or _find_separator(lines), 0)


def _find_encoding(path: Path, spec: FileSpec, head: bytes) -> tuple[str, str]:
    """Return encoding and error handling."""
    if spec.encoding is not None:
        is_utf8 = codecs.lookup(spec.encoding).name == "utf-8"
        return ("utf-8-sig" if is_utf8 else spec.encoding), "strict"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "strict"
    if head.count(b"\x00") > len(head) // 4:
        raise FileFormatError(
            f"{path.name}: is binary, or UTF-16 without its mark; "
            "export it as UTF-8, or name its `encoding` in the mapping"
        )
    return "utf-8-sig", _FALLBACK


def _find_separator(lines: list[str]) -> str:
    """Return the separator that gives the most rows the width of the header."""

    def fitness(separator: str) -> tuple[bool, float, int]:
        try:
            records = [r for r in csv.reader(lines[:_SNIFF_RECORDS], delimiter=separator) if r]
        except csv.Error:
            return (False, 0.0, 0)
        width = len(records[0]) if records else 0
        share = sum(len(record) == width for record in records) / max(len(records), 1)
        return (width > 1, share, width)

    return max(_SEPARATORS, key=fitness)


def _column_names(header: list[str]) -> tuple[str, ...]:
    """Return the names of the header, every one there and different."""
    if not any(name.strip() for name in header):
        return ()
    names: list[str] = []
    for position, cell in enumerate(header, start=1):
        name = cell.strip() or f"column {position}"
        n_before = sum(known == name or known.startswith(f"{name} (") for known in names)
        names.append(f"{name} ({n_before + 1})" if name in names else name)
    return tuple(names)


def _broken(path: Path, dialect: _Dialect, *, row: int) -> FileFormatError:
    """Say where and why reading stopped."""
    if dialect.errors == "strict":
        what = (
            f"is not valid {dialect.encoding} text; leave `encoding` out of the mapping to have "
            "it found out"
        )
    else:
        what = "has a cell of more than 131,072 characters; a quote is probably never closed"
    return FileFormatError(f"{path.name}: near row {row} it {what}")
