"""Rejected rows on disk: the original cells, and what to repair."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leadqual.leads.rows import NestedCell
from leadqual.leads.schema import FieldReason

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of an export that could not be used.

    `file` is the name that the mapping gives the file, `row_number` counts as in `rows.Row`.
    """

    file: str
    row_number: int
    cells: Mapping[str, object]
    reasons: tuple[FieldReason, ...]


def write_rejected(path: Path, rows: Iterable[RejectedRow]) -> int:
    """Write rejected rows of one file as CSV and return how many there were.

    The original columns come first, so that the file can be repaired and imported with the
    same mapping; then `row` and `reasons` ("field: reason; …"). Cells that a later row has
    beyond the columns of the first are kept as JSON in `more_cells`. A cell that a spreadsheet
    would take for a formula gets a `'`, which reading takes off again. Without rows, no
    file is left. An interrupted call leaves the previous file.
    """
    partial = path.with_name(f"{path.name}.part")
    n_rows = 0
    with ExitStack() as stack:
        stack.callback(partial.unlink, missing_ok=True)
        stream = stack.enter_context(
            partial.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        )
        writer = csv.writer(stream)
        columns: list[str] = []
        for n_rows, row in enumerate(rows, start=1):
            if n_rows == 1:
                columns = list(row.cells)
                own = [_free_name(name, columns) for name in ("row", "reasons", "more_cells")]
                writer.writerow([_safe(name) for name in (*columns, *own)])
            more = {name: row.cells[name] for name in row.cells.keys() - set(columns)}
            reasons = "; ".join(f"{reason.field}: {reason.reason}" for reason in row.reasons)
            cells = [_safe(row.cells.get(name)) for name in columns]
            writer.writerow([*cells, row.row_number, _safe(reasons), _safe(more or None)])
        stream.flush()
        if n_rows:
            os.replace(partial, path)
        else:
            path.unlink(missing_ok=True)
    return n_rows


def _safe(cell: object) -> str:
    """Return the text of a cell, harmless to a spreadsheet."""
    if cell is None:
        return ""
    text = str(cell) if isinstance(cell, (str, NestedCell)) else _json(cell)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _json(cell: object) -> str:
    """Return numbers and truth values as JSON spells them, times as their text."""
    return json.dumps(cell, default=str, ensure_ascii=False).strip('"')


def _free_name(name: str, taken: list[str]) -> str:
    """Return a column name that the original does not have."""
    return name if name not in taken else f"rejected_{name}"
