import asyncio

from api.turns import PER_TURN, Turns
from tests.loops import run_on_loop


def test_requests_that_come_together_begin_a_few_per_turn_of_the_loop_and_in_their_order() -> None:
    began: list[tuple[int, int]] = []
    n_turns = 0

    async def request(turns: Turns, number: int) -> None:
        await turns.begin()
        began.append((n_turns, number))

    async def come_together() -> None:
        nonlocal n_turns
        turns = Turns()
        coming = [asyncio.ensure_future(request(turns, number)) for number in range(3 * PER_TURN)]
        while not all(task.done() for task in coming):
            n_turns += 1
            await asyncio.sleep(0)
        n_turns += 1
        await request(turns, -1)

    run_on_loop(come_together())

    assert [number for _, number in began] == [*range(3 * PER_TURN), -1]
    together = [sum(turn == found for found, _ in began) for turn in {turn for turn, _ in began}]
    assert max(together) == PER_TURN
