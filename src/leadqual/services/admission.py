"""Leads into the store, many at once: suppressed, a touch on a known lead, or a new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Final

import pydantic_core
from pydantic import TypeAdapter

from leadqual.errors import IdempotencyError
from leadqual.leads.normalise import EARLIEST
from leadqual.leads.schema import FieldReason, Lead, Rejected
from leadqual.leads.text_enum import TextEnum
from leadqual.qualify.score import LeadScore
from leadqual.routing.decision import Decision
from leadqual.services.idempotent import Once, find_answer, keep_answer
from leadqual.services.ids import new_lead_id
from leadqual.services.placement import NO_PAST, Case, Past, Placement, past_of
from leadqual.services.scoring import LiveScorer, Scored
from leadqual.services.touches import merge_leads
from leadqual.store import KnownLeads, LeadRecord, NewLead, NewScore, Tx

TOUCH_WINDOW: Final = timedelta(days=30)
"""How long the same person's next lead is a touch on the same lead, not a new one."""

SUPPRESSED: Final = Rejected((
    FieldReason("contact", "this person was erased on request; nothing was stored"),
))
"""What a lead with a suppressed e-mail address or phone number gets."""


class IntakeStatus(TextEnum):
    """What became of a lead that was sent."""

    CREATED = "created"
    TOUCHED = "touched"
    REPLAYED = "replayed"
    REJECTED = "rejected"


@dataclass(frozen=True)
class IntakeResult:
    """A lead that is on disk, scored and routed.

    `created` is False for a new touch on a known lead. A replay under the same idempotency
    key repeats the first answer, with `status` REPLAYED.
    """

    lead_id: str
    status: IntakeStatus
    created: bool
    score: LeadScore
    decision: Decision

    @classmethod
    def of(cls, new: NewScore, status: IntakeStatus) -> IntakeResult:
        """Make the result of a lead that was just scored and placed."""
        is_created = status is IntakeStatus.CREATED
        result = cls(new.lead_id, status, is_created, new.score, new.decision)
        # The texts that are stored as well: each is written once.
        vars(result)["json"] = result._joined(new.score_json, new.decision_json)
        return result

    @cached_property
    def json(self) -> bytes:
        """Return the result as JSON: what a caller gets, and what is kept to be given again."""
        return self._joined(self.score.model_dump_json(), self.decision.model_dump_json())

    def _joined(self, score: str, decision: str) -> bytes:
        head = {"lead_id": self.lead_id, "status": self.status, "created": self.created}
        text = pydantic_core.to_json(head).decode()[:-1]
        return f'{text},"score":{score},"decision":{decision}}}'.encode()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A usable lead on its way in.

    `quarantine` says why it must not reach a rep, if so. When it `is_unseen`, its caller gets a
    receipt that tells nothing of the person.
    """

    lead: Lead
    feed: str
    now: datetime
    once: Once | None = None
    quarantine: str | None = None
    is_unseen: bool = False

    @property
    def marks(self) -> Iterator[object]:
        """Yield what another arrival that depends on this one has as well."""
        if self.lead.contact.email is not None:
            yield self.lead.contact.email
        if self.lead.external_id is not None:
            yield self.feed, self.lead.external_id
        if self.once is not None:
            yield self.once.scope, self.once.key, "once"


@dataclass(frozen=True, slots=True)
class ScoredArrival:
    """An arrival, and what the live model says of it."""

    arrival: Arrival
    scored: Scored


Admitted = IntakeResult | Rejected
"""What became of an arrival."""

Answer = Admitted | str
"""What its caller is told: a receipt (text) where they may not see what became of it."""

_RECEIPT: Final = TypeAdapter(str)


@cache
def _results() -> TypeAdapter[Admitted]:
    """Return what reads a kept answer; built with the first idempotency key."""
    return TypeAdapter(Admitted)


class Admission:
    """Score arrivals and write them: a crew of the group writer.

    Parameters
    ----------
    scorer : LiveScorer
        Scores arrivals, and touches again with all that is known of the person by then.
    placement : Placement
        Decides where leads go.
    suppression_key : bytes
        Key of the marks that erased persons leave.
    """

    def __init__(self, scorer: LiveScorer, placement: Placement, *, suppression_key: bytes) -> None:
        self._scorer = scorer
        self._placement = placement
        self._suppression_key = suppression_key

    def prepare(self, items: Sequence[Arrival]) -> list[ScoredArrival]:
        """Score arrivals, all by the same model and standard."""
        if not items:
            return []
        now = max(arrival.now for arrival in items)
        scored = self._scorer.score_many([arrival.lead for arrival in items], now=now)
        return [ScoredArrival(arrival, found) for arrival, found in zip(items, scored, strict=True)]

    def write(self, tx: Tx, items: Sequence[ScoredArrival]) -> list[Answer | IdempotencyError]:
        """Write arrivals within a transaction, each at most once per idempotency key.

        The same external id of the same feed is always the same lead; the same e-mail address
        is for 30 days after its last touch.

        Returns
        -------
        list
            Per arrival its answer, or why its idempotency key cannot be used: then nothing was
            written for it.

        Raises
        ------
        BusyError
            When another process stored one of them at this very moment.
        """
        answers: list[Answer | IdempotencyError] = []
        while len(answers) < len(items):
            answers += self._write_some(tx, items[len(answers) :])
        return answers

    def _write_some(
        self, tx: Tx, items: Sequence[ScoredArrival]
    ) -> list[Answer | IdempotencyError]:
        """Write the first arrivals, as many as do not depend on each other: at least one."""
        wave = items[: _n_strangers(items)]
        kept = [_kept(tx, item.arrival) for item in wave]
        known = _Known.of(tx, [i.arrival for i, a in zip(wave, kept, strict=True) if a is None])
        wave = wave[: known.n_apart(wave, kept)]
        fresh = [item for item, answer in zip(wave, kept, strict=False) if answer is None]
        admitted = iter(zip(fresh, self._admit(tx, fresh, known), strict=True))
        return [
            _answered(tx, *next(admitted)) if answer is None else answer
            for answer in kept[: len(wave)]
        ]

    def _admit(self, tx: Tx, items: Sequence[ScoredArrival], known: _Known) -> list[Admitted]:
        """Write arrivals that do not depend on each other."""
        suppressed = self._suppressed(tx, items)
        results: dict[int, Admitted] = dict.fromkeys(suppressed, SUPPRESSED)
        new: dict[int, Case] = {}
        for index, item in enumerate(items):
            if index in suppressed:
                continue
            record, is_same = known.lead_of(item.arrival)
            past = _past(tx, record, item.arrival)
            if record is None or not is_same:
                new[index] = Case(item.arrival.lead, item.scored, past)
            else:
                results[index] = self._touch(tx, record, item.arrival, past=past)
        feeds = {index: items[index].arrival.feed for index in new}
        now = max((item.arrival.now for item in items), default=EARLIEST)
        results |= self._create(tx, new, feeds, now=now)
        return [results[index] for index in range(len(items))]

    def _suppressed(self, tx: Tx, items: Sequence[ScoredArrival]) -> set[int]:
        """Return the arrivals of persons who were erased on request."""
        contacts = [item.arrival.lead.contact for item in items]
        names = {name for contact in contacts for name in (contact.email, contact.phone) if name}
        erased = tx.leads.suppressed_among(names, self._suppression_key) if names else frozenset()
        return {
            index
            for index, contact in enumerate(contacts)
            if contact.email in erased or contact.phone in erased
        }

    def _create(
        self, tx: Tx, cases: Mapping[int, Case], feeds: Mapping[int, str], *, now: datetime
    ) -> dict[int, Admitted]:
        """Store new leads with all that belongs to them."""
        if not cases:
            return {}
        ids = {index: new_lead_id(now) for index in cases}
        tx.leads.insert_new([
            NewLead(ids[index], feeds[index], case.lead, received_at=now)
            for index, case in cases.items()
        ])
        by_id = {ids[index]: case for index, case in cases.items()}
        placed = self._placement.place(tx, by_id, reason="created", now=now)
        return {
            index: IntakeResult.of(placed[lead_id], IntakeStatus.CREATED)
            for index, lead_id in ids.items()
        }

    def _touch(self, tx: Tx, known: LeadRecord, arrival: Arrival, *, past: Past) -> IntakeResult:
        """Add a touch to a known lead and score it again, with all that is known of it now."""
        now = arrival.now
        lead = merge_leads(known.lead, arrival.lead)
        tx.leads.touch(known.lead_id, lead, feed=arrival.feed, at=now)
        latest = tx.scores.latest(known.lead_id)
        case = Case(
            lead,
            self._scorer.score(lead, now=now),
            past,
            is_new=False,
            was_explored=latest is not None and latest.decision.explored,
        )
        placed = self._placement.place(tx, {known.lead_id: case}, reason="touched", now=now)
        return IntakeResult.of(placed[known.lead_id], IntakeStatus.TOUCHED)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored already of the leads and persons of some arrivals."""

    leads: KnownLeads

    @classmethod
    def of(cls, tx: Tx, arrivals: Sequence[Arrival]) -> _Known:
        """Look up every external id and every address."""
        names: dict[str, list[str]] = {}
        for arrival in arrivals:
            if arrival.lead.external_id is not None:
                names.setdefault(arrival.feed, []).append(arrival.lead.external_id)
        emails = [a.lead.contact.email for a in arrivals if a.lead.contact.email is not None]
        is_nameless = not names and not emails
        return cls(KnownLeads({}, {}) if is_nameless else tx.leads.find_known(names, emails))

    def n_apart(self, items: Sequence[ScoredArrival], kept: Sequence[object]) -> int:
        """Return how many arrivals come before the first whose lead is that of an earlier one.

        One can name it by its external id, the other by its address.
        """
        seen: set[str] = set()
        for index, (item, answer) in enumerate(zip(items, kept, strict=True)):
            record = self.lead_of(item.arrival)[0] if answer is None else None
            if record is not None and record.lead_id in seen:
                return index
            if record is not None:
                seen.add(record.lead_id)
        return len(items)

    def lead_of(self, arrival: Arrival) -> tuple[LeadRecord | None, bool]:
        """Return the lead that was known before, and whether the arrival is a touch on it.

        The same external id always is; the last lead with the same address, however old, tells
        of the person's past.
        """
        lead = arrival.lead
        if lead.external_id is not None:
            record = self.leads.by_external.get((arrival.feed, lead.external_id))
            if record is not None:
                return record, True
        record = None if lead.contact.email is None else self.leads.by_email.get(lead.contact.email)
        is_same = record is not None and record.touched_at >= arrival.now - TOUCH_WINDOW
        return record, is_same


def _n_strangers(items: Sequence[ScoredArrival]) -> int:
    """Return how many arrivals come before the first that has a mark of an earlier one."""
    seen: set[object] = set()
    for index, item in enumerate(items):
        marks = set(item.arrival.marks)
        if marks & seen:
            return index
        seen |= marks
    return len(items)


def _answered(tx: Tx, item: ScoredArrival, result: Admitted) -> Answer:
    """Return what the caller is told, and keep it with the idempotency key."""
    arrival = item.arrival
    answer = _receipt(arrival, result) if arrival.is_unseen else result
    if arrival.once is not None:
        keep_answer(tx, arrival.once, _as_json(answer), now=arrival.now)
    return answer


def _kept(tx: Tx, arrival: Arrival) -> Answer | IdempotencyError | None:
    """Return the answer given before under the arrival's key, or why the key cannot be used."""
    if arrival.once is None:
        return None
    try:
        if arrival.is_unseen:
            kept = find_answer(tx, arrival.once, kind=_RECEIPT, now=arrival.now)
            return None if kept is None else kept.value
        found = find_answer(tx, arrival.once, kind=_results(), now=arrival.now)
    except IdempotencyError as error:
        return error
    if found is None:
        return None
    if isinstance(found.value, IntakeResult):
        return replace(found.value, status=IntakeStatus.REPLAYED)
    return found.value


def _as_json(answer: Answer) -> str:
    """Return an answer as `_kept` reads it back."""
    if isinstance(answer, IntakeResult):
        return answer.json.decode()
    return pydantic_core.to_json(answer).decode()


def _receipt(arrival: Arrival, result: Admitted) -> str:
    """Return an id that looks new: the lead's own only where the person is."""
    if isinstance(result, IntakeResult) and result.created:
        return result.lead_id
    return new_lead_id(arrival.now)


def _past(tx: Tx, earlier: LeadRecord | None, arrival: Arrival) -> Past:
    """Return what is known of the person from before, and what the caller knows."""
    past = NO_PAST
    if earlier is not None:
        past = past_of([stored.event for stored in tx.events.of(earlier.lead_id)])
    return past if arrival.quarantine is None else replace(past, quarantine=arrival.quarantine)
