"""Create and upgrade the schema: the only work on a database that SQLAlchemy does itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from leadqual.store import schema
from leadqual.store.connections import Connections, sqlite_module
from leadqual.store.faults import store_error

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x6C656164


def open_engine(connections: Connections) -> Engine:
    """Return an engine of SQLAlchemy on connections of its own, set up as those of the store."""
    options: dict[str, Any] = {
        "creator": connections.writing.connect,
        "poolclass": NullPool,
        "hide_parameters": True,
    }
    if connections.driver.is_postgresql:
        return create_engine("postgresql+psycopg://", **options)
    engine = create_engine("sqlite://", module=sqlite_module(), **options)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: a read that turns into a write fails without waiting."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def upgrade_schema(connections: Connections) -> None:
    """Bring the schema to `schema.HEAD`, in one transaction.

    Raises
    ------
    SchemaVersionError
        When the database is newer than this program, or another program's.
    StoreError
        When the database refuses it.
    """
    try:
        with open_engine(connections).begin() as connection:
            _upgrade(connection)
    except DBAPIError as error:
        if not isinstance(error.orig, Exception):
            raise
        raise store_error(error.orig) from None
    except connections.driver.errors as error:
        raise store_error(error) from None


def _upgrade(connection: Connection) -> None:
    is_postgresql = connection.dialect.name == "postgresql"
    if is_postgresql:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    cursor = connection.connection.cursor()
    revision = schema.read_revision(cursor, is_postgresql=is_postgresql)
    cursor.close()
    if revision == schema.HEAD:
        return
    if revision is not None and revision not in schema.REVISIONS:
        schema.check_revision(revision)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
