"""Work on items in this process and in others, with the results in their order.

This process works too: while the others start, while they are busy, and where another program
holds their cores. So a second process costs next to nothing where it cannot help.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, Generic, TypeVar

_FEW: Final = 5
"""So many items are done here, without asking others: a small file starts no process."""

_AHEAD: Final = 2
"""Items given to each process at a time: one in its hands and one that waits."""

_HELD: Final = 12
"""Items and results in memory, per process."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def work_through(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    *,
    begin: Callable[[], Callable[[Item], Result]],
    n_others: int | None = None,
) -> Generator[Result, None, None]:
    """Yield the result of each item, in order.

    Ends the other processes at its end, when it is closed, and when it is interrupted. A process
    that is killed (for want of memory, say) leaves its items to this one.

    Parameters
    ----------
    items : iterable
        Taken a few at a time.
    work : callable
        From an item to its result.
    begin : callable
        Returns such a function in another process: a function of a module, or a `partial` of
        one. Its arguments, items and results are handed between processes.
    n_others : int, optional
        Further processes; by default one for each further core that this process may use.
    """
    crew = _Crew(begin, _n_cores() - 1 if n_others is None else n_others)
    waiting: deque[_Task[Item, Result]] = deque()
    rest = iter(items)
    first = deque(islice(rest, _FEW + 1))
    is_long = len(first) > _FEW
    try:
        for item in chain(_taken(first), rest):
            future = crew.offer(item) if is_long else None
            done = work(item) if future is None else None
            waiting.append(_Task(item, future, done))
            while waiting and (len(waiting) > crew.n_held or waiting[0].is_done):
                yield waiting.popleft().result(work)
        while waiting:
            yield waiting.popleft().result(work)
    finally:
        crew.close()


def _taken(items: deque[Item]) -> Iterator[Item]:
    """Yield items and keep none of them."""
    while items:
        yield items.popleft()


@dataclass(frozen=True, slots=True)
class _Task(Generic[Item, Result]):
    """An item, and its result or who finds it."""

    item: Item
    future: Future[Result] | None
    done: Result | None

    @property
    def is_done(self) -> bool:
        return self.future is None or self.future.done()

    def result(self, work: Callable[[Item], Result]) -> Result:
        """Return the result, from here where the other process is no more."""
        if self.future is None:
            return self.done  # type: ignore[return-value]  # done here, whatever it is
        try:
            return self.future.result()
        except BrokenProcessPool:
            return work(self.item)


class _Crew:
    """The other processes, started when they are first needed."""

    def __init__(self, begin: Callable[[], Callable[[Any], Any]], n_others: int) -> None:
        self._begin = begin
        self._n_others = n_others
        self._pool: ProcessPoolExecutor | None = None
        self._given: list[Future[Any]] = []

    @property
    def n_held(self) -> int:
        """Return how many items and results may be held."""
        return _HELD * (1 + self._n_others)

    def offer(self, item: Any) -> Future[Any] | None:  # noqa: ANN401 - whatever the work takes
        """Give an item to whoever has time; None when nobody has."""
        self._given = [future for future in self._given if not future.done()]
        if len(self._given) >= _AHEAD * self._n_others:
            return None
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._n_others,
                # A fork would inherit locks that other threads of this process hold.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_join_crew,
                initargs=(self._begin,),
            )
        try:
            future = self._pool.submit(_do, item)
        except BrokenProcessPool:
            self._n_others = 0
            return None
        self._given.append(future)
        return future

    def close(self) -> None:
        """End the other processes; what they have not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


_DOES: Final[list[Callable[[Any], Any]]] = []
"""What this process does for another one."""


def _join_crew(begin: Callable[[], Callable[[Any], Any]]) -> None:
    """Get ready in a new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asked decides what ends
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _DOES.append(begin())


def _leave_with_parent() -> None:
    """End when the process that asked is killed; nobody would ever read the results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(item: Any) -> Any:  # noqa: ANN401 - whatever the work takes and gives
    return _DOES[0](item)


def _n_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
