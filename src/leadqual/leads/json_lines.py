"""JSON lines as a table: one object per line, nested objects under dotted names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leadqual.errors import FileFormatError
from leadqual.leads.rows import NestedCell, Progress, Row, Table

_SAMPLE_ROWS: Final = 10_000
_MAX_LINE: Final = 16 * 1024 * 1024
_MAX_DEPTH: Final = 4
_NOTE_EVERY: Final = 500


def open_json_lines(path: Path) -> Table:
    """Read the column names of the first 10,000 rows.

    Raises
    ------
    FileFormatError
        None of them is a JSON object, or a line is longer than 16 MB.
    """
    columns: dict[str, None] = {}
    for row in _rows(path, lambda _: None):
        if row.number > _SAMPLE_ROWS:
            break
        columns.update(dict.fromkeys(row.cells))
    if not columns:
        raise FileFormatError(f"{path.name}: has no JSON object; expected one per line")
    return Table(path, tuple(columns), lambda note: _rows(path, note))


def _rows(path: Path, note: Progress) -> Iterator[Row]:
    """Read line after line; a line that is no object comes with a problem and no cells."""
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(_MAX_LINE):
            if len(line) == _MAX_LINE:
                raise FileFormatError(
                    f"{path.name}: row {number + 1} is longer than 16 MB; "
                    "expected one object per line"
                )
            if not line.strip():
                continue
            number += 1
            yield _row(number, line)
            if number % _NOTE_EVERY == 0:
                note(stream.tell())
        note(stream.tell())


def _row(number: int, line: bytes) -> Row:
    """Parse one line."""
    try:
        content = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except RecursionError:
        return Row(number, {}, "is nested too deeply")
    except ValueError:
        return Row(number, {}, "is not valid JSON")
    if not isinstance(content, dict):
        return Row(number, {}, "is not a JSON object")
    return Row(number, _flat(content))


def _flat(content: dict[str, object]) -> dict[str, object]:
    """Give the values of nested objects dotted names, four levels down."""
    for _ in range(_MAX_DEPTH):
        kinds = set(map(type, content.values()))
        if dict not in kinds:
            if list not in kinds:
                return content
            break
        flat: dict[str, object] = {}
        for name, value in content.items():
            if isinstance(value, dict):
                flat.update({f"{name}.{inner}": cell for inner, cell in value.items()})
            else:
                flat[name] = value
        content = flat
    return {
        name: NestedCell(value) if isinstance(value, (dict, list)) else value
        for name, value in content.items()
    }
