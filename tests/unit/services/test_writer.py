import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager

import pytest

from leadqual.errors import BusyError, InputError, StoreError
from leadqual.services.units import SETTLED_PER_TURN
from leadqual.services.writer import MAX_GROUP, GroupWriter
from leadqual.store import Store, Tx
from leadqual.store.connections import open_connections
from leadqual.testing import START
from tests.loops import run_on_loop


def note(name: str) -> Callable[[Tx], None]:
    def work(tx: Tx) -> None:
        tx.aliases.set(name, "1", actor="test", at=START, reason="test")

    return work


def names(store: Store) -> set[str]:
    with store.read() as tx:
        return {row.alias for row in tx.aliases.list()}


def fail(tx: Tx) -> None:
    tx.aliases.set("spoiled", "1", actor="test", at=START, reason="test")
    raise InputError("this unit is no good")


def test_a_unit_that_raises_spoils_no_neighbour(store: Store) -> None:
    writer = GroupWriter(store)
    hold = threading.Event()
    writer.submit(lambda _: hold.wait(5))

    before, bad, after = writer.submit(note("a")), writer.submit(fail), writer.submit(note("b"))
    hold.set()
    wait([before, bad, after])
    writer.close()

    assert isinstance(bad.exception(), InputError)
    assert names(store) == {"a", "b"}


def test_a_future_resolves_only_when_others_can_read_what_it_wrote(store: Store) -> None:
    writer = GroupWriter(store)

    for number in range(20):
        writer.run(note(f"alias-{number}"))
        assert f"alias-{number}" in names(store)

    writer.close()


def test_many_units_share_a_commit(store: Store) -> None:
    writer = GroupWriter(store)
    hold, transactions = threading.Event(), []

    def work(tx: Tx) -> None:
        transactions.append(id(tx))

    writer.submit(lambda _: hold.wait(5))
    waiting = [writer.submit(work) for _ in range(MAX_GROUP * 2)]
    hold.set()
    wait(waiting)
    writer.close()

    assert len(set(transactions)) <= 4


class StoreThatLosesCommits(Store):
    """A store whose database breaks off just before it confirms a commit."""

    is_broken = False

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        with super().transaction() as tx:
            yield tx
            if self.is_broken:
                raise StoreError("the database broke off")


def test_a_commit_that_fails_is_reported_to_everybody_in_it(sqlite_url: str) -> None:
    with closing(StoreThatLosesCommits(open_connections(sqlite_url))) as store:
        writer = GroupWriter(store)
        store.is_broken = True
        lost = [writer.submit(note("a")), writer.submit(note("b"))]
        wait(lost)
        store.is_broken = False
        writer.run(note("c"))
        writer.close()

        assert all(isinstance(future.exception(), StoreError) for future in lost)
        assert names(store) == {"c"}


def test_a_unit_that_lost_a_race_runs_once_more(store: Store) -> None:
    writer = GroupWriter(store)
    tries = []

    def lose_once(tx: Tx) -> str:
        tries.append(1)
        tx.aliases.set("raced", "1", actor="test", at=START, reason="test")
        if len(tries) == 1:
            raise BusyError("somebody was faster")
        return "won"

    def always_lose(tx: Tx) -> None:
        raise BusyError("somebody is always faster")

    assert writer.run(lose_once) == "won"
    with pytest.raises(BusyError):
        writer.run(always_lose)
    writer.close()
    assert names(store) == {"raced"}


def test_closing_finishes_what_waits_and_refuses_the_rest(store: Store) -> None:
    writer = GroupWriter(store)
    hold = threading.Event()
    writer.submit(lambda _: hold.wait(5))
    waiting = [writer.submit(note(f"alias-{number}")) for number in range(100)]

    closing = threading.Thread(target=writer.close)
    closing.start()
    hold.set()
    closing.join(10)

    assert all(future.done() for future in waiting)
    assert len(names(store)) == 100
    with pytest.raises(BusyError):
        writer.submit(note("late"))


def test_too_much_waiting_work_is_refused_at_once(store: Store) -> None:
    writer = GroupWriter(store, max_waiting=2)
    hold, started = threading.Event(), threading.Event()

    def block(_: Tx) -> None:
        started.set()
        hold.wait(5)

    blocking: Future[None] = writer.submit(block)
    started.wait(5)
    writer.submit(note("a"))
    writer.submit(note("b"))

    with pytest.raises(BusyError):
        writer.submit(note("c"))
    hold.set()
    blocking.result(5)
    writer.close()
    assert names(store) == {"a", "b"}


def test_work_that_was_cancelled_in_time_is_not_done(store: Store) -> None:
    writer = GroupWriter(store)
    hold, started = threading.Event(), threading.Event()

    def block(_: Tx) -> None:
        started.set()
        hold.wait(5)

    writer.submit(block)
    started.wait(5)
    cancelled = writer.submit(note("unwanted"))

    assert cancelled.cancel()
    hold.set()
    writer.close()
    assert names(store) == set()


class Counting:
    """A crew that says how many it wrote together, and can be held up."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.began = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def prepare(self, items: Sequence[object]) -> Sequence[object]:
        return items

    def write(self, _tx: Tx, items: Sequence[object]) -> Sequence[object]:
        self.groups.append(len(items))
        self.began.set()
        self.may_go_on.wait(5)
        if "bad" in items:
            raise InputError("one of them is no good")
        return items


def test_what_came_during_a_write_is_written_next_on_any_loop(store: Store) -> None:
    crew = Counting()
    crew.may_go_on.clear()

    async def main() -> str:
        first = [asyncio.create_task(writer.join(crew, name)) for name in ("a", "b")]
        await asyncio.to_thread(crew.began.wait, 5)
        late = asyncio.create_task(writer.join(crew, "late"))
        await asyncio.sleep(0)
        crew.may_go_on.set()
        await asyncio.gather(*first)
        answer: str = await asyncio.wait_for(late, 5)
        return answer

    with closing(GroupWriter(store)) as writer:
        assert run_on_loop(main()) == "late"
        assert run_on_loop(writer.join(crew, "of another loop")) == "of another loop"


def test_a_large_group_is_answered_over_several_turns_of_its_loop(store: Store) -> None:
    crew = Counting()
    turn = [0]

    async def count_turns() -> None:
        while True:
            turn[0] += 1
            await asyncio.sleep(0)

    async def ask(name: int) -> tuple[int, int]:
        answer: int = await writer.join(crew, name)
        return answer, turn[0]

    async def main() -> list[tuple[int, int]]:
        counting = asyncio.create_task(count_turns())
        answered = await asyncio.gather(*map(ask, range(3 * SETTLED_PER_TURN)))
        counting.cancel()
        return answered

    with closing(GroupWriter(store)) as writer:
        answered = run_on_loop(main())

    assert [name for name, _ in answered] == list(range(3 * SETTLED_PER_TURN))
    assert crew.groups == [3 * SETTLED_PER_TURN]
    assert max(Counter(turn for _, turn in answered).values()) == SETTLED_PER_TURN


def test_an_item_that_raises_is_the_only_one_undone(store: Store) -> None:
    crew = Counting()

    async def main() -> list[object]:
        waiting = [writer.join(crew, name) for name in ("a", "bad", "b")]
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    with closing(GroupWriter(store)) as writer:
        before, bad, after = run_on_loop(main())

    assert (before, after) == ("a", "b")
    assert isinstance(bad, InputError)
    assert crew.groups == [3, 1, 1, 1]
