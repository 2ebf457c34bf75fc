"""Inserts that know what to do about a row that is there already: each database has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def upsert_into(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """Return an insert into a table that takes `on_conflict_...`.

    Parameters
    ----------
    dialect : str
        `sqlite` or `postgresql`.
    """
    if dialect != "postgresql":
        return sqlite.insert(table)
    # All of its types and drivers are a tenth of SQLAlchemy's import: SQLite goes without.
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
