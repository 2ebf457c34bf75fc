"""Know the schema, and refuse one that this program does not know."""

from __future__ import annotations

from typing import Any, Final

from leadqual.errors import SchemaVersionError

VERSION_TABLE: Final = "leadqual_schema"
REVISIONS: Final = ("0001", "0002")
"""Every revision, oldest first; a test keeps this equal to the migrations folder."""

HEAD: Final = REVISIONS[-1]

_TABLES: Final = {
    False: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' "
    "ESCAPE '!'",
    True: "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
    "WHERE relkind IN ('r', 'p') AND relpersistence <> 't' AND pg_table_is_visible(pg_class.oid) "
    "AND nspname <> 'pg_catalog'",
}
_VERSION: Final = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant of ours


def read_revision(cursor: Any, *, is_postgresql: bool) -> str | None:  # noqa: ANN401 - of any driver
    """Return the revision of the schema, None for an empty database.

    Raises
    ------
    SchemaVersionError
        When the database holds tables but none of them says that they are ours.
    """
    cursor.execute(_TABLES[is_postgresql])
    names = [name for (name,) in cursor.fetchall()]
    if VERSION_TABLE in names:
        cursor.execute(_VERSION)
        row = cursor.fetchone()
        return None if row is None else str(row[0])
    if names:
        raise SchemaVersionError(
            f"the database holds {len(names)} table(s) of another program; set "
            "LEADQUAL_DATABASE_URL to an empty database (or schema), then run `leadqual db upgrade`"
        )
    return None


def check_revision(revision: str | None) -> None:
    """Do nothing when the schema is the one that this program was written for.

    Raises
    ------
    SchemaVersionError
        When it is missing, older or newer; the message says what to do.
    """
    if revision == HEAD:
        return
    if revision is None:
        raise SchemaVersionError("the database is empty; run `leadqual db upgrade` to set it up")
    if revision in REVISIONS:
        raise SchemaVersionError(
            f"the database has the older schema {revision}, this program needs {HEAD}; make a "
            "backup with `leadqual db backup`, then run `leadqual db upgrade`"
        )
    raise SchemaVersionError(
        f"the database has the schema {revision}, newer than {HEAD} of this program; install the "
        "version of leadqual that wrote it, or restore a backup from before"
    )
