"""Two services on one database, as two server processes have it, on both databases."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from leadqual.routing.decision import Queue
from leadqual.services.calls import Role
from leadqual.services.intake import IntakeStatus
from leadqual.services.outcomes import Outcome
from leadqual.services.serving import Serving
from leadqual.testing import (
    BundleShelf,
    FrozenClock,
    make_bundle,
    make_call,
    make_payload,
    make_serving,
    promote,
    take_in,
)

T = TypeVar("T")


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Serving, Serving]]:
    url = request.getfixturevalue(request.param)
    shelf, bundle = BundleShelf(), make_bundle()
    first = make_serving(tmp_path, url=url, bundle=bundle, shelf=shelf)
    second = make_serving(tmp_path, url=url, shelf=shelf)
    yield first, second
    second.close()
    first.close()


def at_once(work: Callable[[int], T], n_threads: int) -> list[T]:
    """Run something on several threads that start together."""
    start = threading.Barrier(n_threads)

    def run(number: int) -> T:
        start.wait(10)
        return work(number)

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(run, range(n_threads)))


def test_one_idempotency_key_creates_one_lead(pair: tuple[Serving, Serving]) -> None:
    def post(number: int) -> tuple[str, IntakeStatus]:
        serving = pair[number % 2]
        result = take_in(serving, 49, call=make_call(serving, once="key:body"))
        return result.lead_id, result.status

    results = at_once(post, 20)

    assert len({lead_id for lead_id, _ in results}) == 1
    assert [status for _, status in results].count(IntakeStatus.CREATED) == 1


def test_one_person_becomes_one_lead_with_a_touch_per_visit(pair: tuple[Serving, Serving]) -> None:
    results = at_once(lambda number: take_in(pair[number % 2], 49), 12)

    lead_ids = {result.lead_id for result in results}
    assert len(lead_ids) == 1
    assert sum(result.created for result in results) == 1
    with pair[0].store.read() as tx:
        assert len(tx.leads.touches(lead_ids.pop())) == 12


def test_one_external_id_becomes_one_lead(pair: tuple[Serving, Serving]) -> None:
    def post(number: int) -> str:
        contact = {"email": f"p{number}@company49.example"}
        return take_in(pair[number % 2], 49, external_id="crm-49", contact=contact).lead_id

    assert len(set(at_once(post, 12))) == 1


def test_eight_reps_at_once_never_share_a_lead(pair: tuple[Serving, Serving]) -> None:
    numbers = [number for number in range(100) if number % 50 > 14]
    pair[0].intake.accept_many(
        [make_payload(number) for number in numbers], call=make_call(pair[0])
    )

    def work(rep: int) -> list[str]:
        serving, taken = pair[rep % 2], []
        call = make_call(serving, Role.MRR, name=f"rep-{rep}")
        while (row := serving.working.claim_next(Queue.MRR, call=call).value) is not None:
            taken.append(row.lead_id)
        return taken

    everything = [lead_id for one in at_once(work, 8) for lead_id in one]

    assert len(everything) == len(set(everything)) == len(numbers)


def test_a_model_promoted_by_one_process_serves_in_the_other(
    pair: tuple[Serving, Serving],
) -> None:
    first, second = pair

    assert second.scorer.live.model_version == first.scorer.live.model_version != "rules"


def test_two_processes_score_a_waiting_lead_again_once(
    tmp_path: Path, sqlite_url: str, clock: FrozenClock
) -> None:
    shelf = BundleShelf([make_bundle("first")])
    pair = [make_serving(tmp_path, url=sqlite_url, shelf=shelf, clock=clock) for _ in range(2)]
    lead_ids = [take_in(pair[0], number).lead_id for number in range(20)]
    promote(pair[0], "first")
    for serving in pair:
        serving.scorer.refresh(clock())

    at_once(lambda number: pair[number].rescorer.run(now=clock()), 2)

    with pair[0].store.read() as tx:
        assert {len(tx.scores.of(lead_id)) for lead_id in lead_ids} == {2}
    for serving in pair:
        serving.close()


def test_the_whole_way_of_a_lead_through_both_processes(pair: tuple[Serving, Serving]) -> None:
    first, second = pair
    first.people.add_user("anna", "a long enough password", role=Role.AE, call=make_call(first))
    ae, rep = make_call(second, Role.AE, name="anna"), make_call(second, Role.MRR)
    lead_id = take_in(first, 49).lead_id

    row = second.working.claim(lead_id, call=rep).value
    handed = Outcome(type="handed_off", token=row.token, handed_to="anna")
    first.outcomes.record(lead_id, handed, call=rep)
    second.outcomes.record(lead_id, Outcome(type="accepted"), call=ae)
    first.outcomes.record(lead_id, Outcome(type="won", amount_usd=700), call=ae)

    funnel, *_ = second.reports.funnel(call=make_call(second))
    assert [stage.n_leads for stage in funnel.stages] == [1, 1, 1, 1, 1]
    assert funnel.amount_won_usd == 700
    second.leads.erase(lead_id, call=make_call(second))
    assert first.leads.get(lead_id, call=make_call(first)).lead is None
    assert take_in(first, 48).created
