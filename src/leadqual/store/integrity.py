"""Check that the database is sound and that its queues follow from its events."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from leadqual.store.prepared import Link
from leadqual.store.records import CheckReport
from leadqual.store.transaction import Tx

_MAX_LISTED: Final = 5


def check_integrity(link: Link, *, now: datetime) -> CheckReport:
    """Check pages and references (SQLite), the audit chain, and the queues against the events."""
    if link.is_postgresql:
        link.say("SET LOCAL statement_timeout = 0")
        problems = []
    else:
        problems = _file_problems(link)
    tx = Tx(link)
    audit = tx.audit.verify()
    if not audit.is_intact:
        problems.append(
            f"the audit log was changed at entry {audit.first_bad}; find out who, and restore a "
            "backup to compare with"
        )
    differing = tx.queue.verify(now)
    if differing:
        listed = ", ".join(differing[:_MAX_LISTED])
        problems.append(
            f"{len(differing)} queue item(s) are not what their events lead to: {listed}"
        )
    return CheckReport(tuple(problems), audit.n_entries, tx.queue.count())


def _file_problems(link: Link) -> list[str]:
    """Return what SQLite finds wrong with its own file."""
    found = [line for (line,) in link.ask("PRAGMA integrity_check")]
    problems = [f"SQLite: {line}" for line in found if line != "ok"]
    n_orphans = len(link.ask("PRAGMA foreign_key_check"))
    if n_orphans:
        problems.append(f"SQLite: {n_orphans} row(s) refer to rows that are not there")
    return problems
