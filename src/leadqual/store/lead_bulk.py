"""Store leads by the thousand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from leadqual.store.json_text import dump
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import Inserted, OldLead

_CHUNK: Final = 2_000
_INSERT: Final = Prepared("leads.insert_old")
_INSERT_EXTERNAL: Final = Prepared("leads.insert_old_external")
_KNOWN: Final = Prepared("leads.known_by_external")


def known_ids(link: Link, feed: str, external_ids: Sequence[str]) -> dict[str, str]:
    """Return external id to lead id for those that a feed has sent."""
    rows = link.run(_KNOWN, source_feed=feed, externals=dump(list(external_ids)))
    return dict(rows)


def insert_leads(link: Link, rows: Sequence[OldLead]) -> list[Inserted]:
    """Store those rows whose external id is new to their feed; say what each one's id is."""
    for feed in sorted({row.feed for row in rows}):
        link.lock(f"import:{feed}")
    inserted: list[Inserted] = []
    for start in range(0, len(rows), _CHUNK):
        inserted.extend(_insert_chunk(link, rows[start : start + _CHUNK]))
    return inserted


def _insert_chunk(link: Link, rows: Sequence[OldLead]) -> list[Inserted]:
    """Store one chunk; a row that repeats an earlier one of the chunk is not new either."""
    known = _known_of(link, rows)
    inserted: list[Inserted] = []
    fresh: list[OldLead] = []
    for row in rows:
        name = (row.feed, row.external_id or "")
        if row.external_id is not None and name in known:
            inserted.append(Inserted(known[name], created=False))
            continue
        known[name] = row.lead_id
        fresh.append(row)
        inserted.append(Inserted(row.lead_id, created=True))
    link.run_many(_INSERT, (_row_of(row) for row in fresh))
    link.run_many(
        _INSERT_EXTERNAL,
        (
            {"feed": row.feed, "external_id": row.external_id, "lead_id": row.lead_id}
            for row in fresh
            if row.external_id is not None
        ),
    )
    return inserted


def _row_of(row: OldLead) -> dict[str, object]:
    return {
        "lead_id": row.lead_id,
        "feed": row.feed,
        "email": row.email,
        "lead_json": row.lead_json,
        "received_at": row.received_at,
        "touched_at": row.received_at,
        "n_touches": 1,
        "is_history": True,
        "erased_at": None,
    }


def _known_of(link: Link, rows: Sequence[OldLead]) -> dict[tuple[str, str], str]:
    """Return (feed, external id) to lead id for rows that are stored already."""
    by_feed: dict[str, list[str]] = {}
    for row in rows:
        if row.external_id is not None:
            by_feed.setdefault(row.feed, []).append(row.external_id)
    return {
        (feed, external_id): lead_id
        for feed, external_ids in by_feed.items()
        for external_id, lead_id in known_ids(link, feed, external_ids).items()
    }
