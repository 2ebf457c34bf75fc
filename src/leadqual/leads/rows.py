"""What every kind of table gives: rows in chunks, with their numbers and their problems."""

from __future__ import annotations

import gc
import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

CHUNK_ROWS: Final = 1_000
"""Rows per chunk: enough to amortise a transaction, few enough to hold."""

Progress = Callable[[int], None]
"""Told the number of bytes read so far, out of the size of the file."""


class _Collector:
    """Counts who wants the garbage collector relaxed, so that the last one restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_users = 0
        self._usual = gc.get_threshold()

    def relax(self) -> None:
        """Collect rarely from now on."""
        with self._lock:
            if self._n_users == 0:
                self._usual = gc.get_threshold()
                gc.set_threshold(_RELAXED_AFTER, *self._usual[1:])
            self._n_users += 1

    def restore(self) -> None:
        """Collect as before, unless somebody else is still reading."""
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                gc.set_threshold(*self._usual)


_RELAXED_AFTER: Final = 200_000
_COLLECTOR: Final = _Collector()


@contextmanager
def relaxed_collector() -> Iterator[None]:
    """Let the cyclic garbage collector run rarely while chunks are made and used.

    A chunk is some 30,000 objects without cycles. By default the collector walks them, and
    everything else in the process, several times per chunk: a third of the time of an import.
    It still runs every 200,000 objects, so cycles of others do not pile up.
    """
    _COLLECTOR.relax()
    try:
        yield
    finally:
        _COLLECTOR.restore()


class NestedCell:
    """A cell that holds a list or an object: kept for its owner to see, read as no value."""

    __slots__ = ("content",)

    def __init__(self, content: object) -> None:
        self.content = content

    def __str__(self) -> str:
        return json.dumps(self.content, default=str, ensure_ascii=False)


class Row(NamedTuple):
    """One row of a table.

    `number` counts as a spreadsheet does: in delimited text the header is row 1, in the other
    formats the first row is. `problem` says why the row cannot be trusted, None if it can.
    """

    number: int
    cells: dict[str, object]
    problem: str | None = None


@dataclass(frozen=True)
class Table:
    """A file that turned out to be a table; reading it holds one chunk at a time.

    Parameters
    ----------
    path : Path
        The file.
    columns : tuple of str
        In file order. In JSON lines those of the first 10,000 rows, with the keys of nested
        objects joined by dots. Equal names of a header are told apart as `name`, `name (2)`;
        a column without a name is `column 3`.
    rows : callable
        Starts reading; calls its argument with the position in bytes now and then.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Callable[[Progress], Iterator[Row]] = field(repr=False)

    def chunks(self, *, on_progress: Progress | None = None) -> Iterator[list[Row]]:
        """Yield the rows, `CHUNK_ROWS` at a time, and report the bytes read after each chunk.

        Raises
        ------
        FileFormatError
            The file stops being a table on the way.
        """
        position = 0

        def note(n_bytes: int) -> None:
            nonlocal position
            position = n_bytes

        rows = self.rows(note)
        while chunk := list(itertools.islice(rows, CHUNK_ROWS)):
            yield chunk
            if on_progress is not None:
                on_progress(position)

    @property
    def n_bytes(self) -> int:
        """Return the size of the file, which is where the progress ends."""
        return self.path.stat().st_size

    def fingerprint(self) -> str:
        """Return 12 hex digits that stand for exactly this content."""
        digest = hashlib.sha256()
        with self.path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()[:12]
