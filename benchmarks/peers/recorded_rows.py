"""Rows that the service wrote, on disk, and the statements that write more of their kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

ID: Final = "lead_id"
NAMES: Final = frozenset({"email", "external_id"})
"""Columns that name a person: no two leads may have the same, or the service saw a touch."""

_NUMBER: Final = re.compile(r"(.*?)\d*(@.*)?", re.DOTALL)

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The rows of one table as its driver gives them; row k is that of lead k.

    Times, whose columns `times` names, are in microseconds from when the lead was received.
    """

    table: str
    columns: Sequence[str]
    times: Sequence[str]
    rows: Sequence[Sequence[Any]]


def write_recorded(path: Path, tables: Sequence[Recorded]) -> None:
    """Write recorded rows to a file, a table per line."""
    lines = [json.dumps(asdict(table), ensure_ascii=False) + "\n" for table in tables]
    path.write_text("".join(lines), encoding="utf-8")


def read_recorded(path: Path) -> list[Recorded]:
    """Return the rows of a file, in the order in which its tables were written."""
    with path.open(encoding="utf-8") as lines:
        return [Recorded(**json.loads(line)) for line in lines]


class Place(NamedTuple):
    """Which bound value stands here, counted from 1; `is_later` adds it to the group's time."""

    number: int
    is_later: bool = False


LEAD: Final = Place(1)
NOW: Final = Place(2)
NAME: Final = Place(3)

Render = Callable[[Place], str]


@dataclass(frozen=True, slots=True)
class Insert:
    """How rows of one table are written again for other leads.

    What every row has in common stands in the statement, since binding costs more. Bound are the
    lead's id, the time, in some tables the name of a person, and what else differs: `rest`.
    `stems` is what stands before and after the number in such a name, None where it had none.
    """

    table: str
    columns: Sequence[str]
    values: Sequence[Place | str]
    stems: Sequence[tuple[str, str] | None] | None
    rest: Sequence[Row]

    @classmethod
    def of(cls, recorded: Recorded, *, later: Callable[[int], object]) -> Insert:
        """Tell apart what the rows have in common.

        Parameters
        ----------
        later : callable
            Makes what the driver takes out of microseconds that are added to a time.
        """
        columns: dict[str, Row] = dict(
            zip(recorded.columns, zip(*recorded.rows, strict=True), strict=True)
        )
        name = next((columns[column] for column in recorded.columns if column in NAMES), None)
        last = NOW if name is None else NAME
        bound: list[Row] = []
        values: list[Place | str] = []
        for column, found in columns.items():
            is_time = column in recorded.times
            value = _common(column, found, is_time=is_time)
            if value is None:
                bound.append(_later(found, later) if is_time else found)
                value = Place(last.number + len(bound), is_time)
            values.append(value)
        rest = list(zip(*bound, strict=True))
        return cls(
            recorded.table,
            recorded.columns,
            values,
            None if name is None else [_stem(text) for text in name],
            rest or [()] * len(recorded.rows),
        )

    @property
    def n_bound(self) -> int:
        """Return how many values are bound for a row."""
        return (NOW if self.stems is None else NAME).number + len(self.rest[0])

    def sql(self, rows: Sequence[Render]) -> str:
        """Return the statement for so many rows; each says how a bound value is written."""
        said = ", ".join(f"({', '.join(self._said(render))})" for render in rows)
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) VALUES {said}"  # noqa: S608 - names of our tables

    def _said(self, render: Render) -> list[str]:
        return [value if isinstance(value, str) else render(value) for value in self.values]


def _common(column: str, found: Row, *, is_time: bool) -> Place | str | None:
    """Return what stands in every row, None where that differs."""
    if column == ID:
        return LEAD
    if column in NAMES:
        return NAME
    if len(set(found)) > 1:
        return None
    if is_time and found[0] is not None:
        return NOW if found[0] == 0 else None
    return _literal(found[0])


def _later(found: Row, later: Callable[[int], object]) -> Row:
    return tuple(None if apart is None else later(apart) for apart in found)


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _stem(name: str | None) -> tuple[str, str] | None:
    found = None if name is None else _NUMBER.fullmatch(name)
    return None if found is None else (found[1], found[2] or "")
