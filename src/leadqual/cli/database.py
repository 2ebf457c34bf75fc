"""`db` and `audit`: schema, integrity, backup, and who changed what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadqual.cli.help_text import example, new_group
from leadqual.cli.options import AsJson
from leadqual.cli.output import emit, now, table

if TYPE_CHECKING:
    from leadqual.store import AuditCheck, AuditEntry

MAX_ENTRIES: int = 1_000_000
"""More than anybody reads at once."""

_db = new_group("db", "The database: schema, integrity, backup and restore.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    _db.command(epilog=example("leadqual db upgrade"))(upgrade)
    _db.command(epilog=example("leadqual db check"))(check)
    _db.command(epilog=example("leadqual db backup backups/leadqual.db"))(backup)
    _db.command(epilog=example("leadqual db restore backups/leadqual.db"))(restore)
    app.add_typer(_db)
    app.command(epilog=example("leadqual audit", "leadqual audit --verify --limit 0 --json"))(audit)


def upgrade(*, as_json: AsJson = False) -> None:
    """Create the schema or bring an older one up to date; safe to repeat."""
    from leadqual.services.workshop import open_store_only

    with open_store_only() as store:
        before = store.info().schema
        store.upgrade()
        info = store.info()
    text = (
        f"the schema is current ({info.schema})"
        if before == info.schema
        else f"schema upgraded from {before or 'nothing'} to {info.schema}"
    )
    emit({**info._asdict(), "before": before}, as_json=as_json, text=text)


def check(*, as_json: AsJson = False) -> None:
    """Check the database: integrity, schema, audit chain, and queues against their events."""
    from leadqual.services.workshop import open_store_only

    with open_store_only() as store:
        store.check_schema()
        report = store.check(now())
    text = "\n".join(report.problems) if report.problems else "the database is sound"
    emit({**report._asdict(), "is_sound": report.is_sound}, as_json=as_json, text=text)
    if not report.is_sound:
        raise typer.Exit(1)


def audit(
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compute the hash chain again; exit code 1 if broken.")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=0, max=MAX_ENTRIES, help="How many entries, newest first.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """List who changed keys, users, standards and models, and who erased whom."""
    from leadqual.services.workshop import open_store_only

    with open_store_only() as store:
        store.check_schema()
        with store.read() as tx:
            entries = tx.audit.newest(limit)
            found = tx.audit.verify() if verify else None
    document: dict[str, object] = {"entries": [entry._asdict() for entry in entries]}
    lines = [_audit_table(entries)] if limit else []
    if found is not None:
        document["chain"] = {**found._asdict(), "is_intact": found.is_intact}
        lines.append(_chain_text(found))
    emit(document, as_json=as_json, text="\n".join(lines))
    if found is not None and not found.is_intact:
        raise typer.Exit(1)


def _audit_table(entries: Sequence[AuditEntry]) -> str:
    rows = [
        (entry.number, f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.actor, entry.action, entry.subject)
        for entry in entries
    ]
    return table(("entry", "at (UTC)", "actor", "action", "subject"), rows)


def _chain_text(found: AuditCheck) -> str:
    if found.is_intact:
        return f"the chain of {found.n_entries:,} entries is whole and ends in {found.head_hash}"
    return (
        f"the chain is broken at entry {found.first_bad}: somebody changed or removed entries "
        "outside leadqual; compare with a backup"
    )


def backup(
    file: Annotated[Path, typer.Argument(help="Where to write the copy.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write a consistent copy of the database while it is in use."""
    from leadqual.services.workshop import open_store_only

    with open_store_only() as store:
        store.backup(file)
    emit({"file": file}, as_json=as_json, text=f"backup written: {file}")


def restore(
    file: Annotated[Path, typer.Argument(help="A copy that `leadqual db backup` wrote.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Replace the database by a copy; stop the servers first."""
    from leadqual.services.workshop import open_store_only

    with open_store_only() as store:
        store.restore(file)
    emit({"file": file}, as_json=as_json, text=f"database restored from {file}")
