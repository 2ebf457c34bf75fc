import time
from datetime import timedelta

from leadqual.routing.decision import Queue
from leadqual.routing.standard import default_standard_text
from leadqual.services.calls import Call, Role
from leadqual.services.forms import FormReceipt
from leadqual.services.outcomes import Outcome
from leadqual.services.rescoring import BATCH
from leadqual.services.serving import Serving
from leadqual.testing import (
    BundleShelf,
    FrozenClock,
    make_bundle,
    make_call,
    make_payload,
    promote,
    take_in,
)


def take_in_many(serving: Serving, n_leads: int) -> list[str]:
    payloads = [make_payload(number) for number in range(n_leads)]
    rows = serving.intake.accept_many(payloads, call=make_call(serving))
    return [row.result.lead_id for row in rows if row.result]


def model_arrives(serving: Serving, shelf: BundleShelf) -> None:
    shelf.put(make_bundle("first"))
    promote(serving, "first")
    serving.scorer.refresh(serving.clock())


def test_leads_scored_by_rules_are_scored_again_when_a_model_arrives(
    rules_serving: Serving, shelf: BundleShelf, clock: FrozenClock
) -> None:
    lead_ids = take_in_many(rules_serving, BATCH + 20)
    before = rules_serving.rescorer.run(now=clock())

    model_arrives(rules_serving, shelf)
    n_rescored = rules_serving.rescorer.run(now=clock.advance(timedelta(minutes=1)))

    with rules_serving.store.read() as tx:
        latest = tx.scores.latest_many(lead_ids)
    assert (before, n_rescored) == (0, BATCH + 20)
    assert {scored.score.model_version for scored in latest.values()} == {"first"}
    assert {scored.reason for scored in latest.values()} == {"rescored"}
    assert rules_serving.rescorer.run(now=clock()) == 0


def test_rescoring_moves_waiting_leads_to_where_the_model_wants_them(
    rules_serving: Serving, shelf: BundleShelf, clock: FrozenClock
) -> None:
    lead_ids = take_in_many(rules_serving, 50)
    model_arrives(rules_serving, shelf)

    rules_serving.rescorer.run(now=clock())

    with rules_serving.store.read() as tx:
        items = tx.queue.get_many(lead_ids, now=clock())
        latest = tx.scores.latest_many(lead_ids)
    assert {items[lead_id].queue for lead_id in lead_ids} == {Queue.MRR, Queue.NURTURE}
    assert all(items[lead_id].queue is latest[lead_id].decision.queue for lead_id in lead_ids)


def test_rescoring_reopens_nothing_and_takes_nothing_from_a_rep(
    rules_serving: Serving, shelf: BundleShelf, clock: FrozenClock
) -> None:
    closed, held = take_in_many(rules_serving, 2)
    rep = make_call(rules_serving, Role.MRR)
    rules_serving.outcomes.record(
        closed, Outcome(type="no_response"), call=make_call(rules_serving)
    )
    token = rules_serving.working.claim(held, call=rep).value.token
    model_arrives(rules_serving, shelf)

    rules_serving.rescorer.run(now=clock())

    with rules_serving.store.read() as tx:
        over, kept = tx.queue.get(closed), tx.queue.get(held)
    assert over is not None
    assert over.is_final
    assert kept is not None
    assert (kept.claimed_by, kept.token) == (rep.principal.name, token)


def test_what_was_put_aside_stays_aside(
    rules_serving: Serving, shelf: BundleShelf, clock: FrozenClock
) -> None:
    fields = {"email": "ada@company49.example", "website_url": "filled by a machine"}
    key = rules_serving.keys.create_form("site", [], call=make_call(rules_serving))
    caller = rules_serving.keys.verify(key.secret, now=clock())
    receipt = rules_serving.forms.submit(fields, call=Call(caller, clock()), origin=None)
    result = receipt.result(10)
    assert isinstance(result, FormReceipt)
    model_arrives(rules_serving, shelf)

    rules_serving.rescorer.run(now=clock())

    with rules_serving.store.read() as tx:
        scored = tx.scores.latest(result.lead_id)
    assert scored is not None
    assert scored.decision.queue is Queue.QUARANTINE


def test_who_was_queued_by_chance_stays_queued_when_scored_again(
    rules_serving: Serving, shelf: BundleShelf, clock: FrozenClock
) -> None:
    text = default_standard_text().replace("nurture: 0.05", "nurture: 1.0")
    text = text.replace("min_percentile: 40", "min_percentile: 100")
    call = make_call(rules_serving)
    version = rules_serving.standards.propose(text, call=call).value.version
    rules_serving.standards.activate(version, call=call)
    rules_serving.scorer.refresh(clock())
    first = take_in(rules_serving, 3)
    model_arrives(rules_serving, shelf)

    rules_serving.rescorer.run(now=clock())
    again = take_in(rules_serving, 3)

    assert (first.decision.explored, first.decision.queue) == (True, Queue.MRR)
    history = rules_serving.leads.history(first.lead_id, call=call)
    assert [scored.reason for scored in history.scores] == ["created", "rescored", "touched"]
    assert {scored.decision.queue for scored in history.scores} == {Queue.MRR}
    assert again.decision.explored


def test_a_running_service_rescores_by_itself(rules_serving: Serving, shelf: BundleShelf) -> None:
    (lead_id,) = take_in_many(rules_serving, 1)
    shelf.put(make_bundle("first"))
    promote(rules_serving, "first")

    rules_serving.start()
    deadline = time.monotonic() + 10.0
    version = "rules"
    while version == "rules" and time.monotonic() < deadline:
        time.sleep(0.05)
        with rules_serving.store.read() as tx:
            scored = tx.scores.latest(lead_id)
        version = "rules" if scored is None else scored.score.model_version

    assert version == "first"
