"""Items come back in order whoever works on them, and whatever happens to the other processes."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from leadqual.services.batch_crew import Crew, work_through

N_ITEMS: Final = 60


def with_pid(item: int) -> tuple[int, int]:
    return item * item, os.getpid()


def begin_well(_plan: str) -> Callable[[int], tuple[int, int]]:
    return with_pid


def leave(item: int) -> tuple[int, int]:
    os._exit(9)


def begin_badly(_plan: str) -> Callable[[int], tuple[int, int]]:
    return leave


def refuse(item: int) -> int:
    raise ValueError("this item cannot be worked on")


def refuse_some(item: int) -> int:
    return item if item < 6 else refuse(item)


def begin_refusing(_plan: str) -> Callable[[int], int]:
    return refuse


def begin_as_told(plan: int) -> Callable[[int], tuple[int, int]]:
    return partial(add, plan)


def add(first: int, second: int) -> tuple[int, int]:
    return first + second, os.getpid()


def begin_slowly(_plan: str) -> Callable[[int], tuple[int, int]]:
    return with_pid_after_a_while


def with_pid_after_a_while(item: int) -> tuple[int, int]:
    time.sleep(0.5)
    return with_pid(item)


def children() -> set[str]:
    """Return the processes that this one has started."""
    return {
        child
        for listed in Path("/proc/self/task").glob("*/children")
        for child in listed.read_text("ascii").split()
    }


def leave_at_once(_plan: str) -> Callable[[int], tuple[int, int]]:
    os._exit(9)


def test_results_are_in_order_and_some_are_made_elsewhere() -> None:
    with Crew(begin_well, n_others=1) as crew:
        crew.tell("square")
        results = list(work_through(_slow_items(), with_pid, crew))

    assert [square for square, _ in results] == [item * item for item in range(N_ITEMS)]
    assert len({pid for _, pid in results}) == 2


def test_every_process_is_told_the_plan() -> None:
    with Crew(begin_as_told, n_others=2) as crew:
        crew.tell(7)
        results = list(work_through(_slow_items(), partial(add, 7), crew))

    assert [total for total, _ in results] == [7 + item for item in range(N_ITEMS)]
    assert len({pid for _, pid in results}) > 1


def _slow_items():
    """Leave the other process the time that it needs to start."""
    for item in range(N_ITEMS):
        if item > 5:
            time.sleep(0.05)
        yield item


def test_no_process_is_started_where_none_is_wanted() -> None:
    with Crew(begin_well, n_others=0) as crew:
        crew.tell("square")
        results = list(work_through(range(3), with_pid, crew))

    assert {pid for _, pid in results} == {os.getpid()}


@pytest.mark.parametrize("begin", [begin_badly, leave_at_once])
def test_items_of_a_process_that_died_are_done_here(begin: Callable[[str], Any]) -> None:
    with Crew(begin, n_others=1) as crew:
        crew.tell("square")
        results = list(work_through(range(30), with_pid, crew))

    assert [square for square, _ in results] == [item * item for item in range(30)]


def test_items_that_nobody_has_begun_are_done_here_in_the_end() -> None:
    with Crew(begin_slowly, n_others=1) as crew:
        crew.tell("square")
        results = list(work_through(range(4), with_pid, crew))

    assert [square for square, _ in results] == [0, 1, 4, 9]
    assert [pid for _, pid in results].count(os.getpid()) >= 3


def test_error_of_an_item_is_raised_here_whoever_had_it(capfd: pytest.CaptureFixture[str]) -> None:
    with Crew(begin_refusing, n_others=1) as crew:
        crew.tell("refuse")
        results = work_through(_slow_items(), refuse_some, crew)

        with pytest.raises(ValueError, match="cannot be worked on"):
            list(results)
    assert capfd.readouterr().err == ""


@pytest.fixture
def elsewhere() -> set[str]:
    """Return the processes that other tests have left: pools of joblib stay for a while."""
    return children()


def test_closing_early_ends_the_other_processes(elsewhere: set[str]) -> None:
    with Crew(begin_well, n_others=1) as crew:
        crew.tell("square")
        results = work_through(range(1_000), with_pid, crew)
        first = [next(results) for _ in range(5)]
        results.close()

    assert [square for square, _ in first] == [0, 1, 4, 9, 16]
    assert children() <= elsewhere


def test_processes_that_were_told_nothing_end_too(elsewhere: set[str]) -> None:
    with pytest.raises(ZeroDivisionError), Crew(begin_well, n_others=1):
        1 // 0  # noqa: B018 - something goes wrong before there is a plan

    assert children() <= elsewhere
