"""Outcome events: append-only facts, in one order with the work log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Final

from leadqual.errors import IdempotencyError, NotFoundError
from leadqual.leads.schema import Motion
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.store.event_rows import event_values, read_event
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import StoredEvent

_CHUNK: Final = 5_000
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)

_INSERT: Final = Prepared("events.insert")
_INSERT_MANY: Final = Prepared("events.insert_many")
_ITEM_OF: Final = Prepared("events.item_of")
_LEAD: Final = Prepared("events.lead")
_BY_KEY: Final = Prepared("events.by_key")
_OF: Final = Prepared("events.of")
_AFTER: Final = Prepared("events.after")
_COUNTS: Final = Prepared("events.counts")


@cache
def _furthest(stages: tuple[frozenset[OutcomeType], ...]) -> Prepared:
    """Return leads by motion and by the last stage that their events of a period prove."""
    return Prepared("events.furthest", *stages)


class EventRepository:
    """Append and read outcome events; the database refuses to change or delete them."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def append(
        self, event: OutcomeEvent, *, event_key: str | None = None
    ) -> tuple[StoredEvent, bool]:
        """Store one event, before `queue.apply` moves its item.

        Parameters
        ----------
        event_key : str, optional
            Names the event; one that was stored under the same name before is not stored again.

        Returns
        -------
        stored : StoredEvent
            The event as it is on disk.
        created : bool
            False when it was there already.

        Raises
        ------
        NotFoundError
            When there is no such lead.
        IdempotencyError
            When the key names an event of another lead or another type.
        """
        found = self._link.first(_ITEM_OF, id=event.lead_id)
        if found is None and self._link.first(_LEAD, id=event.lead_id) is None:
            raise NotFoundError("there is no lead with this id")
        item_id = None if found is None else int(found[0])
        values = event_values(event, item_id=item_id, event_key=event_key)
        row = self._link.first(_INSERT, **values)
        if row is not None:
            return StoredEvent(row[0], event, event_key), True
        return self._known(event, event_key), False

    def append_many(
        self, rows: Iterable[tuple[OutcomeEvent, str | None]], *, ids: Mapping[str, str]
    ) -> int:
        """Store many events of imported history with their keys; return how many were new.

        They belong to no queue item, so nothing waits for them.

        Parameters
        ----------
        rows : iterable of (OutcomeEvent, str or None)
            Events and their keys.
        ids : mapping of str to str
            From the `lead_id` of the events, which is what their source calls a lead, to ours.

        Raises
        ------
        ConflictError
            When one names a lead that does not exist.
        """
        n_new = 0
        events = iter(rows)
        while chunk := list(islice(events, _CHUNK)):
            n_new += self._link.run_many(
                _INSERT_MANY,
                (
                    event_values(event, item_id=None, event_key=key)
                    | {"lead_id": ids[event.lead_id]}
                    for event, key in chunk
                ),
            )
        return n_new

    def of(self, lead_id: str) -> tuple[StoredEvent, ...]:
        """Return the events of a lead in the order they were recorded."""
        return tuple(_stored(row) for row in self._link.run(_OF, id=lead_id))

    def iter_all(self, batch_size: int = 10_000) -> Iterator[list[OutcomeEvent]]:
        """Yield every event in the order they were recorded."""
        after = 0
        while rows := self._link.run(_AFTER, after=after, n=batch_size):
            after = rows[-1][0]
            yield [read_event(row) for row in rows]

    def count_leads_by_type(
        self, *, since: datetime = _FIRST, until: datetime = _LAST
    ) -> dict[OutcomeType, int]:
        """Return how many leads had each type of event recorded in [since, until)."""
        rows = self._link.run(_COUNTS, since=since, until_=until)
        return {OutcomeType(kind): n_leads for kind, n_leads in rows}

    def count_leads_by_stage(
        self,
        stages: tuple[frozenset[OutcomeType], ...],
        *,
        since: datetime = _FIRST,
        until: datetime = _LAST,
    ) -> dict[tuple[Motion, int], tuple[int, float]]:
        """Return how far leads got by events recorded in [since, until), and the amount won.

        Parameters
        ----------
        stages : tuple of frozenset of OutcomeType
            The events that prove each stage, first stage first.

        Returns
        -------
        dict of (Motion, int) to (int, float)
            Number of leads, and sum of the amounts of these events in USD, by motion and by the
            last stage they got to; stages count from 1, 0 is none of them.
        """
        rows = self._link.run(_furthest(stages), since=since, until_=until)
        return {(Motion(name), place): (n, amount) for name, place, n, amount in rows}

    def _known(self, event: OutcomeEvent, event_key: str | None) -> StoredEvent:
        """Return the event that is there under the key, if it is the same one."""
        row = self._link.first(_BY_KEY, key=event_key)
        known = None if row is None else _stored(row)
        if known is None or (known.event.lead_id, known.event.type) != (event.lead_id, event.type):
            raise IdempotencyError(
                "this event key names an event of another lead or type; use a new key"
            )
        return known


def _stored(row: Row) -> StoredEvent:
    return StoredEvent(row[0], read_event(row), row[1])
