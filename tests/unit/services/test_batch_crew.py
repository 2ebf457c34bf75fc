"""Items come back in order whoever works on them, and whatever happens to the other processes."""

import os
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest

from leadqual.services.batch_crew import work_through

N_ITEMS: Final = 60


def with_pid(item: int) -> tuple[int, int]:
    return item * item, os.getpid()


def begin_well() -> Callable[[int], tuple[int, int]]:
    return with_pid


def leave(item: int) -> tuple[int, int]:
    os._exit(9)


def begin_badly() -> Callable[[int], tuple[int, int]]:
    return leave


def refuse(item: int) -> int:
    raise ValueError("this item cannot be worked on")


def begin_refusing() -> Callable[[int], int]:
    return refuse


def test_results_are_in_order_and_some_are_made_elsewhere() -> None:
    results = list(work_through(_slow_items(), with_pid, begin=begin_well, n_others=1))

    assert [square for square, _ in results] == [item * item for item in range(N_ITEMS)]
    assert len({pid for _, pid in results}) == 2


def _slow_items():
    """Leave the other process the time that it needs to start."""
    import time

    for item in range(N_ITEMS):
        if item > 5:
            time.sleep(0.05)
        yield item


def test_few_items_start_no_process() -> None:
    results = list(work_through(range(3), with_pid, begin=begin_well, n_others=1))

    assert {pid for _, pid in results} == {os.getpid()}


def test_items_of_a_process_that_died_are_done_here() -> None:
    results = list(work_through(range(30), with_pid, begin=begin_badly, n_others=1))

    assert [square for square, _ in results] == [item * item for item in range(30)]


def test_error_in_another_process_is_raised_here() -> None:
    others = partial(begin_refusing)

    with pytest.raises(ValueError, match="cannot be worked on"):
        list(work_through(range(30), lambda item: item, begin=others, n_others=1))


def test_closing_early_ends_the_other_processes() -> None:
    results = work_through(range(1_000), with_pid, begin=begin_well, n_others=1)
    first = [next(results) for _ in range(5)]

    results.close()

    assert [square for square, _ in first] == [0, 1, 4, 9, 16]
