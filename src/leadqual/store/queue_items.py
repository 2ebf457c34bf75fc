"""Queues: put leads in, rank them, and let reps take them under leases with fencing tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from leadqual.errors import ConflictError, InputError, NotFoundError, StaleTokenError
from leadqual.outcomes.events import OutcomeEvent
from leadqual.queue.items import (
    LEASE,
    Page,
    QueueDepth,
    QueueItem,
    Taker,
    WorkEntry,
    WorkKind,
)
from leadqual.queue.states import ItemState, allowed_outcomes
from leadqual.queue.transitions import NO_EXTRAS, UNNAMED, Extras, advance, check_token
from leadqual.routing.decision import Decision, Queue
from leadqual.store import item_statements as sql
from leadqual.store.claims import best, claim_entry, claims, take, wake
from leadqual.store.event_rows import INSERT_ENTRY, entry_values, read_entry
from leadqual.store.item_rows import (
    EVERYTHING,
    PageParts,
    Sight,
    read_item,
    read_open,
    read_ranked,
    state_values,
)
from leadqual.store.json_text import dump
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared

LISTED: Final = (ItemState.OPEN, ItemState.CLAIMED)
"""What a queue shows: what waits, and what a colleague has taken."""


class QueueRepository:
    """Work the queues.

    Parameters
    ----------
    link : Link
        The transaction.
    sight : Sight
        Which items exist for the caller; the statements filter by it.
    viewer : str or None
        The AE whose hand-offs exist as well, where `sight` says so.
    """

    def __init__(self, link: Link, sight: Sight = EVERYTHING, viewer: str | None = None) -> None:
        self._link = link
        self._sight = sight
        self._viewer = viewer

    def limited_to(self, queues: Collection[Queue], *, ae: str | None = None) -> QueueRepository:
        """Return the same repository for somebody to whom only some queues exist.

        Parameters
        ----------
        queues : collection of Queue
            Items of others are not found, listed, counted or claimed.
        ae : str, optional
            What was handed to this AE, or to no AE in particular, exists as well.
        """
        sight = Sight(frozenset(queues), is_ae=ae is not None)
        return QueueRepository(self._link, sight, ae)

    def put(self, lead_id: str, decision: Decision, *, now: datetime) -> QueueItem:
        """Queue a lead, or bring its open item up to date with a new decision.

        An item that nobody holds moves to the decision's queue. One that is being worked stays
        where it is and only its rank changes. While it stays in its queue it keeps the earlier
        due time: scoring a lead again is no excuse for calling later.

        Raises
        ------
        ConflictError
            When there is no such lead.
        """
        values = sql.item_values(lead_id, decision, now=now)
        return self._items(sql.PUT, **values)[0]

    def put_many(self, rows: Iterable[tuple[str, Decision]], *, now: datetime) -> int:
        """Queue many leads at once as `put` does; return how many."""
        return self._link.run_many(
            sql.PUT_MANY,
            (sql.item_values(lead_id, decision, now=now) for lead_id, decision in rows),
        )

    def put_new(self, rows: Iterable[tuple[str, Decision]], *, now: datetime) -> int:
        """Queue leads that were never queued before; return how many.

        `put_many` does the same and looks for an open item first, at twice the price.

        Raises
        ------
        ConflictError
            When one of them has an open item.
        """
        return self._link.run_many(
            sql.PUT_NEW,
            (
                {**sql.item_values(lead_id, decision, now=now), "token": 0}
                for lead_id, decision in rows
            ),
        )

    def get(self, lead_id: str, *, now: datetime | None = None) -> QueueItem | None:
        """Return the newest item of a lead; with `now`, a lease that ran out counts as open."""
        item = self._first(claims(self._sight).find, id=lead_id)
        return item if item is None or now is None else item.as_of(now)

    def get_many(self, lead_ids: Collection[str], *, now: datetime) -> dict[str, QueueItem]:
        """Return the newest item by lead; leads without one are left out."""
        items = self._items(sql.newest_of_many(self._sight), ids=dump(list(lead_ids)))
        return {item.lead_id: item.as_of(now) for item in items}

    def ranked(
        self,
        queue: Queue,
        *,
        limit: int,
        now: datetime,
        cursor: str | None = None,
        states: Collection[ItemState] = LISTED,
    ) -> Page:
        """Return the best items of a queue, behind a cursor.

        Parameters
        ----------
        states : collection of ItemState
            As of `now`: a lease or snooze that ran out counts as open.

        Raises
        ------
        InputError
            When the cursor is none of ours, or the limit is not positive.
        """
        from leadqual.store.ranking import pages, read_cursor, write_cursor

        if limit < 1:
            raise InputError(f"a page holds at least one item, {limit} were asked for")
        after_key, after_id = (0.0, 0) if cursor is None else read_cursor(cursor)
        # A condition that is true of the whole queue misleads PostgreSQL about its size.
        sight = EVERYTHING if self._sight.has(queue) else self._sight
        parts = PageParts(frozenset(states), limit + 1, cursor is not None, sight)
        statements = pages(parts, is_one_statement=self._link.is_postgresql)
        values = {
            "of_queue": queue.value,
            "now": now,
            "after_key": after_key,
            "after_id": after_id,
            "viewer": self._viewer,
        }
        when = self._link.read_time
        rows = statements.read(self._link, values)
        items = read_ranked(rows[:limit], queue, when, now=now)
        return Page(items, write_cursor(items[-1]) if len(rows) > limit else None)

    def claim_next(
        self, queue: Queue, *, actor: str, now: datetime, lease: timedelta = LEASE
    ) -> QueueItem | None:
        """Take the best open item of a queue; None when there is none.

        No two callers get the same item: PostgreSQL skips rows that somebody is taking, SQLite
        has one writer.
        """
        (item,) = self.claim_best(queue, [Taker(actor, now, lease)])
        return item

    def claim_best(self, queue: Queue, takers: Sequence[Taker]) -> list[QueueItem | None]:
        """Take the best open items of a queue, the first for the first taker and so on.

        The same as `claim_next` for one after the other; a queue is searched once for all of them.
        Items whose lease or snooze is over are opened first: at most a thousand at once, the best
        of this queue before all others.

        Returns
        -------
        list of QueueItem or None, as long as `takers`
            None for those for whom nothing was left.
        """
        if not takers or not self._sight.has(queue):
            return [None] * len(takers)
        rows = self._best(queue, len(takers), now=max(taker.now for taker in takers))
        found = [read_open(row[:-1], queue, self._link.read_time) for row in rows]
        claimed = [(taker, taker.take(item)) for taker, item in zip(takers, found, strict=False)]
        take(self._link, claimed)
        return [*(item for _, item in claimed), *[None] * (len(takers) - len(claimed))]

    def claim(
        self, lead_id: str, *, actor: str, now: datetime, lease: timedelta = LEASE
    ) -> QueueItem:
        """Take one lead; whoever holds it already keeps the token and gets a new lease.

        Raises
        ------
        NotFoundError
            When there is no such item, or none that exists for the caller.
        ConflictError
            When somebody else holds it, or it is no rep's any more.
        """
        item = self._first(
            claims(self._sight).this_one, id=lead_id, actor=actor, until=now + lease, now=now
        )
        if item is None:
            found = self._existing(lead_id, now=now)
            raise ConflictError(
                f"the lead cannot be claimed: it is {_where(found)}",
                allowed=allowed_outcomes(found.state),
            )
        self._link.run(INSERT_ENTRY, **claim_entry(item, actor, at=now))
        return item

    def release(self, lead_id: str, *, actor: str, token: int, now: datetime) -> QueueItem:
        """Give a claimed lead back to its queue.

        Raises
        ------
        NotFoundError
        StaleTokenError
            When it was claimed again since `token` was given out.
        ConflictError
            When it is not claimed.
        """
        item = self._first(claims(self._sight).release, id=lead_id, held_token=token)
        if item is None:
            raise self._not_held(lead_id, token, now=now)
        self._log(WorkKind.RELEASED, item, actor=actor, at=now)
        return item

    def snooze(
        self, lead_id: str, *, actor: str, token: int, until: datetime, now: datetime
    ) -> QueueItem:
        """Put a claimed lead off; it comes back by itself at `until`, and stays the actor's.

        Raises
        ------
        NotFoundError, StaleTokenError, ConflictError
            As `release` does.
        InputError
            When `until` is not in the future.
        """
        if until <= now:
            raise InputError("a lead can only be put off to a time in the future")
        item = self._first(
            claims(self._sight).snooze, id=lead_id, held_token=token, actor=actor, until=until
        )
        if item is None:
            raise self._not_held(lead_id, token, now=now)
        self._log(WorkKind.SNOOZED, item, actor=actor, at=now, until=until)
        return item

    def apply(
        self,
        lead_id: str,
        event: OutcomeEvent,
        *,
        token: int | None,
        now: datetime,
        extras: Extras = NO_EXTRAS,
    ) -> QueueItem:
        """Move the item of a lead as an outcome says. Append the event first.

        Parameters
        ----------
        token : int or None
            Of the claim; needed while somebody else than the event's actor holds the item.
        extras : Extras
            When a lead of type contact_later comes back, to which AE a hand-off goes.

        Raises
        ------
        NotFoundError
            When the lead is in no queue, or in none that exists for the caller.
        ConflictError
            When the state forbids it (`allowed` says what it allows), or somebody holds it.
        StaleTokenError
            When it was claimed again since `token` was given out.
        """
        before = self._existing(lead_id, now=now, is_locked=True)
        check_token(before, event, token=token)
        after = advance(before, event, now=now, extras=extras)
        self._link.run(sql.MOVE, id_of_item=after.item_id, **state_values(after))
        self._log_extras(after, extras, event, now=now)
        return after

    def depths(self, now: datetime) -> tuple[QueueDepth, ...]:
        """Return how much waits in each queue that exists for the caller."""
        counts = sql.depths(self._sight)
        by_state, over, overdue = (
            self._link.run(statement, now=now, viewer=self._viewer)
            for statement in (counts.by_state, counts.over, counts.overdue)
        )
        return sql.read_depths(by_state, over, overdue)

    def count(self) -> int:
        """Return how many items there are, finished ones too."""
        row = self._link.first(sql.COUNT)
        return 0 if row is None else int(row[0])

    def count_queued(self, queue: Queue, *, since: datetime) -> int:
        """Return how many leads were put in a queue at or after a time."""
        row = self._link.first(sql.COUNT_QUEUED, of_queue=queue.value, since=since)
        return 0 if row is None else int(row[0])

    def handoffs(
        self, *, handed_to: str | None = None, is_finished: bool = False, limit: int = 200
    ) -> tuple[QueueItem, ...]:
        """Return what was handed over, newest first.

        Parameters
        ----------
        handed_to : str, optional
            Only what this AE got, or what went to no AE in particular.
        is_finished : bool
            Whether it is won, lost or closed, instead of still with the AE.
        """
        statement = sql.handoffs(self._sight, is_finished=is_finished, has_ae=handed_to is not None)
        return tuple(self._items(statement, ae=handed_to, n=limit))

    def log(self, lead_id: str) -> tuple[WorkEntry, ...]:
        """Return who took, released, put off or assigned a lead, oldest first."""
        return tuple(read_entry(row) for row in self._link.run(sql.LOG, id=lead_id))

    def verify(self, now: datetime) -> tuple[str, ...]:
        """Return the leads whose item is not what their events lead to; none when all is well."""
        from leadqual.store.item_check import find_differing

        return find_differing(self._link, now=now)

    def _best(self, queue: Queue, n_items: int, *, now: datetime) -> list[Row]:
        """Return the rows of the best open items, locked; wake those whose time is over first."""
        search = best(n_items)
        rows = self._link.run_raw(search, of_queue=queue.value, now=now)
        if rows and rows[0][-1] is None:
            return rows
        if not self._link.count(wake(n_items), of_queue=queue.value, now=now):
            return rows
        return self._link.run_raw(search, of_queue=queue.value, now=now)

    def _items(self, statement: Prepared, **values: object) -> list[QueueItem]:
        rows = self._link.run_raw(statement, viewer=self._viewer, **values)
        return [read_item(row, self._link.read_time) for row in rows]

    def _first(self, statement: Prepared, **values: object) -> QueueItem | None:
        items = self._items(statement, **values)
        return items[0] if items else None

    def _existing(self, lead_id: str, *, now: datetime, is_locked: bool = False) -> QueueItem:
        """Return the newest item as of `now`, or say that there is none."""
        found = claims(self._sight)
        item = self._first(found.find_locked if is_locked else found.find, id=lead_id)
        if item is None:
            raise NotFoundError("the lead is in none of your queues")
        return item.as_of(now)

    def _not_held(self, lead_id: str, token: int, *, now: datetime) -> ConflictError:
        """Return why an item cannot be released or put off under a token."""
        item = self._existing(lead_id, now=now)
        allowed = allowed_outcomes(item.state)
        if item.token != token:
            return StaleTokenError(
                f"the claim with token {token} was lost; the lead is {_where(item)}",
                allowed=allowed,
            )
        return ConflictError(f"the lead is not claimed: it is {_where(item)}", allowed=allowed)

    def _log(
        self,
        kind: WorkKind,
        item: QueueItem,
        *,
        actor: str,
        at: datetime,
        until: datetime | None = None,
    ) -> None:
        values = entry_values(
            kind, item=(item.item_id, item.lead_id, item.token), actor=actor, at=at, until=until
        )
        self._link.run(INSERT_ENTRY, **values)

    def _log_extras(
        self, item: QueueItem, extras: Extras, event: OutcomeEvent, *, now: datetime
    ) -> None:
        """Write down what the event itself has no place for, so that it can be rebuilt."""
        kind = None
        if item.state is ItemState.SNOOZED and extras.until is not None:
            kind = WorkKind.SNOOZED
        elif item.state is ItemState.HANDED_OFF and extras.handed_to is not None:
            kind = WorkKind.ASSIGNED
        if kind is None:
            return
        values = entry_values(
            kind,
            item=(item.item_id, item.lead_id, item.token),
            actor=item.owner_rep or event.actor or UNNAMED,
            at=event.recorded_at or now,
            until=item.snoozed_until,
            handed_to=item.handed_to,
        )
        self._link.run(INSERT_ENTRY, **values)


def _where(item: QueueItem) -> str:
    """Say where an item stands, for an error message."""
    if item.state is ItemState.CLAIMED and item.lease_until is not None:
        return f"claimed by a colleague until {item.lease_until:%Y-%m-%d %H:%M} UTC"
    return item.state.value.replace("_", " ")
