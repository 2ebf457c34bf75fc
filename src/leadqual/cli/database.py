"""`db`: schema, integrity, backup."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from leadqual.cli.help_text import example, new_group
from leadqual.cli.output import AsJson, emit, now

_db = new_group("db", "The database: schema, integrity, backup and restore.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    _db.command(epilog=example("leadqual db upgrade"))(upgrade)
    _db.command(epilog=example("leadqual db check"))(check)
    _db.command(epilog=example("leadqual db backup backups/leadqual.db"))(backup)
    _db.command(epilog=example("leadqual db restore backups/leadqual.db"))(restore)
    app.add_typer(_db)


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
    emit({**asdict(info), "before": before}, as_json=as_json, text=text)


def check(*, as_json: AsJson = False) -> None:
    """Check the database: integrity, schema, audit chain, and queues against their events."""
    from leadqual.services.workshop import open_store_only

    with open_store_only() as store:
        store.check_schema()
        report = store.check(now())
    text = "\n".join(report.problems) if report.problems else "the database is sound"
    emit({**asdict(report), "is_sound": report.is_sound}, as_json=as_json, text=text)
    if not report.is_sound:
        raise typer.Exit(1)


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
