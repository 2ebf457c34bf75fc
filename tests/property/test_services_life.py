"""Whatever reps, AEs, sources and the clock do in whatever order, the promises hold."""

import shutil
import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from leadqual.errors import ConflictError, InputError, NotFoundError, PermissionDeniedError
from leadqual.leads.schema import Lead
from leadqual.outcomes.events import TAKES_REASON, OutcomeType, Reason
from leadqual.services.calls import Call, Role
from leadqual.services.outcomes import Outcome, RecordedOutcome
from leadqual.services.serving import Serving
from leadqual.services.touches import merge_leads
from leadqual.store import open_store
from leadqual.testing import (
    BundleShelf,
    FrozenClock,
    make_bundle,
    make_call,
    make_lead,
    make_payload,
    make_serving,
    take_in,
)

REPS = (("mira", Role.MRR), ("otto", Role.MRR), ("sven", Role.SDR), ("anna", Role.AE))
NUMBERS = st.integers(45, 49)
REFUSED = (ConflictError, NotFoundError, PermissionDeniedError, InputError)


@cache
def template() -> Path:
    """Return a database with the schema, made once."""
    path = Path(tempfile.mkdtemp(prefix="lq-life-")) / "template.db"
    store = open_store(f"sqlite:///{path}")
    store.upgrade()
    store.scrub()
    store.close()
    return path


@cache
def model() -> BundleShelf:
    return BundleShelf([make_bundle()])


def fresh_serving(clock: FrozenClock) -> tuple[Serving, Path]:
    folder = Path(tempfile.mkdtemp(prefix="lq-life-"))
    shutil.copyfile(template(), folder / "leadqual.db")
    return make_serving(folder, bundle=model().load("2026-11-20-1"), clock=clock), folder


class LeadLife(RuleBasedStateMachine):
    """Leads come, are worked, lost and won; beside it runs who holds which lead."""

    lead_ids = Bundle("lead_ids")

    @initialize()
    def start(self) -> None:
        self.clock = FrozenClock()
        self.serving, self.folder = fresh_serving(self.clock)
        self.tokens: dict[str, int] = {}
        self.persons: dict[int, set[str]] = {}
        self.n_events = 0

    def call(self, who: int) -> Call:
        name, role = REPS[who]
        return make_call(self.serving, role, name=name)

    @rule(target=lead_ids, number=NUMBERS)
    def come(self, number: int) -> str:
        source = "bought_list" if number == 45 else "webinar"
        result = take_in(self.serving, number, source=source)
        known = self.persons.setdefault(number, set())
        assert result.created == (result.lead_id not in known)
        known.add(result.lead_id)
        return result.lead_id

    @rule(lead_id=lead_ids, who=st.integers(0, 3))
    def claim(self, lead_id: str, who: int) -> None:
        call = self.call(who)
        try:
            row = self.serving.working.claim(lead_id, call=call).value
        except REFUSED:
            return
        assert row.queue in call.principal.queues
        self.note_token(lead_id, row.token)

    @rule(who=st.integers(0, 2))
    def claim_next(self, who: int) -> None:
        call = self.call(who)
        (queue,) = call.principal.queues
        row = self.serving.working.claim_next(queue, call=call).value
        if row is not None:
            assert self.tokens.get(row.lead_id) != row.token
            self.note_token(row.lead_id, row.token)

    def note_token(self, lead_id: str, token: int | None) -> None:
        assert token is not None
        assert token >= self.tokens.get(lead_id, 0)
        self.tokens[lead_id] = token

    @rule(lead_id=lead_ids, who=st.integers(0, 3), age=st.integers(0, 1))
    def release(self, lead_id: str, who: int, age: int) -> None:
        token = self.tokens.get(lead_id, 0) - age
        try:
            self.serving.working.release(lead_id, token=token, call=self.call(who))
        except REFUSED:
            return
        assert age == 0

    @rule(
        lead_id=lead_ids,
        who=st.integers(0, 3),
        kind=st.sampled_from(OutcomeType),
        reason=st.sampled_from([None, *Reason]),
        age=st.sampled_from([None, 0, 1]),
    )
    def report_anything(
        self, lead_id: str, who: int, kind: OutcomeType, reason: Reason | None, age: int | None
    ) -> None:
        token = None if age is None else max(0, self.tokens.get(lead_id, 0) - age)
        outcome = Outcome(type=kind, reason=reason, token=token)
        try:
            recorded = self.serving.outcomes.record(lead_id, outcome, call=self.call(who)).value
        except REFUSED:
            return
        assert token in {None, self.tokens.get(lead_id, 0)}
        self.note_event(recorded)

    @rule(lead_id=lead_ids, pick=st.integers(0, 20), is_eager=st.booleans())
    def report_what_a_page_offers(self, lead_id: str, pick: int, *, is_eager: bool) -> None:
        offers = [
            (call, allowed)
            for call in map(self.call, range(len(REPS)))
            if (allowed := self.offered(lead_id, call))
        ]
        if not offers:
            return
        call, allowed = offers[pick % len(offers)]
        forward = [kind for kind in ("handed_off", "accepted", "won") if kind in allowed]
        kind = OutcomeType(forward[0] if is_eager and forward else allowed[pick % len(allowed)])
        outcome = Outcome(
            type=kind,
            reason=Reason.NO_BUDGET if kind in TAKES_REASON else None,
            token=self.tokens.get(lead_id, 0),
        )
        try:
            self.note_event(self.serving.outcomes.record(lead_id, outcome, call=call).value)
        except ConflictError:
            # A late win waits while somebody holds what was begun since.
            assert kind is OutcomeType.WON
            with self.serving.store.read() as tx:
                item = tx.queue.get(lead_id, now=self.clock())
            assert item is not None
            assert item.claimed_by is not None or item.is_final

    def offered(self, lead_id: str, call: Call) -> tuple[str, ...]:
        try:
            return self.serving.queues.row(lead_id, call=call).allowed
        except NotFoundError:
            return ()

    def note_event(self, recorded: RecordedOutcome) -> None:
        self.n_events += 1
        with self.serving.store.read() as tx:
            item = tx.queue.get(recorded.lead_id)
        assert item is not None
        assert item.state is recorded.state
        self.tokens[recorded.lead_id] = item.token

    @rule(minutes=st.sampled_from([1, 29, 31, 60 * 25, 60 * 24 * 31]))
    def wait(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))

    @invariant()
    def everything_adds_up(self) -> None:
        if not hasattr(self, "serving"):
            return
        lead_ids = {lead_id for known in self.persons.values() for lead_id in known}
        with self.serving.store.read() as tx:
            assert tx.queue.verify(self.clock()) == ()
            assert tx.leads.count() == len(lead_ids)
            assert set(tx.scores.latest_many(sorted(lead_ids))) == lead_ids
            assert sum(len(batch) for batch in tx.events.iter_all()) == self.n_events

    def teardown(self) -> None:
        if hasattr(self, "serving"):
            self.serving.close()
            shutil.rmtree(self.folder)


LeadLife.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
test_lead_life = pytest.mark.timeout(300)(LeadLife.TestCase)


@settings(max_examples=15, deadline=None)
@given(numbers=st.lists(NUMBERS, max_size=12))
def test_a_batch_does_what_single_leads_do(numbers: list[int]) -> None:
    clock = FrozenClock()
    (together, folder), (apart, other) = fresh_serving(clock), fresh_serving(clock)

    rows = together.intake.accept_many(
        [make_payload(number) for number in numbers], call=make_call(together)
    )
    results = [take_in(apart, number) for number in numbers]

    assert [row.result and (row.status, row.result.score) for row in rows] == [
        (result.status, result.score) for result in results
    ]
    for serving, path in ((together, folder), (apart, other)):
        serving.close()
        shutil.rmtree(path)


LEADS = st.builds(
    lambda number, fields: make_lead(number, **fields),
    st.integers(0, 20),
    st.fixed_dictionaries(
        {},
        optional={
            "company": st.just({"name": "Other"}),
            "interest": st.just({}),
            "attributes": st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)),
            "source": st.sampled_from(["newsletter", "bought_list"]),
        },
    ),
)


@given(earlier=LEADS, later=LEADS)
def test_what_is_said_later_counts_and_nothing_said_earlier_is_lost(
    earlier: Lead, later: Lead
) -> None:
    merged = merge_leads(earlier, later)

    assert merge_leads(merged, later) == merged
    assert merge_leads(earlier, earlier) == earlier
    for section in ("contact", "company", "interest", "engagement"):
        for name, value in getattr(merged, section):
            said = getattr(getattr(later, section), name)
            before = getattr(getattr(earlier, section), name)
            assert value == (said if said is not None else before)
    assert (merged.source, merged.motion) == (later.source, later.motion)
    assert set(merged.attributes) == set(earlier.attributes) | set(later.attributes)
