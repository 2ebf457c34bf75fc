"""Triggers that refuse changes to events and audit log, by whoever opens the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alembic import op

_FUNCTION: Final = (
    "CREATE FUNCTION leadqual_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN RAISE EXCEPTION '%: rows are append-only', TG_TABLE_NAME "
    "USING ERRCODE = 'integrity_constraint_violation'; END $$"
)


def guard(*, event_columns: Sequence[str]) -> None:
    """Refuse every change but one: erasing a person empties the note of an event.

    Parameters
    ----------
    event_columns : sequence of str
        Columns of `events` that must stay as they are.
    """
    if op.get_context().dialect.name == "postgresql":
        _guard_postgresql()
    else:
        _guard_sqlite(event_columns)


def unguard() -> None:
    """Remove what `guard` leaves behind when its tables are gone."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION leadqual_refuse_change()")


def _guard_sqlite(event_columns: Sequence[str]) -> None:
    kept = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in event_columns)
    for table, change, condition in (
        ("events", "UPDATE", f"WHEN NOT (NEW.note IS NULL AND {kept})"),
        ("events", "DELETE", ""),
        ("audit", "UPDATE", ""),
        ("audit", "DELETE", ""),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: rows are append-only'); END"
        )


def _guard_postgresql() -> None:
    op.execute(_FUNCTION)
    changed = (
        "NEW.note IS NOT NULL OR to_jsonb(NEW) - 'note' IS DISTINCT FROM to_jsonb(OLD) - 'note'"
    )
    for table, condition in (("events", f"WHEN ({changed})"), ("audit", "")):
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
            f"FOR EACH ROW {condition} EXECUTE FUNCTION leadqual_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION leadqual_refuse_change()"
        )
