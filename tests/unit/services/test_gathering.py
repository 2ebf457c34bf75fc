import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import ParamSpec

import pytest

from leadqual.services.gathering import MAX_TURNS, QUIET_TURNS, Gathering
from tests.loops import run_on_loop

P = ParamSpec("P")


def on_a_loop(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_on_loop(test(*args, **kwargs))

    return run


class Office:
    """Takes groups and keeps them."""

    def __init__(self, *, max_group: int = 100) -> None:
        self.groups: list[list[int]] = []
        self.gathering = Gathering[int](asyncio.get_running_loop(), self._take, max_group=max_group)

    def _take(self, units: Sequence[int]) -> None:
        self.groups.append(list(units))


async def busy_office(*, max_group: int = 100) -> Office:
    """Return one whose last group was of two, which are back."""
    office = Office(max_group=max_group)
    office.gathering.add(0)
    office.gathering.add(0)
    office.gathering.flush()
    office.gathering.came_back(2)
    await turns(1)
    office.groups.clear()
    return office


async def turns(n: int) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


@on_a_loop
async def test_units_of_neighbouring_turns_go_together() -> None:
    office = await busy_office()

    for unit in range(4):
        office.gathering.add(unit)
        await turns(QUIET_TURNS - 1)
    await turns(2 * QUIET_TURNS)

    assert office.groups == [[0, 1, 2, 3]]
    assert len(office.gathering) == 0


@on_a_loop
async def test_who_comes_alone_again_and_again_waits_for_one_turn_only() -> None:
    office = Office()

    for unit in range(2):
        office.gathering.add(unit)
        await turns(2)
        office.gathering.came_back(1)

    assert office.groups == [[0], [1]]


@on_a_loop
async def test_what_comes_while_others_are_away_waits_for_their_answer() -> None:
    office = Office()
    office.gathering.add(0)
    office.gathering.add(1)
    await turns(2 * QUIET_TURNS)
    office.gathering.add(2)
    await turns(2 * MAX_TURNS)
    before = list(office.groups)

    office.gathering.came_back(1)
    await turns(2 * MAX_TURNS)
    between = list(office.groups)
    office.gathering.came_back(1)
    office.gathering.add(3)
    await turns(2 * QUIET_TURNS)

    assert before == between == [[0, 1]]
    assert office.groups == [[0, 1], [2, 3]]


@on_a_loop
async def test_a_whole_group_waits_for_nobody() -> None:
    office = Office(max_group=3)

    for unit in range(7):
        office.gathering.add(unit)

    assert office.groups == [[0, 1, 2], [3, 4, 5]]
    assert len(office.gathering) == 1


@on_a_loop
async def test_a_steady_stream_does_not_hold_up_the_first() -> None:
    office = await busy_office(max_group=1_000)

    for unit in range(MAX_TURNS + 3):
        office.gathering.add(unit)
        await turns(1)

    assert office.groups
    assert office.groups[0][0] == 0


def test_what_a_closed_loop_left_behind_can_be_flushed() -> None:
    async def leave() -> Office:
        office = Office()
        office.gathering.add(7)
        return office

    office = run_on_loop(leave())
    office.gathering.flush()

    assert office.groups == [[7]]


@pytest.mark.parametrize("n_callers", [1, 2, 16])
@on_a_loop
async def test_callers_who_come_back_after_their_answer_stay_together(n_callers: int) -> None:
    office = await busy_office()
    answers: list[asyncio.Future[None]] = []

    async def call() -> None:
        for _ in range(3):
            answer = asyncio.get_running_loop().create_future()
            answers.append(answer)
            office.gathering.add(0)
            await answer

    callers = asyncio.gather(*(call() for _ in range(n_callers)))
    for _ in range(3):
        await turns(3 * QUIET_TURNS)
        given, answers[:] = list(answers), []
        for answer in given:
            answer.set_result(None)
        office.gathering.came_back(len(given))
    await callers

    assert [len(group) for group in office.groups] == [n_callers] * 3
