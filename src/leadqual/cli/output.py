"""What commands print: results on standard output, progress and notes on standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

Step = Callable[[str], None]
"""Called with the name of each step as it begins."""

Count = Callable[[int, int], None]
"""Called with how much of the present step is done, and of how much."""


def now() -> datetime:
    """Return the present moment, aware UTC: the one clock of the command line."""
    return datetime.now(UTC)


def emit(document: Mapping[str, Any], *, as_json: bool, text: str) -> None:
    """Print a result: the document for machines, or the text for people."""
    body = json.dumps(document, ensure_ascii=False, indent=2, default=_plain) if as_json else text
    sys.stdout.write(body + "\n")
    sys.stdout.flush()  # a server prints its address once and then says nothing for days


def note(text: str) -> None:
    """Print a remark on standard error."""
    sys.stderr.write(text + "\n")


def require_writable(path: Path | None) -> None:
    """Fail before minutes or hours of work, not after them, where a page cannot be written.

    Raises
    ------
    OSError
        What writing it later would raise.
    """
    if path is None:
        return
    was_there = path.exists()
    with path.open("a", encoding="utf-8"):
        pass
    if not was_there:
        path.unlink()


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return left-aligned columns as plain text; empty cells stay empty."""
    cells = [list(headers), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


@contextmanager
def steps(*, is_quiet: bool = False) -> Iterator[Step]:
    """Give a function that announces steps; each is printed with its time when the next begins.

    Parameters
    ----------
    is_quiet : bool
        Print nothing (`--json`).
    """
    with counted_steps(is_quiet=is_quiet) as (step, _count):
        yield step


@contextmanager
def counted_steps(*, is_quiet: bool = False) -> Iterator[tuple[Step, Count]]:
    """Give what `steps` gives, and a function that fills a bar beside the present step."""
    if is_quiet:
        yield lambda _name: None, lambda _done, _total: None
        return
    log = _StepLog(_stderr())
    with log.status:
        try:
            yield log.begin, log.count
        except BaseException:
            log.end("failed")
            raise
        log.end("done")


@contextmanager
def byte_progress(label: str, *, total: int, is_quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar over bytes or rows; the given function sets how many are done.

    Parameters
    ----------
    total : int
        What counts as all; 0 when unknown (then only the count runs).
    """
    if is_quiet:
        yield lambda _done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=_stderr()) as progress:
        task = progress.add_task(label, total=total or None)
        yield lambda done: progress.update(task, completed=done)


class _StepLog:
    """Names of steps with how long each took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._current: str | None = None
        self._began = 0.0
        self._first_count: tuple[int, float] | None = None
        self.status = console.status("")

    def begin(self, name: str) -> None:
        self.end("done")
        self._current, self._began = name, time.perf_counter()
        self._first_count = None
        self.status.update(f"{name} …")

    def count(self, done: int, total: int) -> None:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=total, completed=done, width=40)
        row.add_row(f"{self._current} …", bar, f"{done}/{total}", self._remaining(done, total))
        self.status.update(row)

    def _remaining(self, done: int, total: int) -> str:
        """Guess from what was done since the first count, which may have found much done."""
        now_at = time.perf_counter()
        if self._first_count is None:
            self._first_count = done, now_at
        first_done, first_at = self._first_count
        if done <= first_done:
            return ""
        minutes = (now_at - first_at) / (done - first_done) * (total - done) / 60
        return f"about {minutes:.0f} min left" if minutes >= 1 else "less than a minute left"

    def end(self, how: str) -> None:
        if self._current is not None:
            took = time.perf_counter() - self._began
            mark = "" if how == "done" else f"{how}: "
            self._console.print(f"  {mark}{self._current} ({took:.1f} s)", markup=False)
            self._current = None


def _stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: object) -> object:
    """Turn what JSON does not know into what it knows."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"cannot print a {type(value).__name__} as JSON")
