"""Create and upgrade the schema, and refuse one that this program does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from leadqual.errors import SchemaVersionError

VERSION_TABLE: Final = "leadqual_schema"
REVISIONS: Final = ("0001", "0002")
"""Every revision, oldest first; a test keeps this equal to the migrations folder."""

HEAD: Final = REVISIONS[-1]

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x6C656164
_VERSION: Final = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant of ours


def read_revision(connection: Connection) -> str | None:
    """Return the revision of the schema, None for an empty database.

    Raises
    ------
    SchemaVersionError
        When the database holds tables but none of them says that they are ours.
    """
    names = inspect(connection).get_table_names()
    if VERSION_TABLE in names:
        return connection.execute(_VERSION).scalar()
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


def upgrade_schema(connection: Connection) -> None:
    """Bring the schema to `HEAD`, inside the transaction of `connection`.

    Raises
    ------
    SchemaVersionError
        When the database is newer than this program, or another program's.
    """
    # Alembic takes 0.2 s to import, and a server that is up to date never needs it.
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    revision = read_revision(connection)
    if revision == HEAD:
        return
    if revision is not None and revision not in REVISIONS:
        check_revision(revision)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
