"""Statements as a driver takes them, and the catalogue of those compiled beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pydantic_core

from leadqual.store.values import READERS, WRITERS, Converter

Row = tuple[Any, ...]

CATALOGUE: Final = Path(__file__).parent / "compiled"
"""One file per database: `sqlite.sql` and `postgresql.sql`, written by `store.compiling`."""

_FEW: Final = 4
"""Fewer rows are faster bound one by one than by their columns."""


class Plan:
    """A statement as one driver takes it.

    Parameters
    ----------
    entry : str
        A comment in JSON, a line break, the SQL. The comment says what the placeholders are in
        their order (`takes`), the kinds of those that are converted (`converts`), the values that
        are always the same (`constants`), and the kind of each column that comes back (`gives`).
    dialect : str
        `sqlite`, whose placeholders are counted, or `postgresql`, whose placeholders have names.
    """

    __slots__ = ("_constants", "_is_positional", "_pick", "_readers", "_writers", "has_rows", "sql")

    def __init__(self, entry: str, dialect: str) -> None:
        comment, _, self.sql = entry.partition("\n")
        said = pydantic_core.from_json(comment.removeprefix("-- "))
        names: list[str] = said.get("takes", [])
        gives: list[str | None] = said.get("gives", [])
        kinds: dict[str, str] = said.get("converts", {})
        writers, readers = WRITERS[dialect], READERS[dialect]
        self._constants: dict[str, object] = said.get("constants", {})
        self._is_positional = dialect == "sqlite"
        self._pick = _picker(names)
        self._writers: list[tuple[int, str, Converter]] = [
            (index, name, writers[kinds[name]])
            for index, name in enumerate(names)
            if kinds.get(name) in writers
        ]
        self._readers = [
            (index, readers[kind])
            for index, kind in enumerate(gives)
            if kind is not None and kind in readers
        ]
        self.has_rows = bool(gives)

    def bind(self, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - a list or a dict, as the driver wants
        """Return the parameters of one execution."""
        if not self._is_positional:
            named = {**values, **self._constants}
            for _, name, writer in self._writers:
                named[name] = writer(named[name])
            return named
        picked = self._pick({**values, **self._constants} if self._constants else values)
        if not self._writers:
            return picked
        bound = list(picked)
        for index, _, writer in self._writers:
            bound[index] = writer(bound[index])
        return bound

    def bind_all(self, rows: Sequence[Mapping[str, object]]) -> list[Any]:
        """Return the parameters of one execution per row; a value is converted once per column."""
        if not self._is_positional or len(rows) < _FEW:
            return [self.bind(row) for row in rows]
        if self._constants:
            rows = [{**row, **self._constants} for row in rows]
        picked = list(map(self._pick, rows))
        if not self._writers:
            return picked
        columns: list[Iterable[object]] = list(zip(*picked, strict=True))
        for index, _, writer in self._writers:
            written = {value: writer(value) for value in set(columns[index])}
            columns[index] = map(written.__getitem__, columns[index])
        return list(zip(*columns, strict=True))

    def read(self, rows: list[Row]) -> list[Row]:
        """Return rows with every value converted."""
        if not self._readers:
            return rows
        return [self._converted(row) for row in rows]

    def _converted(self, row: Row) -> Row:
        values = list(row)
        for index, reader in self._readers:
            values[index] = reader(values[index])
        return tuple(values)


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, object]], Sequence[object]]:
    """Return what picks values by name in the order of the placeholders."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: [values[name] for name in names]


@cache
def catalogue(dialect: str) -> Mapping[str, str]:
    """Return the entries that were compiled beforehand by the names of their statements."""
    text = (CATALOGUE / f"{dialect}.sql").read_text(encoding="utf-8")
    entries: dict[str, str] = {}
    for part in text.removesuffix("\n").split("\n\n")[1:]:
        name, _, entry = part.partition("\n")
        entries[name.removeprefix("-- ")] = entry.removesuffix(";")
    return entries
