"""Inserts, also those that know what to do about a row that is there already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Table, bindparam, insert
from sqlalchemy.dialects import sqlite

from leadqual.store.statements.definitions import Statement

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def upsert_into(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """Return an insert into a table that takes `on_conflict_...`, which each database has."""
    if dialect != "postgresql":
        return sqlite.insert(table)
    # All of its types and drivers are a tenth of SQLAlchemy's import: SQLite goes without.
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def insertion(
    table: Table, *, is_idempotent: bool = False, returning: Sequence[Column[Any]] = ()
) -> Callable[[str], Statement]:
    """Return an insert of every column that the caller has to fill.

    Parameters
    ----------
    table : Table
        Primary keys that the database numbers are left out.
    is_idempotent : bool
        Where a unique key is there already, do nothing and return no row.
    returning : sequence of Column
        What to return of the inserted row.
    """

    def build(dialect: str) -> Statement:
        values = {
            column.name: bindparam(column.name, type_=column.type)
            for column in table.c
            if column is not table.autoincrement_column
        }
        if not is_idempotent:
            statement = insert(table).values(values)
        else:
            statement = upsert_into(table, dialect).values(values).on_conflict_do_nothing()
        return statement.returning(*returning) if returning else statement.inline()

    return build
