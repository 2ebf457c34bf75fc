"""The audit log: who changed what, each entry chained to the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from leadqual.errors import StoreError
from leadqual.store.json_text import dump, load
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import AuditCheck, AuditEntry
from leadqual.store.values import to_microseconds

_LOCK_HEAD: Final = Prepared("audit.lock_head")
_READ_HEAD: Final = Prepared("audit.read_head")
_MOVE_HEAD: Final = Prepared("audit.move_head")
_INSERT: Final = Prepared("audit.insert")
_AFTER: Final = Prepared("audit.after")
_NEWEST: Final = Prepared("audit.newest")
_NOTHING: Final[Mapping[str, object]] = {}
_BATCH: Final = 5_000


class AuditRepository:
    """Append to the log and verify it; the database refuses to change or delete entries."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def append(
        self,
        action: str,
        *,
        actor: str,
        subject: str,
        at: datetime,
        detail: Mapping[str, object] = _NOTHING,
    ) -> AuditEntry:
        """Write one entry, in the transaction of what it is about.

        Parameters
        ----------
        action : str
            What was done, such as `model.champion`.
        subject : str
            To what, such as `lead:<id>`; never personal data: entries outlive an erasure.
        detail : mapping
            What JSON can hold: names of changed fields, reasons, versions.
        """
        number, before = self._head(_LOCK_HEAD)
        detail_json = dump(detail)
        row = (number + 1, at, actor, action, subject, detail_json)
        entry_hash = _hash(before, row)
        names = ("number", "at", "actor", "action", "subject", "detail_json")
        self._link.run(_INSERT, **dict(zip(names, row, strict=True)), entry_hash=entry_hash)
        self._link.run(_MOVE_HEAD, number=number + 1, entry_hash=entry_hash)
        return AuditEntry(number + 1, at, actor, action, subject, detail, entry_hash)

    def iter_all(self, batch_size: int = _BATCH) -> Iterator[list[AuditEntry]]:
        """Yield every entry, oldest first."""
        for rows in self._batches(batch_size):
            yield [_entry(row) for row in rows]

    def newest(self, limit: int) -> tuple[AuditEntry, ...]:
        """Return up to `limit` entries, newest first."""
        return tuple(_entry(row) for row in self._link.run(_NEWEST, n=limit))

    def verify(self) -> AuditCheck:
        """Compute the chain again, and compare its end with where it should end.

        Whoever can change every table can write a new chain; compare `head_hash` with one that
        was noted elsewhere to notice that too.
        """
        expected_number, expected_hash = self._head(_READ_HEAD)
        number, head_hash = 0, _hash_of_nothing()
        for rows in self._batches(_BATCH):
            for row in rows:
                if row[0] != number + 1 or row[6] != _hash(head_hash, row[:6]):
                    return AuditCheck(expected_number, expected_hash, first_bad=number + 1)
                number, head_hash = row[0], row[6]
        is_whole = (number, head_hash) == (expected_number, expected_hash)
        return AuditCheck(number, head_hash, first_bad=None if is_whole else number + 1)

    def _head(self, statement: Prepared) -> tuple[int, str]:
        row = self._link.first(statement)
        if row is None:
            raise StoreError(
                "the audit log has lost its end marker: somebody changed the table audit_head; "
                "restore a backup and find out who"
            )
        return row[0], row[1]

    def _batches(self, batch_size: int) -> Iterator[list[Row]]:
        after = 0
        while rows := self._link.run(_AFTER, after=after, n=batch_size):
            after = rows[-1][0]
            yield rows


def _hash(before: str, row: Row) -> str:
    """Return the SHA-256 (hex) over an entry and the hash before it."""
    number, at, actor, action, subject, detail_json = row
    text = dump([before, number, to_microseconds(at), actor, action, subject, detail_json])
    return hashlib.sha256(text.encode()).hexdigest()


def _hash_of_nothing() -> str:
    """Return the hash that the first entry is chained to."""
    return "0" * 64


def _entry(row: Row) -> AuditEntry:
    number, at, actor, action, subject, detail_json, entry_hash = row
    return AuditEntry(number, at, actor, action, subject, load(detail_json), entry_hash)
