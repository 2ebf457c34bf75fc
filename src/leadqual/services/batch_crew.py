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
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

_AHEAD: Final = 2
"""Items given to each process at a time: one in its hands and one that waits."""

_HELD: Final = 12
"""Items and results in memory, per process."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Plan = TypeVar("Plan")


def work_through(
    items: Iterable[Item], work: Callable[[Item], Result], crew: Crew[Any]
) -> Generator[Result, None, None]:
    """Yield the result of each item, in order.

    A process that is killed (for want of memory, say) leaves its items to this one.

    Parameters
    ----------
    items : iterable
        Taken a few at a time.
    work : callable
        From an item to its result.
    crew : Crew
        Told already what it does. Items and results are handed between processes.
    """
    waiting: deque[_Task[Item, Result]] = deque()
    for item in items:
        future = crew.offer(item)
        done = work(item) if future is None else None
        waiting.append(_Task(item, future, done))
        while waiting and (len(waiting) > crew.n_held or waiting[0].is_done):
            yield waiting.popleft().result(work)
    while waiting:
        yield waiting.popleft().result(work)


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


class Crew(Generic[Plan]):
    """The other processes. They load what they need while this one finds out what to tell them.

    A context manager: its end, be it an error or an interruption, is theirs.

    Parameters
    ----------
    begin : callable
        From a plan to what does the work, in another process: a function of a module.
    n_others : int, optional
        Further processes; by default one for each further core that this process may use.
    """

    def __init__(
        self, begin: Callable[[Plan], Callable[[Any], Any]], *, n_others: int | None = None
    ) -> None:
        self._n_others = _n_cores() - 1 if n_others is None else n_others
        self._is_told = False
        self._given: list[Future[Any]] = []
        # A fork would inherit locks that other threads of this process hold.
        context = multiprocessing.get_context("spawn")
        self._plans: multiprocessing.Queue[Plan | None] = context.Queue()
        self._pool: ProcessPoolExecutor | None = None
        if self._n_others:
            self._pool = ProcessPoolExecutor(
                self._n_others,
                mp_context=context,
                initializer=_join_crew,
                initargs=(begin, self._plans),
            )
            for _ in range(self._n_others):
                self._pool.submit(_nothing)  # a process starts when it is first asked

    def __enter__(self) -> Self:
        """Return the crew."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End the other processes; what they have not begun is dropped."""
        if self._pool is not None:
            if not self._is_told:
                self._tell(None)
            self._pool.shutdown(wait=True, cancel_futures=True)
        if not self._plans.empty():
            self._plans.cancel_join_thread()  # whoever should have read it is gone
        self._plans.close()
        self._plans.join_thread()

    def tell(self, plan: Plan) -> None:
        """Say what the work is, before the first item is offered."""
        self._tell(plan)
        self._is_told = True

    def _tell(self, plan: Plan | None) -> None:
        for _ in range(self._n_others):
            self._plans.put(plan)

    @property
    def n_held(self) -> int:
        """Return how many items and results may be held."""
        return _HELD * (1 + self._n_others)

    def offer(self, item: Any) -> Future[Any] | None:  # noqa: ANN401 - whatever the work takes
        """Give an item to whoever has time; None when nobody has."""
        self._given = [future for future in self._given if not future.done()]
        if self._pool is None or len(self._given) >= _AHEAD * self._n_others:
            return None
        try:
            future = self._pool.submit(_do, item)
        except BrokenProcessPool:
            self._n_others = 0
            return None
        self._given.append(future)
        return future


_DOES: Final[list[Callable[[Any], Any]]] = []
"""What this process does for another one."""


def _nothing() -> None:
    pass


def _join_crew(
    begin: Callable[[Any], Callable[[Any], Any]], plans: multiprocessing.Queue[Any]
) -> None:
    """Get ready in a new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asked decides what ends
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    plan = plans.get()
    if plan is not None:
        _DOES.append(begin(plan))


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
