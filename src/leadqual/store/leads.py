"""Leads as they stand, what each touch said, and who must not come back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from leadqual.errors import BusyError, ConflictError, NotFoundError
from leadqual.leads.schema import Lead, Motion
from leadqual.store.json_text import dump
from leadqual.store.lead_bulk import insert_leads, known_ids
from leadqual.store.lead_rows import dump_lead, lead_row
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import (
    Inserted,
    KnownLeads,
    LeadRecord,
    NewLead,
    OldLead,
    Touch,
)
from leadqual.store.suppressions import marked_among

_EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
_GET: Final = Prepared("leads.get")
_GET_LOCKED: Final = Prepared("leads.get_locked")
_GET_MANY: Final = Prepared("leads.get_many")
_BY_EXTERNAL: Final = Prepared("leads.by_external")
_KNOWN: Final = Prepared("leads.known")
_COUNT: Final = Prepared("leads.count")
_COUNT_BY_MOTION: Final = Prepared("leads.count_by_motion")
_INSERT: Final = Prepared("leads.insert")
_INSERT_EXTERNAL: Final = Prepared("leads.insert_external")
_INSERT_TOUCH: Final = Prepared("leads.insert_touch")
_UPDATE: Final = Prepared("leads.update")
_TOUCHES: Final = Prepared("leads.touches")


class LeadRepository:
    """Store and find leads."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def insert(self, lead: Lead, *, lead_id: str, feed: str, received_at: datetime) -> None:
        """Store a lead that came for the first time, as `insert_new` does."""
        self.insert_new([NewLead(lead_id, feed, lead, received_at)])

    def insert_many(self, rows: Sequence[OldLead]) -> list[Inserted]:
        """Store many leads of the past; those whose `external_id` the feed has sent are left alone.

        Returns
        -------
        list of Inserted, as long as `rows` and in their order
            The id that each lead has now, and whether it is new.
        """
        return insert_leads(self._link, rows)

    def insert_new(self, rows: Sequence[NewLead]) -> None:
        """Store leads at once that a look-up in this transaction did not find.

        Raises
        ------
        BusyError
            When another process stored one of them since.
        ConflictError
            When a lead id is another lead's.
        """
        names = [
            {"feed": row.feed, "external_id": row.lead.external_id, "lead_id": row.lead_id}
            for row in rows
            if row.lead.external_id is not None
        ]
        if self._link.run_many(_INSERT_EXTERNAL, names) < len(names):
            raise BusyError("another process stored the same lead at this moment; send it again")
        if self._link.run_many(_INSERT, (lead_row(row) for row in rows)) < len(rows):
            raise ConflictError("this lead id is in use already; make a new one")

    def touch(self, lead_id: str, lead: Lead, *, feed: str, at: datetime) -> LeadRecord:
        """Record that a known person came again; the lead becomes what they say now.

        Raises
        ------
        NotFoundError
            When there is no such lead.
        """
        before = _record(self._row(lead_id, is_locked=True))
        if before.n_touches == 1:
            self._add_touch(before.lead, lead_id, number=1, feed=before.feed, at=before.received_at)
        number = before.n_touches + 1
        self._add_touch(lead, lead_id, number=number, feed=feed, at=at)
        touched_at = max(at, before.touched_at)
        self._link.run(
            _UPDATE,
            id=lead_id,
            lead_json=dump_lead(lead),
            email=lead.contact.email,
            touched_at=touched_at,
            n_touches=number,
        )
        if lead.external_id is not None:
            self._name(lead_id, feed, lead.external_id)
        return LeadRecord(
            lead_id, before.feed, lead, before.received_at, touched_at, n_touches=number
        )

    def get(self, lead_id: str) -> LeadRecord:
        """Return one lead. Raises `NotFoundError`."""
        return _record(self._row(lead_id))

    def get_many(self, lead_ids: Sequence[str]) -> dict[str, LeadRecord]:
        """Return leads by id; those that do not exist are left out."""
        rows = self._link.run(_GET_MANY, ids=dump(list(lead_ids)))
        return {row[0]: _record(row) for row in rows}

    def find_known(
        self, externals: Mapping[str, Collection[str]], emails: Collection[str]
    ) -> KnownLeads:
        """Return the leads that feeds call by these external ids or that have these addresses.

        Parameters
        ----------
        externals : mapping of str to collection of str
            External ids by feed.
        emails : collection of str
            Normalised addresses; of several leads with one the last to come counts, however long
            ago. In a writing transaction no other process can store them until it ends.
        """
        self._link.lock(*(f"email:{email}" for email in emails))
        ids: dict[tuple[str, str], str] = {}
        of_address: list[tuple[str, str]] = []
        asked = dump(list(emails))
        for feed, names in (externals or {"": ()}).items():
            values = {"source_feed": feed, "externals": dump(list(names)), "emails": asked}
            for name, lead_id, email in self._link.run(_KNOWN, **values):
                if email is None:
                    ids[feed, name] = lead_id
                else:
                    of_address.append((email, lead_id))
            asked = "[]"
        wanted = sorted({*ids.values(), *(lead_id for _, lead_id in of_address)})
        records = self.get_many(wanted) if wanted else {}
        by_email: dict[str, LeadRecord] = {}
        for email, lead_id in of_address:
            by_email[email] = max(by_email.get(email, records[lead_id]), records[lead_id], key=_age)
        return KnownLeads({name: records[lead_id] for name, lead_id in ids.items()}, by_email)

    def find_by_external(self, feed: str, external_id: str) -> LeadRecord | None:
        """Return the lead that a feed calls `external_id`."""
        row = self._link.first(_BY_EXTERNAL, source_feed=feed, external=external_id)
        return None if row is None else _record(row)

    def ids_by_external(self, feed: str, external_ids: Sequence[str]) -> dict[str, str]:
        """Return external id to lead id for those that a feed has sent."""
        return known_ids(self._link, feed, external_ids)

    def touches(self, lead_id: str) -> tuple[Touch, ...]:
        """Return every touch, oldest first. Raises `NotFoundError`."""
        rows = self._link.run(_TOUCHES, id=lead_id)
        if not rows:
            only = self.get(lead_id)
            return (Touch(lead_id, 1, only.feed, only.received_at, only.lead),)
        return tuple(_touch(row) for row in rows)

    def count(self, *, since: datetime = _EARLIEST) -> int:
        """Return how many leads came at or after a time."""
        row = self._link.first(_COUNT, since=since)
        return 0 if row is None else int(row[0])

    def count_by_motion(self, *, since: datetime, until: datetime) -> dict[Motion, int]:
        """Return how many leads of each motion came in [since, until)."""
        row = self._link.first(_COUNT_BY_MOTION, since=since, until_=until)
        n_leads, n_outbound = row or (0, 0)
        return {Motion.INBOUND: n_leads - n_outbound, Motion.OUTBOUND: n_outbound}

    def erase(
        self, lead_id: str, *, at: datetime, actor: str, suppression_key: bytes
    ) -> tuple[str, ...]:
        """Remove a person, from every lead with the same address, and keep a keyed mark.

        What is left: that there was a lead, when, from where, and its outcome events without
        notes. Snapshots go too, so it is not trained on any more. Call `Store.scrub` after the
        commit to remove the bytes from the files.

        Returns
        -------
        tuple of str
            The ids of the leads that were erased.

        Raises
        ------
        NotFoundError
            When there is no such lead.
        """
        from leadqual.store.erasure import erase_person

        record = self.get(lead_id)
        return erase_person(self._link, record, at=at, actor=actor, suppression_key=suppression_key)

    def suppressed_among(self, identities: Collection[str], key: bytes) -> frozenset[str]:
        """Return those of many addresses and numbers whose person was erased."""
        return marked_among(self._link, identities, key)

    def _row(self, lead_id: str, *, is_locked: bool = False) -> Row:
        row = self._link.first(_GET_LOCKED if is_locked else _GET, id=lead_id)
        if row is None:
            raise NotFoundError("there is no lead with this id")
        return row

    def _name(self, lead_id: str, feed: str, external_id: str) -> bool:
        """Write down what a feed calls a lead; False when it called one that before."""
        row = {"feed": feed, "external_id": external_id, "lead_id": lead_id}
        return self._link.count(_INSERT_EXTERNAL, **row) == 1

    def _add_touch(self, lead: Lead, lead_id: str, *, number: int, feed: str, at: datetime) -> None:
        text = dump_lead(lead)
        self._link.run(
            _INSERT_TOUCH, lead_id=lead_id, number=number, feed=feed, at=at, lead_json=text
        )


def _age(record: LeadRecord) -> tuple[datetime, str]:
    return record.touched_at, record.lead_id


def _record(row: Row) -> LeadRecord:
    lead_id, feed, text, received_at, touched_at, n_touches, erased_at = row
    lead = Lead.model_validate_json(text)
    return LeadRecord(lead_id, feed, lead, received_at, touched_at, n_touches, erased_at)


def _touch(row: Row) -> Touch:
    lead_id, number, feed, at, text = row
    return Touch(lead_id, number, feed, at, Lead.model_validate_json(text))
