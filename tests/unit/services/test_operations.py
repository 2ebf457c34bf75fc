"""Standards, models, reports, readiness and the tasks in the background."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from leadqual.config import Settings
from leadqual.errors import ConfigError, NotFoundError, PermissionDeniedError, StandardError
from leadqual.routing.standard import default_standard_text
from leadqual.services.calls import Role
from leadqual.services.housekeeping import Housekeeping
from leadqual.services.outcomes import Outcome
from leadqual.services.reports import wilson
from leadqual.services.serving import Serving
from leadqual.services.ticker import Ticker
from leadqual.testing import (
    VERSION,
    FrozenClock,
    make_call,
    make_payload,
    promote,
    take_in,
)
from leadqual.wiring import build_serving


def test_standards_are_versions_of_which_one_is_active(serving: Serving) -> None:
    call = make_call(serving)
    proposed = serving.standards.propose(default_standard_text(), call=call).value

    serving.standards.activate(proposed.version, call=call)

    views = serving.standards.list(call=call)
    assert [(view.version, view.is_active) for view in views] == [(2, True), (1, False)]
    assert views[0].text == default_standard_text().replace("version: 1", "version: 2", 1)


def test_a_repeated_proposal_under_one_key_makes_one_version(serving: Serving) -> None:
    call = make_call(serving, once="standard:text")

    first = serving.standards.propose(default_standard_text(), call=call)
    again = serving.standards.propose(default_standard_text(), call=call)

    assert again.replayed
    assert again.value == first.value
    assert len(serving.standards.list(call=call)) == 2


def test_a_standard_that_cannot_be_used_is_not_stored(serving: Serving) -> None:
    call = make_call(serving)

    with pytest.raises(StandardError):
        serving.standards.propose("grades: {A: 200}", call=call)
    with pytest.raises(NotFoundError):
        serving.standards.activate(7, call=call)
    with pytest.raises(PermissionDeniedError):
        serving.standards.propose(default_standard_text(), call=make_call(serving, Role.MRR))
    assert len(serving.standards.list(call=call)) == 1


def test_the_funnel_counts_leads_by_how_far_they_got(serving: Serving, clock: FrozenClock) -> None:
    call = make_call(serving)
    rows = serving.intake.accept_many([make_payload(n) for n in range(40, 50)], call=call)
    lead_ids = [row.result.lead_id for row in rows if row.result]
    for lead_id in lead_ids[:4]:
        serving.outcomes.record(lead_id, Outcome(type="handed_off"), call=call)
    for lead_id in lead_ids[:2]:
        serving.outcomes.record(lead_id, Outcome(type="accepted"), call=call)
    serving.outcomes.record(lead_ids[0], Outcome(type="won", amount_usd=900), call=call)
    serving.outcomes.record(lead_ids[9], Outcome(type="no_response"), call=call)

    funnel, *_ = serving.reports.funnel(call=call)

    assert {stage.name: stage.n_leads for stage in funnel.stages} == {
        "received": 10,
        "contacted": 4,
        "handed_off": 4,
        "accepted": 2,
        "won": 1,
    }
    accepted = funnel.stages[3]
    assert accepted.share == 0.5
    assert accepted.share_low is not None
    assert accepted.share_high is not None
    assert 0.0 < accepted.share_low < 0.5 < accepted.share_high < 1.0
    assert funnel.amount_won_usd == 900
    later, *_ = serving.reports.funnel(call=call, since=clock() + timedelta(days=1))
    assert [stage.n_leads for stage in later.stages] == [0, 0, 0, 0, 0]
    assert later.stages[1].share is None


def test_the_funnel_is_told_apart_by_motion(serving: Serving) -> None:
    call = make_call(serving)
    payloads = [make_payload(n) for n in range(40, 43)]
    payloads += [make_payload(n, source="bought_list") for n in range(43, 45)]
    rows = serving.intake.accept_many(payloads, call=call)
    lead_ids = [row.result.lead_id for row in rows if row.result]
    serving.outcomes.record(lead_ids[0], Outcome(type="won", amount_usd=100), call=call)
    serving.outcomes.record(lead_ids[3], Outcome(type="won", amount_usd=20), call=call)
    serving.outcomes.record(lead_ids[4], Outcome(type="contacted"), call=call)
    serving.leads.erase(lead_ids[3], call=call)

    funnels = serving.reports.funnel(call=call)

    counts = {f.motion: [stage.n_leads for stage in f.stages] for f in funnels}
    assert counts == {
        "all": [5, 3, 2, 2, 2],
        "inbound": [3, 1, 1, 1, 1],
        "outbound": [2, 2, 1, 1, 1],
    }
    assert [funnel.amount_won_usd for funnel in funnels] == [120, 100, 20]


@pytest.mark.parametrize(("n_hits", "n"), [(0, 1), (1, 1), (0, 10_000), (10_000, 10_000)])
def test_an_interval_stays_between_nothing_and_everything(n_hits: int, n: int) -> None:
    low, high = wilson(n_hits, n)

    assert 0.0 <= low <= n_hits / n <= high <= 1.0


def test_only_who_reads_reports_sees_the_funnel(serving: Serving) -> None:
    with pytest.raises(PermissionDeniedError):
        serving.reports.funnel(call=make_call(serving, Role.MRR))


def test_the_live_model_is_named_with_the_one_before_it(
    serving: Serving, clock: FrozenClock
) -> None:
    promote(serving, "unknown")
    serving.scorer.refresh(clock())

    live = serving.models.live(call=make_call(serving, Role.SCIENTIST))

    assert (live.aliases[0].version, live.aliases[0].previous) == ("unknown", VERSION)
    assert live.serving_version == VERSION
    assert live.problem is not None


def test_readiness_is_without_complaint_when_all_is_well(serving: Serving) -> None:
    readiness = serving.health.readiness(now=serving.clock())

    assert readiness.is_ready
    assert readiness.degraded == ()
    assert (readiness.model_version, readiness.standard_version) == (VERSION, 1)
    assert readiness.database == "sqlite"


def test_without_a_model_the_service_is_ready_and_says_what_is_degraded(
    rules_serving: Serving,
) -> None:
    readiness = rules_serving.health.readiness(now=rules_serving.clock())

    assert readiness.is_ready
    assert ["rules" in text for text in readiness.degraded] == [True]


def test_a_service_that_cannot_write_is_not_ready(serving: Serving) -> None:
    serving.writer.close()

    assert not serving.health.readiness(now=serving.clock()).is_ready


def test_a_task_that_fails_goes_on_and_is_reported_until_it_works_again() -> None:
    results: Iterator[Exception | int] = iter([ZeroDivisionError("first"), 0])
    done = threading.Event()

    def work() -> int:
        result = next(results, None)
        if result is None:
            done.set()
            return 0
        if isinstance(result, Exception):
            raise result
        return result

    ticker = Ticker("test", work, seconds=0.01)
    ticker.start()
    done.wait(5)
    ticker.close()

    assert ticker.problem is None


def test_a_task_that_failed_last_names_its_error() -> None:
    failed = threading.Event()

    def work() -> None:
        failed.set()
        raise ZeroDivisionError

    ticker = Ticker("test", work, seconds=60)
    ticker.start()
    failed.wait(5)
    ticker.close()

    assert ticker.problem == "ZeroDivisionError"


def test_answers_and_sessions_are_forgotten_when_their_time_is_over(
    serving: Serving, clock: FrozenClock
) -> None:
    take_in(serving, call=make_call(serving, once="key:body"))
    housekeeping = Housekeeping(serving.writer)
    kept = housekeeping.run(now=clock.advance(timedelta(days=6)))

    removed = housekeeping.run(now=clock.advance(timedelta(days=2)))

    assert (kept, removed) == (0, 1)


def test_messages_that_nobody_fetched_are_forgotten_after_thirty_days(
    serving: Serving, clock: FrozenClock
) -> None:
    housekeeping = Housekeeping(serving.writer)
    take_in(serving, 1)

    kept = housekeeping.run(now=clock.advance(timedelta(days=30)))
    take_in(serving, 2)
    removed = housekeeping.run(now=clock.advance(timedelta(hours=1)))

    assert (kept, removed) == (0, 1)
    with serving.store.read() as tx:
        assert len(tx.outbox.due(now=clock(), limit=10)) == 1


def test_a_fresh_folder_becomes_a_deployment_that_takes_leads(tmp_path: Path) -> None:
    with closing(build_serving(Settings(home=tmp_path / "new"))) as serving:
        result = take_in(serving, created_at=serving.clock().isoformat())
        standards = serving.standards.list(call=make_call(serving))

    assert result.score.scored_by == "rules"
    assert [view.is_active for view in standards] == [True]


_COUNT_CALLS = """
import sys
from pathlib import Path
from leadqual.config import Settings
from leadqual.testing import make_call, make_raw_lead
from leadqual.wiring import build_serving

serving = build_serving(Settings(home=Path(sys.argv[1])))
with serving.store.read() as tx:
    assert tx.leads.count() == 0
for number in (1, 2):
    calls = []
    raw, call = make_raw_lead(number, created_at=None), make_call(serving)
    sys.setprofile(lambda frame, event, argument: calls.append(event))
    serving.previews.preview(raw, call=call)
    sys.setprofile(None)
    print(len(calls))
serving.close()
"""


def test_the_first_lead_after_the_start_waits_for_nothing_that_is_read_once(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", _COUNT_CALLS, str(tmp_path)]
    counted = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    first, second = (int(line) for line in counted.stdout.split())
    assert first < 20 * second, "with lists and rules to read it is over 300 times as many calls"


def test_a_deployment_is_found_again_as_it_was_left(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with closing(build_serving(settings)) as serving:
        lead_id = take_in(serving).lead_id

    with closing(build_serving(settings)) as serving:
        assert serving.leads.get(lead_id, call=make_call(serving)).lead is not None
        assert len(serving.standards.list(call=make_call(serving))) == 1


def test_the_first_standard_comes_from_the_file_that_settings_name(tmp_path: Path) -> None:
    text = default_standard_text().replace("owner: unassigned", "owner: sales")
    (tmp_path / "ours.yaml").write_text(text, encoding="utf-8")

    settings = Settings(home=tmp_path, standard_file=tmp_path / "ours.yaml")
    with closing(build_serving(settings)) as serving:
        assert serving.scorer.live.standard.owner == "sales"

    with pytest.raises(ConfigError):
        build_serving(Settings(home=tmp_path, standard_file=tmp_path / "missing.yaml"))
