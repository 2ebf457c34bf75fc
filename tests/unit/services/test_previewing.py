import asyncio

import pytest

from leadqual.errors import PermissionDeniedError
from leadqual.leads.schema import Contact, RawLead, Rejected
from leadqual.routing.decision import Queue
from leadqual.routing.standard import default_standard_text
from leadqual.services.calls import Role, Scope
from leadqual.services.previewing import MAX_TOGETHER, Preview
from leadqual.services.serving import Serving
from leadqual.testing import FrozenClock, make_call, make_raw_lead
from tests.loops import run_on_loop


async def ask(serving: Serving, *raws: RawLead) -> list[Preview | Rejected | BaseException]:
    call = make_call(serving)
    asked = [serving.previews.ask(raw, call=call) for raw in raws]
    return await asyncio.gather(*asked, return_exceptions=True)


def test_leads_asked_about_together_get_what_each_gets_alone(serving: Serving) -> None:
    call = make_call(serving)
    raws = [make_raw_lead(number) for number in range(2 * MAX_TOGETHER + 3)]

    together = run_on_loop(ask(serving, *raws))

    assert together == [serving.previews.preview(raw, call=call) for raw in raws]


def test_a_lead_that_cannot_be_used_is_rejected_and_spoils_no_other(serving: Serving) -> None:
    bad = RawLead(source="web", contact=Contact(email="not an address"))

    rejected, preview = run_on_loop(ask(serving, bad, make_raw_lead(1)))

    assert isinstance(rejected, Rejected)
    assert isinstance(preview, Preview)


def test_whoever_stops_waiting_spoils_no_other(serving: Serving) -> None:
    async def ask_and_leave() -> Preview | Rejected:
        call = make_call(serving)
        leaving = asyncio.ensure_future(serving.previews.ask(make_raw_lead(1), call=call))
        staying = asyncio.ensure_future(serving.previews.ask(make_raw_lead(2), call=call))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert isinstance(run_on_loop(ask_and_leave()), Preview)


def test_asking_takes_the_right_to_read_leads(serving: Serving) -> None:
    call = make_call(serving, Role.SCIENTIST)
    assert Scope.LEADS_READ not in call.principal.scopes

    with pytest.raises(PermissionDeniedError):
        run_on_loop(serving.previews.ask(make_raw_lead(1), call=call))


def test_a_full_queue_is_seen_where_the_standard_fills_capacity(
    serving: Serving, clock: FrozenClock
) -> None:
    text = default_standard_text().replace("mode: thresholds", "mode: fill_capacity")
    text = text.replace(
        "mrr: {capacity_per_day: 60, expected_per_day: 120",
        "mrr: {capacity_per_day: 1, expected_per_day: 1",
    )
    text = text.replace("always_queue_percentile: 97", "always_queue_percentile: 100")
    call = make_call(serving)
    version = serving.standards.propose(text, call=call).value.version
    serving.standards.activate(version, call=call)
    serving.scorer.refresh(clock())
    (before,) = run_on_loop(ask(serving, make_raw_lead(46)))
    serving.intake.accept(make_raw_lead(40), call=call).result()

    (after,) = run_on_loop(ask(serving, make_raw_lead(46)))

    assert isinstance(before, Preview)
    assert isinstance(after, Preview)
    assert (before.decision.queue, after.decision.queue) == (Queue.MRR, Queue.NURTURE)
