"""Connections to PostgreSQL."""

from __future__ import annotations

import select
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from leadqual.store.prepared import Driver

Connection = psycopg.Connection[tuple[Any, ...]]

DRIVER: Final = Driver("postgresql", (psycopg.Error,))

_SETTINGS: Final = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "timezone": "UTC",
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "60s",
        "synchronous_commit": "on",
    }.items()
)
_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": 3,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "options": _SETTINGS,
}


def read_location(location: str) -> Mapping[str, str] | None:
    """Return libpq's parameters for what follows `postgresql://`, None where it takes none.

    A slash in a password that is not percent-encoded ends the address: the rest of it is then
    taken for a port and a database.
    """
    try:
        parts = conninfo_to_dict(f"postgresql://{location}")
    except psycopg.ProgrammingError:
        return None
    place = {name: str(part) for name, part in parts.items()}
    ports = place.get("port", "").split(",")
    if "@" in place.get("dbname", "") or not all(port.isdigit() for port in ports if port):
        return None
    return place


def connect(place: Mapping[str, str]) -> Connection:
    """Return a connection with the settings of this store."""
    return psycopg.connect(**{**place, **_OPTIONS})


def is_ended(connection: Connection) -> bool:
    """Return whether the server has ended a connection while nobody used it.

    Then there is something to read, or an end, before anybody asked: looking takes two microseconds
    where asking each time takes a round trip. Only where there is something, a notice perhaps, the
    server is asked.
    """
    if connection.closed:
        return True
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    if not waiting.poll(0):
        return False
    with suppress(psycopg.Error):
        connection.execute("SELECT 1")
        connection.rollback()
        return False
    return True
