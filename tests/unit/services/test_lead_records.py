from datetime import timedelta
from pathlib import Path

import pytest

from leadqual.errors import NotFoundError, PermissionDeniedError
from leadqual.services.calls import Role
from leadqual.services.outcomes import Outcome
from leadqual.services.serving import Serving
from leadqual.testing import VERSION, FrozenClock, make_call, take_in


def test_a_lead_is_shown_with_its_latest_score_and_state(serving: Serving) -> None:
    result = take_in(serving, 49)

    view = serving.leads.get(result.lead_id, call=make_call(serving))

    assert view.lead is not None
    assert view.lead.contact.full_name == "Person Number49"
    assert (view.score, view.decision, view.feed) == (result.score, result.decision, "api")
    assert view.state == "open"


def test_the_history_names_every_touch_score_and_event_with_its_versions(
    serving: Serving, clock: FrozenClock
) -> None:
    lead_id = take_in(serving, 49).lead_id
    clock.advance(timedelta(days=2))
    take_in(serving, 49, source="newsletter")
    serving.outcomes.record(lead_id, Outcome(type="contacted", note="hi"), call=make_call(serving))

    history = serving.leads.history(lead_id, call=make_call(serving))

    assert [touch.source for touch in history.touches] == ["webinar", "newsletter"]
    assert [scored.reason for scored in history.scores] == ["created", "touched"]
    assert {(s.model_version, s.standard_version) for s in history.scores} == {(VERSION, 1)}
    assert [(event.type, event.note) for event in history.events] == [("contacted", "hi")]


def test_erasure_removes_every_trace_of_a_person_from_the_files(
    serving: Serving, tmp_path: Path
) -> None:
    call = make_call(serving, once="key:body")
    lead_id = take_in(serving, 49, call=call).lead_id
    take_in(serving, 50)
    rep = make_call(serving, Role.MRR, once="claim:body")
    serving.working.claim(lead_id, call=rep)
    serving.outcomes.record(
        lead_id,
        Outcome(type="handed_off", note="Number49 wants a call"),
        call=make_call(serving, Role.MRR),
    )

    serving.leads.erase(lead_id, call=make_call(serving))

    stored = b"".join(path.read_bytes() for path in tmp_path.glob("leadqual.db*"))
    assert b"person50@" in stored
    for trace in (b"person49", b"Number49", b"Company 49", b"company49"):
        assert trace not in stored
    view = serving.leads.get(lead_id, call=make_call(serving))
    assert (view.lead, view.score) == (None, None)
    assert view.erased_at == serving.clock()


def test_an_erased_lead_leaves_the_queue_but_keeps_its_outcomes(serving: Serving) -> None:
    lead_id = take_in(serving, 49).lead_id
    serving.outcomes.record(lead_id, Outcome(type="contacted"), call=make_call(serving))

    serving.leads.erase(lead_id, call=make_call(serving))

    rep = make_call(serving, Role.MRR)
    with pytest.raises(NotFoundError):
        serving.queues.row(lead_id, call=rep)
    history = serving.leads.history(lead_id, call=make_call(serving))
    assert [event.type for event in history.events] == ["contacted"]


def test_only_an_administrator_erases(serving: Serving) -> None:
    lead_id = take_in(serving, 49).lead_id

    with pytest.raises(PermissionDeniedError):
        serving.leads.erase(lead_id, call=make_call(serving, Role.LEADER))
    with pytest.raises(NotFoundError):
        serving.leads.erase("no-such-lead", call=make_call(serving))


@pytest.mark.parametrize("lead_id", ["no-such-lead", "", "' OR 1=1 --"])
def test_a_lead_that_does_not_exist_is_not_found(serving: Serving, lead_id: str) -> None:
    with pytest.raises(NotFoundError):
        serving.leads.get(lead_id, call=make_call(serving))
    with pytest.raises(NotFoundError):
        serving.leads.history(lead_id, call=make_call(serving))
