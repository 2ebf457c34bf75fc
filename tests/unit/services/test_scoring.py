import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

from leadqual.errors import StoreError
from leadqual.qualify.bundle import ModelBundle
from leadqual.routing.standard import default_standard, default_standard_text
from leadqual.services.previewing import Preview
from leadqual.services.scoring import RETRY_BROKEN_AFTER, LiveScorer
from leadqual.services.serving import Serving
from leadqual.store import Store, Tx
from leadqual.store.connections import open_connections
from leadqual.testing import (
    VERSION,
    BundleShelf,
    FrozenClock,
    make_bundle,
    make_call,
    make_lead,
    make_raw_lead,
    promote,
)


def test_a_promoted_model_is_picked_up_at_the_next_look(
    serving: Serving, shelf: BundleShelf, clock: FrozenClock
) -> None:
    shelf.put(make_bundle("v2"))
    promote(serving, "v2")
    before = serving.scorer.live.model_version

    changed = serving.scorer.refresh(clock())

    assert (before, changed, serving.scorer.live.model_version) == (VERSION, True, "v2")
    assert not serving.scorer.refresh(clock())


def test_a_model_that_does_not_load_leaves_the_old_one_serving_and_is_named(
    serving: Serving, clock: FrozenClock
) -> None:
    promote(serving, "broken")

    serving.scorer.refresh(clock())

    assert serving.scorer.live.model_version == VERSION
    assert any("broken" in problem for problem in serving.scorer.live.problems)
    assert any("broken" in text for text in serving.health.readiness(now=clock()).degraded)


def test_a_model_that_did_not_load_is_tried_again_later(
    serving: Serving, shelf: BundleShelf, clock: FrozenClock
) -> None:
    promote(serving, "late")
    serving.scorer.refresh(clock())
    shelf.put(make_bundle("late"))

    serving.scorer.refresh(clock())
    at_once = serving.scorer.live.model_version
    serving.scorer.refresh(clock.advance(RETRY_BROKEN_AFTER))

    assert at_once == VERSION
    assert serving.scorer.live.model_version == "late"
    assert serving.scorer.live.problems == ()


def test_an_activated_standard_counts_from_the_next_look(
    serving: Serving, clock: FrozenClock
) -> None:
    strict = default_standard_text().replace("min_percentile: 40", "min_percentile: 99")
    call = make_call(serving)
    version = serving.standards.propose(strict, call=call).value.version
    before = serving.scorer.live.standard.cut.min_percentile
    serving.standards.activate(version, call=call)

    serving.scorer.refresh(clock())

    assert (before, serving.scorer.live.standard.cut.min_percentile) == (40, 99)
    assert serving.scorer.live.standard.version == version


class StoreThatGoesDown(Store):
    """A store whose database can be taken away."""

    is_down = False

    @contextmanager
    def read(self) -> Iterator[Tx]:
        if self.is_down:
            raise StoreError("the database does not answer")
        with super().read() as tx:
            yield tx


def test_a_database_that_does_not_answer_changes_nothing(
    serving: Serving, sqlite_url: str, clock: FrozenClock
) -> None:
    with closing(StoreThatGoesDown(open_connections(sqlite_url))) as store:
        scorer = LiveScorer(store, lambda _: make_bundle(), standard=default_standard())
        scorer.refresh(clock())
        store.is_down = True

        changed = scorer.refresh(clock())

        assert not changed
        assert scorer.live.model_version == VERSION
        assert len(scorer.live.problems) == 1


def test_one_at_a_time_and_together_score_the_same(serving: Serving, clock: FrozenClock) -> None:
    leads = [make_lead(number) for number in range(30)]

    together = serving.scorer.score_many(leads, now=clock())

    assert together == [serving.scorer.score(lead, now=clock()) for lead in leads]
    assert serving.scorer.score_many([], now=clock()) == []


def test_swaps_under_load_fail_no_call_and_each_answer_is_of_one_version(
    serving: Serving, shelf: BundleShelf
) -> None:
    versions = [make_bundle(f"v{number}", shift=number / 4) for number in range(4)]
    for bundle in versions:
        shelf.put(bundle)
    expected = {bundle.version: p_conversion_of(bundle, serving) for bundle in versions}
    expected[VERSION] = p_conversion_of(make_bundle(), serving)
    is_over = threading.Event()

    def ask() -> list[tuple[str, float]]:
        call, answers = make_call(serving), []
        while not is_over.is_set():
            preview = serving.previews.preview(make_raw_lead(49), call=call)
            assert isinstance(preview, Preview)
            answers.append((preview.score.model_version, preview.score.p_conversion))
        return answers

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        for number in range(40):
            promote(serving, f"v{number % 4}")
            serving.scorer.refresh(serving.clock())
        is_over.set()
    answers = [answer for asked in asking for answer in asked.result()]

    assert len(answers) > 40
    assert all(p_conversion == expected[version] for version, p_conversion in answers)
    assert len({version for version, _ in answers}) > 1


def p_conversion_of(bundle: ModelBundle, serving: Serving) -> float:
    """Return what a version says of lead 49."""
    shelf = BundleShelf([bundle])
    promote(serving, bundle.version)
    scorer = LiveScorer(serving.store, shelf.load, standard=default_standard())
    scorer.refresh(serving.clock())
    return scorer.score(make_lead(49), now=serving.clock()).score.p_conversion


def test_a_running_service_swaps_within_two_seconds(serving: Serving, shelf: BundleShelf) -> None:
    shelf.put(make_bundle("v2"))
    serving.start()

    promote(serving, "v2")
    deadline = time.monotonic() + 2.0
    while serving.scorer.live.model_version != "v2" and time.monotonic() < deadline:
        time.sleep(0.02)

    assert serving.scorer.live.model_version == "v2"


def test_without_any_bundle_the_rules_score(rules_serving: Serving) -> None:
    score = rules_serving.scorer.score(make_lead(), now=rules_serving.clock()).score

    assert score.model_version == "rules"
    assert any("no model" in problem for problem in rules_serving.scorer.live.problems)
