"""Check that the database is sound and that its queues follow from its events."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from leadqual.store.records import CheckReport
from leadqual.store.transaction import Tx

_MAX_LISTED: Final = 5


def check_integrity(connection: Connection, tx: Tx, *, now: datetime) -> CheckReport:
    """Check pages and references (SQLite), the audit chain, and the queues against the events."""
    if connection.dialect.name == "sqlite":
        problems = _file_problems(connection)
    else:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        problems = []
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


def _file_problems(connection: Connection) -> list[str]:
    """Return what SQLite finds wrong with its own file."""
    found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    problems = [f"SQLite: {line}" for line in found if line != "ok"]
    n_orphans = len(connection.exec_driver_sql("PRAGMA foreign_key_check").all())
    if n_orphans:
        problems.append(f"SQLite: {n_orphans} row(s) refer to rows that are not there")
    return problems
