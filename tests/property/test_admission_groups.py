"""Leads that wait together become the same as leads that come one after the other."""

import shutil
import threading
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadqual.errors import IdempotencyError
from leadqual.leads.parse import parse_raw
from leadqual.leads.schema import RawLead, Rejected
from leadqual.services.admission import IntakeResult
from leadqual.services.serving import Serving
from leadqual.testing import START, FrozenClock, make_call, make_payload
from tests.property.test_services_life import fresh_serving

ERASED, RECENT = 1, 2


@dataclass(frozen=True)
class Sent:
    """One lead of a few persons, sources and idempotency keys, so that many collide."""

    person: int | None
    external_id: str | None
    feed: str
    once: str | None
    is_unseen: bool

    def raw(self) -> RawLead:
        payload = make_payload(50 if self.person is None else self.person)
        payload["external_id"] = self.external_id
        payload["interest"] = {"message": f"{self.external_id} {self.once}"}
        if self.person is None:
            payload["contact"] = {"phone": "+49 40 123456"}
        raw = parse_raw(payload)
        assert isinstance(raw, RawLead)
        return raw


Told = Future[IntakeResult | Rejected] | Future[str | Rejected]

SENT = st.builds(
    Sent,
    person=st.sampled_from([None, ERASED, RECENT, 3, 4]),
    external_id=st.sampled_from([None, None, "x", "y"]),
    feed=st.sampled_from(["api", "crm"]),
    once=st.sampled_from([None, None, "k:1", "k:2", "l:1"]),
    is_unseen=st.booleans(),
)


def submit(serving: Serving, sent: Sent) -> Told:
    """Send a lead, each a moment later: of two leads with one address the later touch counts."""
    assert isinstance(serving.clock, FrozenClock)
    serving.clock.advance(timedelta(microseconds=1))
    call = make_call(serving, once=sent.once and f"{sent.is_unseen}{sent.once}")
    if sent.is_unseen:
        return serving.intake.accept_unseen(sent.raw(), call=call, feed=sent.feed)
    return serving.intake.accept(sent.raw(), call=call, feed=sent.feed)


def prepared() -> tuple[Serving, Path]:
    """Return a service that knows one person and has erased another."""
    serving, folder = fresh_serving(FrozenClock())
    for person in (ERASED, RECENT):
        result = submit(serving, Sent(person, None, "api", None, is_unseen=False)).result(10)
        assert isinstance(result, IntakeResult)
        if person == ERASED:
            serving.leads.erase(result.lead_id, call=make_call(serving))
    return serving, folder


def what_became(futures: list[Told], names: dict[str, int]) -> list[object]:
    """Return what each caller was told, with leads numbered in the order of their first mention."""
    told: list[object] = []
    for future in futures:
        error = future.exception(10)
        if error is not None:
            assert isinstance(error, IdempotencyError)
            told.append("refused")
            continue
        result = future.result()
        if isinstance(result, IntakeResult):
            number = names.setdefault(result.lead_id, len(names))
            # A group is scored at the moment of its last lead.
            score = result.score.model_copy(update={"scored_at": START})
            told.append((number, result.status, result.created, score))
        else:
            told.append("receipt" if isinstance(result, str) else result)
    return told


def what_is_stored(serving: Serving) -> list[object]:
    """Return all that the store says of each lead but its id."""
    found: list[object] = []
    with serving.store.read() as tx:
        for rows in tx.scores.iter_training_rows():
            for row in rows:
                record = tx.leads.get(row.lead_id)
                reasons = [score.reason for score in tx.scores.of(row.lead_id)]
                item = tx.queue.get(row.lead_id)
                touches = [touch.lead for touch in tx.leads.touches(row.lead_id)]
                assert item is not None
                found.append((record.feed, record.lead, record.n_touches, reasons, touches))
        kinds = sorted(m.kind for m in tx.outbox.due(now=serving.clock(), limit=10_000))
    return [sorted(map(repr, found)), kinds]


@given(leads=st.lists(SENT, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_group_becomes_what_its_leads_would_become_one_by_one(leads: list[Sent]) -> None:
    (apart, first), (together, second) = prepared(), prepared()
    with closing(apart), closing(together):
        one_by_one: list[Told] = []
        for sent in leads:
            one_by_one.append(submit(apart, sent))
            one_by_one[-1].exception(10)
        hold = threading.Event()
        together.writer.submit(lambda _: hold.wait(10))
        at_once = [submit(together, sent) for sent in leads]
        hold.set()

        assert what_became(at_once, {}) == what_became(one_by_one, {})
        assert what_is_stored(together) == what_is_stored(apart)
    shutil.rmtree(first)
    shutil.rmtree(second)
