"""Work on items in this process and in others, with the results in their order.

This process works too: while the others start, while they are busy, and where another program
holds their cores. So a second process costs next to nothing where it cannot help.

Items and results lie in files without a name, which all these processes have open; who is to take
one is told by a byte through a socket. Any of them takes the next byte, this one too when it has
nothing else to do, so nobody waits at the end. And nobody waits for the interpreter's lock of
another process, as somebody does who sends megabytes to one of its threads.
"""

from __future__ import annotations

import gc
import json
import os
import pickle  # noqa: TID251 - between our own processes, which nobody else can write to
import select
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO, Final, Generic, NoReturn, Self, TypeVar

_AHEAD: Final = 3
"""Items given to each process at a time: one in its hands and two that wait."""

_HELD: Final = 12
"""Items and results in memory, per process."""

_MOST: Final = 256 // _AHEAD
"""Other processes: a byte tells which item is meant."""

_PROTOCOL: Final = 5
_PATIENCE_S: Final = 0.2

_KEEPS_MEMORY: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 28),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
    "MALLOC_TOP_PAD_": str(1 << 24),
}
"""What tells the C library to keep memory that is free: to give it back after each item and get it
again took a fifteenth of the time of another process, most of it in page faults."""

_START: Final = """
import gc, json, sys
gc.disable()
begin, ends, sys.path[:] = json.loads(sys.argv[1])
from leadqual.services.batch_crew import serve
serve(begin, ends)
"""

Item = TypeVar("Item")
Result = TypeVar("Result")
Plan = TypeVar("Plan")


def work_through(
    items: Iterable[Item], work: Callable[[Item], Result], crew: Crew[Any]
) -> Generator[Result, None, None]:
    """Yield the result of each item, in order.

    A process that is killed (for want of memory, say), or cannot do an item, leaves its items to
    this one.

    Parameters
    ----------
    items : iterable
        Taken a few at a time.
    work : callable
        From an item to its result.
    crew : Crew
        Told already what it does. Items and results are handed between processes.
    """
    waiting: deque[Task[Item, Result]] = deque()
    for item in items:
        waiting.append(Task(item))
        if not crew.offer(waiting[-1]):
            waiting[-1].finish(work(item))
        while waiting and (len(waiting) > crew.n_held or waiting[0].is_done):
            yield _finished(waiting.popleft(), work, crew)
    while waiting:
        result = _finished(waiting.popleft(), work, crew)
        if not waiting:
            crew.dismiss()
        yield result


class Task(Generic[Item, Result]):
    """An item, and its result when there is one."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self._result: list[Result] = []

    @property
    def is_done(self) -> bool:
        """Return whether there is a result."""
        return bool(self._result)

    def finish(self, result: Result) -> None:
        """Note the result."""
        self._result.append(result)

    def result(self) -> Result:
        """Return the result, once it is done."""
        return self._result[0]


def _finished(task: Task[Item, Result], work: Callable[[Item], Result], crew: Crew[Any]) -> Result:
    """Return a result; what nobody has begun while there is none is done here."""
    while not task.is_done:
        idle = crew.take_back()
        if idle is None:
            crew.wait()
        else:
            idle.finish(work(idle.item))
            crew.collect()
    return task.result()


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
        wanted = _n_cores() - 1 if n_others is None else n_others
        n_others = min(wanted, _MOST)
        self._plan = _nameless_file()
        self._slots = [_nameless_file() for _ in range(_AHEAD * n_others)]
        self._free = list(range(len(self._slots)))
        self._given: dict[int, Task[Any, Any]] = {}
        self._left: list[Task[Any, Any]] = []
        self._tasks, theirs = socket.socketpair()
        self._answers, answers = socket.socketpair()
        self._answers.settimeout(0)
        self._untaken = theirs  # what nobody has taken yet is taken back here
        with answers:
            files = (self._plan, *self._slots)
            ends = [theirs.fileno(), answers.fileno(), *(file.fileno() for file in files)]
            self._others = [_start(begin, ends) for _ in range(n_others)]

    def __enter__(self) -> Self:
        """Return the crew."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End the other processes, whatever they have in hands."""
        self.dismiss()
        for other in self._others:
            other.wait()
        for end in (self._tasks, self._untaken, self._answers):
            end.close()
        for file in (self._plan, *self._slots):
            file.close()

    @property
    def n_held(self) -> int:
        """Return how many items and results may be held."""
        return _HELD * (1 + len(self._others))

    def tell(self, plan: Plan) -> None:
        """Say what the work is, before the first item is offered."""
        if self._others:
            pickle.dump(plan, self._plan, protocol=_PROTOCOL)

    def offer(self, task: Task[Any, Any]) -> bool:
        """Give an item to whoever has time first; False when nobody has."""
        self.collect()
        if not self._free:
            return False
        number = self._free.pop()
        self._given[number] = task
        _put(task.item, self._slots[number])
        self._tasks.send(bytes([number]))
        return True

    def collect(self) -> None:
        """Note the results that are there."""
        with suppress(BlockingIOError):
            while numbers := self._answers.recv(256):
                for number in numbers:
                    if number in self._given:
                        self._given.pop(number).finish(_get(self._slots[number]))
                        self._free.append(number)
            self._break_up()  # the last of them is gone

    def take_back(self) -> Task[Any, Any] | None:
        """Return a task that nobody has begun, None when there is none."""
        if self._left:
            return self._left.pop()
        try:
            (number,) = self._untaken.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        self._free.append(number)
        return self._given.pop(number)

    def wait(self) -> None:
        """Wait until something is done, or will not be done by others."""
        readable, _, _ = select.select([self._answers], [], [], _PATIENCE_S)
        self.collect()
        if not readable and any(other.poll() is not None for other in self._others):
            self._break_up()

    def dismiss(self) -> None:
        """Let the other processes end, now that they are needed no more."""
        for other in self._others:
            other.kill()

    def _break_up(self) -> None:
        """Do alone what is left: who ended had an item in hands, and it is not known which."""
        self.dismiss()
        self._left.extend(self._given.values())
        self._given.clear()
        self._free.clear()


def _start(begin: Callable[..., Any], ends: list[int]) -> subprocess.Popen[bytes]:
    """Start another process. A fork would inherit locks that other threads of this one hold."""
    given = json.dumps([[begin.__module__, begin.__qualname__], ends, sys.path])
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", _START, given],
        env={**os.environ, **_KEEPS_MEMORY},  # noqa: TID251 - handed on, not read
        stdin=subprocess.DEVNULL,
        pass_fds=ends,
        process_group=0,  # the process that asked decides what Ctrl-C ends
    )


def serve(begin: Sequence[str], ends: Sequence[int]) -> NoReturn:
    """Do what another process asks for, until it ends or asks no more.

    What cannot be done is left to the other process, which finds out why.

    Parameters
    ----------
    begin : sequence of str
        Module and name of the function that makes from the plan what does the work.
    ends : sequence of int
        Descriptors that the other process has opened: tasks, answers, plan, items and results.
    """
    try:
        module, name = begin
        make = getattr(import_module(module), name)
        tasks, answers, plan, *slots = ends
        files = [os.fdopen(slot, "r+b", buffering=0) for slot in slots]
        work = None
        while number := os.read(tasks, 1):
            if work is None:
                # Not from where the file stands: that is the same place for all who read it.
                told = os.pread(plan, os.fstat(plan).st_size, 0)
                work = make(pickle.loads(told))  # noqa: S301 - of the process that started this
                gc.freeze()  # what was loaded stays
                gc.enable()
            file = files[number[0]]
            _put(work(_get(file)), file)
            os.write(answers, number)
    finally:
        os._exit(0)  # without tidying up, and without a word


def _put(content: object, file: BinaryIO) -> None:
    """Write something to a file of its own."""
    file.seek(0)
    pickle.dump(content, file, protocol=_PROTOCOL)


def _get(file: BinaryIO) -> Any:  # noqa: ANN401 - whatever was put there
    """Return what was written to a file."""
    file.seek(0)
    return pickle.load(file)  # noqa: S301 - written by this process or one that it started


def _nameless_file() -> BinaryIO:
    """Open a file that ends with the processes that have it open, in memory where that is."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("leadqual", 0), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _n_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
