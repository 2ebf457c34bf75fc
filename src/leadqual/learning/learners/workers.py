"""Independent fits side by side: each on one thread, all cores busy.

One fit on several OpenMP threads spins at every barrier, and takes seventeen times as long where
another process holds one of the cores. Whole fits wait for nobody, and their results do not
depend on how many of them run at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

MAX_WORKERS: Final = 4
"""Four heads, four steps of the funnel, three folds: more threads would find nothing to do."""

_HERE = threading.local()


class Run(Protocol):
    """Apply a function to each item; the results come in the order of the items."""

    def __call__(
        self, function: Callable[[_Item], _Found], items: Iterable[_Item], /
    ) -> list[_Found]:
        """Return what the function makes of each item."""
        ...


@contextmanager
def open_workers(begin: Callable[[], None] | None = None) -> Iterator[Run]:
    """Give what runs independent work on every core; within a worker, one after the other.

    `begin` is called once in each new thread.
    """
    n_workers = min(count_cores(), MAX_WORKERS)
    if n_workers < 2 or getattr(_HERE, "is_worker", False):
        yield _one_by_one
        return
    with ThreadPoolExecutor(n_workers, initializer=_begin, initargs=(begin,)) as pool:

        def side_by_side(
            function: Callable[[_Item], _Found], items: Iterable[_Item], /
        ) -> list[_Found]:
            listed = list(items)
            if len(listed) < 2:
                return _one_by_one(function, listed)
            return list(pool.map(function, listed))

        yield side_by_side


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _one_by_one(function: Callable[[_Item], _Found], items: Iterable[_Item], /) -> list[_Found]:
    return [function(item) for item in items]


def _begin(begin: Callable[[], None] | None) -> None:
    _HERE.is_worker = True
    if begin is not None:
        begin()
