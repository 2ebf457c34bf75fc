"""What a rep sees: a ranked queue, one lead, and an AE's hand-offs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from leadqual.errors import InputError, NotFoundError
from leadqual.leads.schema import Lead
from leadqual.qualify.score import LeadScore
from leadqual.queue.handoff import Handoff
from leadqual.queue.items import QueueDepth, QueueItem
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Decision, Queue
from leadqual.services.calls import Call, Principal, Scope
from leadqual.services.duties import allowed_for
from leadqual.store import ScoreRecord, Store, Tx
from leadqual.store.queue_items import QueueRepository

MAX_PAGE: Final = 200

QUESTIONS: Final[Mapping[str, str]] = {
    "fit": "What does the company do, for whom, and how large is it?",
    "authority": "Who decides on this, and who else has a say?",
    "need": "What should change, and what happens if it does not?",
    "budget": "Is there a budget for this, and who releases it?",
}
"""What to ask next, by the check that is open."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One lead in a queue, with everything its row or page needs.

    `ask` is the question to ask next in plain words (None when nothing is open), `token` is
    there only for whoever holds the claim, `allowed` are the outcomes that its state and the
    viewer's role allow (none while a colleague holds it).
    """

    lead_id: str
    queue: Queue
    state: ItemState
    rank: float
    name: str | None
    job_title: str | None
    company: str | None
    country: str | None
    source: str
    created_at: datetime
    due_at: datetime | None
    is_overdue: bool
    score: LeadScore
    decision: Decision
    ask: str | None
    allowed: tuple[str, ...]
    claimed_by: str | None = None
    lease_until: datetime | None = None
    token: int | None = None
    snoozed_until: datetime | None = None
    handed_to: str | None = None
    owner_rep: str | None = None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A stretch of a ranked queue; `next_cursor` is None at its end."""

    queue: Queue
    rows: tuple[QueueRow, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """How much waits in one queue."""

    queue: Queue
    n_open: int
    n_claimed: int
    n_snoozed: int
    n_overdue: int


@dataclass(frozen=True, slots=True)
class HandoffRow:
    """A hand-off as an AE sees it: where it stands, and the brief that came with it."""

    row: QueueRow
    brief: Handoff


class Queues:
    """List queues and hand-offs; what does not exist for the caller is filtered in SQL.

    Parameters
    ----------
    store : Store
        Where everything is read from.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def summaries(self, *, call: Call) -> tuple[QueueSummary, ...]:
        """Return the depth of every queue that exists for the caller, in the order of `Queue`.

        Raises
        ------
        PermissionDeniedError
            When the caller works no queues.
        """
        call.principal.require(Scope.QUEUE_WORK)
        with self._store.read() as tx:
            depths = {depth.queue: depth for depth in visible(tx, call.principal).depths(call.now)}
        return tuple(
            _summary(depths.get(queue, QueueDepth(queue)))
            for queue in Queue
            if queue in call.principal.queues
        )

    def page(
        self, queue: Queue, *, call: Call, limit: int = 50, cursor: str | None = None
    ) -> QueuePage:
        """Return the best `limit` leads of a queue after `cursor`: free ones, and claimed ones.

        Raises
        ------
        PermissionDeniedError
            When the queue belongs to another role.
        InputError
            When the cursor is none of ours, or the limit is not between 1 and 200.
        """
        call.principal.require_queue(queue)
        if not 1 <= limit <= MAX_PAGE:
            raise InputError(f"a page has 1 to {MAX_PAGE} leads, not {limit}")
        with self._store.read() as tx:
            page = visible(tx, call.principal).ranked(
                queue, limit=limit, cursor=cursor, now=call.now
            )
            rows = rows_of(tx, page.items, call=call)
        return QueuePage(queue, rows, page.next_cursor)

    def held(self, queue: Queue, *, call: Call) -> tuple[QueueRow, ...]:
        """Return what the caller has claimed or put off in a queue, claimed ones first.

        Raises
        ------
        PermissionDeniedError
            When the queue belongs to another role.
        """
        call.principal.require_queue(queue)
        name = call.principal.name
        with self._store.read() as tx:
            items = visible(tx, call.principal)
            claimed, put_off = (
                items.ranked(queue, limit=MAX_PAGE, now=call.now, states=(state,)).items
                for state in (ItemState.CLAIMED, ItemState.SNOOZED)
            )
            own = [item for item in claimed if item.claimed_by == name]
            own += [item for item in put_off if item.owner_rep == name]
            return rows_of(tx, own, call=call)

    def row(self, lead_id: str, *, call: Call) -> QueueRow:
        """Return one lead's row.

        Raises
        ------
        PermissionDeniedError
            When the caller works no queues.
        NotFoundError
            When there is none, or none that exists for the caller.
        """
        call.principal.require(Scope.QUEUE_WORK)
        with self._store.read() as tx:
            item = visible(tx, call.principal).get(lead_id, now=call.now)
            if item is None:
                raise NotFoundError("the lead is in none of your queues")
            return row_of(tx, item, call=call)

    def handoffs(self, *, call: Call, is_finished: bool = False) -> tuple[HandoffRow, ...]:
        """Return hand-offs, newest first: an AE's own and those for any AE, or everybody's.

        Parameters
        ----------
        is_finished : bool
            Won and lost ones, instead of those still with the AE.

        Raises
        ------
        PermissionDeniedError
            When the caller works no queues.
        """
        call.principal.require(Scope.QUEUE_WORK)
        with self._store.read() as tx:
            items = visible(tx, call.principal).handoffs(
                handed_to=call.principal.ae, is_finished=is_finished
            )
            briefs = tx.handoffs.latest_many([item.lead_id for item in items])
            rows = rows_of(tx, items, call=call)
        return tuple(HandoffRow(row, briefs[row.lead_id]) for row in rows if row.lead_id in briefs)

    def handoff(self, lead_id: str, *, call: Call) -> HandoffRow:
        """Return one hand-off.

        Raises
        ------
        PermissionDeniedError
            When the caller works no queues.
        NotFoundError
            When the lead was not handed off, or does not exist for the caller.
        """
        row = self.row(lead_id, call=call)
        with self._store.read() as tx:
            brief = tx.handoffs.latest(lead_id)
        if brief is None:
            raise NotFoundError("the lead was not handed off")
        return HandoffRow(row, brief)


def visible(tx: Tx, principal: Principal) -> QueueRepository:
    """Return the queues as far as they exist for somebody."""
    return tx.queue.limited_to(principal.queues, ae=principal.ae)


def row_of(tx: Tx, item: QueueItem, *, call: Call) -> QueueRow:
    """Return the row of one item.

    Raises
    ------
    NotFoundError
        When its lead was erased.
    """
    return rows_of_many(tx, [(item, call)])[0]


def rows_of_many(tx: Tx, shown: Sequence[tuple[QueueItem, Call]]) -> list[QueueRow]:
    """Return the rows of items, each as its own caller sees it. Errors as `row_of`."""
    cards = _cards(tx, [item for item, _ in shown])
    if any(item.lead_id not in cards for item, _ in shown):
        raise NotFoundError("the lead was erased")
    return [
        _row(item, cards[item.lead_id], call=call, outcomes=_allowed(call, item.state))
        for item, call in shown
    ]


def rows_of(tx: Tx, items: Sequence[QueueItem], *, call: Call) -> tuple[QueueRow, ...]:
    """Return the rows of items, in their order; erased leads have none."""
    cards = _cards(tx, items)
    outcomes = {state: _allowed(call, state) for state in {item.state for item in items}}
    return tuple(
        _row(item, cards[item.lead_id], call=call, outcomes=outcomes[item.state])
        for item in items
        if item.lead_id in cards
    )


def _cards(tx: Tx, items: Sequence[QueueItem]) -> dict[str, tuple[Lead, ScoreRecord]]:
    """Return lead and newest score by id, for those who have both."""
    lead_ids = [item.lead_id for item in items]
    if not lead_ids:
        return {}
    leads, scores = tx.leads.get_many(lead_ids), tx.scores.latest_many(lead_ids)
    return {
        lead_id: (record.lead, scores[lead_id])
        for lead_id, record in leads.items()
        if lead_id in scores
    }


def _allowed(call: Call, state: ItemState) -> tuple[str, ...]:
    return tuple(outcome.value for outcome in allowed_for(call.principal, state))


def _row(
    item: QueueItem, card: tuple[Lead, ScoreRecord], *, call: Call, outcomes: tuple[str, ...]
) -> QueueRow:
    lead, scored = card
    is_mine = item.claimed_by == call.principal.name
    is_anothers = item.state is ItemState.CLAIMED and not is_mine
    can_act = call.principal.role is None or not is_anothers
    return QueueRow(
        lead_id=item.lead_id,
        queue=item.queue,
        state=item.state,
        rank=item.rank,
        name=lead.contact.full_name or lead.contact.email,
        job_title=lead.contact.job_title,
        company=lead.company.name or lead.company.domain,
        country=lead.contact.country or lead.company.country,
        source=lead.source,
        created_at=lead.created_at,
        due_at=item.due_at,
        is_overdue=item.is_overdue(call.now),
        score=scored.score,
        decision=scored.decision,
        ask=QUESTIONS.get(scored.decision.ask_next or ""),
        allowed=outcomes if can_act else (),
        claimed_by=item.claimed_by,
        lease_until=item.lease_until,
        token=item.token if is_mine else None,
        snoozed_until=item.snoozed_until,
        handed_to=item.handed_to,
        owner_rep=item.owner_rep,
    )


def _summary(depth: QueueDepth) -> QueueSummary:
    return QueueSummary(
        depth.queue, depth.n_open, depth.n_claimed, depth.n_snoozed, depth.n_overdue
    )
