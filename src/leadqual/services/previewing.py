"""What a lead would get: scored and routed on the event loop, and nothing stored."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leadqual.leads.normalise import normalise
from leadqual.leads.records import dump_record
from leadqual.leads.schema import Lead, RawLead, Rejected
from leadqual.qualify.score import LeadScore
from leadqual.routing.decision import Decision
from leadqual.routing.standard_parts import CutMode
from leadqual.services.calls import Call, Scope
from leadqual.services.placement import NO_CHANCE, Case, n_queued_today, route
from leadqual.services.scoring import LiveScorer, Scored
from leadqual.store import Store

MAX_TOGETHER: Final = 16
"""Leads that are scored in one go: few enough for the loop to look at its sockets between."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a lead would get, without anything stored."""

    score: LeadScore
    decision: Decision

    def as_json(self) -> bytes:
        """Return the preview as JSON."""
        return b'{"score":%b,"decision":%b}' % (
            dump_record(self.score).encode(),
            dump_record(self.decision).encode(),
        )


@dataclass(frozen=True, slots=True)
class _Question:
    """A lead that somebody waits for."""

    lead: Lead
    call: Call
    reply: asyncio.Future[Preview]


class Previews:
    """Score and route leads without storing anything.

    Nothing is known of a person's past here, and nothing is left to chance.

    Parameters
    ----------
    store : Store
        Knows how full today's queues are; it is asked where the standard fills capacity only.
    scorer : LiveScorer
        Scores.
    """

    def __init__(self, store: Store, scorer: LiveScorer) -> None:
        self._store = store
        self._scorer = scorer
        self._waiting: deque[_Question] = deque()

    def preview(self, raw: RawLead, *, call: Call) -> Preview | Rejected:
        """Return what one lead would get. Needs `leads:read`; may wait for the database.

        Raises
        ------
        PermissionDeniedError, StoreError
        """
        lead = _readable(raw, call)
        return lead if isinstance(lead, Rejected) else self._previews([(lead, call)])[0]

    async def ask(self, raw: RawLead, *, call: Call) -> Preview | Rejected:
        """Return what `preview` does, without keeping the event loop waiting for a database.

        Leads that come in turns of the loop without a pause are scored together, which costs less.

        Raises
        ------
        PermissionDeniedError, StoreError
        """
        lead = _readable(raw, call)
        if isinstance(lead, Rejected):
            return lead
        if self._scorer.live.standard.cut.mode is CutMode.FILL_CAPACITY:
            return (await asyncio.to_thread(self._previews, [(lead, call)]))[0]
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Preview] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer, loop)
        self._waiting.append(_Question(lead, call, reply))
        return await reply

    def _answer(self, loop: asyncio.AbstractEventLoop, n_before: int = 0) -> None:
        """Answer those who wait, and leave the rest to another turn of the loop.

        While the last turn brought somebody new, others are likely to be at the door.
        """
        n_waiting = len(self._waiting)
        if n_before < n_waiting < MAX_TOGETHER:
            loop.call_soon(self._answer, loop, n_waiting)
            return
        together = [self._waiting.popleft() for _ in range(min(MAX_TOGETHER, n_waiting))]
        if self._waiting:
            # The next turn is for the answers of these.
            loop.call_soon(loop.call_soon, self._answer, loop, len(self._waiting))
        self._settle([question for question in together if not question.reply.done()])

    def _settle(self, questions: Sequence[_Question]) -> None:
        """Answer together, or, where that fails, each with its own error."""
        try:
            previews = self._previews([(question.lead, question.call) for question in questions])
        except Exception as error:  # noqa: BLE001 - an error belongs to whoever asked
            if len(questions) == 1:
                questions[0].reply.set_exception(error)
                return
            for question in questions:
                self._settle([question])
            return
        for question, preview in zip(questions, previews, strict=True):
            question.reply.set_result(preview)

    def _previews(self, asked: Sequence[tuple[Lead, Call]]) -> list[Preview]:
        """Score all of them by the same model and standard, and route each."""
        if not asked:
            return []
        now = max(call.now for _, call in asked)
        scored = self._scorer.score_many([lead for lead, _ in asked], now=now)
        return [
            self._routed(lead, found, call)
            for (lead, call), found in zip(asked, scored, strict=True)
        ]

    def _routed(self, lead: Lead, scored: Scored, call: Call) -> Preview:
        case = Case(lead, scored, is_new=False)
        n_queued = 0
        if scored.standard.cut.mode is CutMode.FILL_CAPACITY:
            with self._store.read() as tx:
                n_queued = n_queued_today(tx, case, now=call.now)
        decision = route(case, now=call.now, draw=NO_CHANCE, n_queued_today=n_queued)
        return Preview(scored.score, decision)


def _readable(raw: RawLead, call: Call) -> Lead | Rejected:
    """Return the lead of somebody who may see scores."""
    call.principal.require(Scope.LEADS_READ)
    return normalise(raw, now=call.now)
