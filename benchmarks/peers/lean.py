"""The least that a start costs: what validates a body and keeps it, and nothing to score it with.

Bare ASGI on the same server, pydantic for the fields of a lead, one SQLite connection that commits
as durably as the service does. Nothing of leadqual is imported.
"""

from __future__ import annotations

import os
import sqlite3
from functools import cache
from typing import Final

from starlette.types import Receive, Scope, Send

from benchmarks.peers.asgi import answer, is_lifespan, live_and_die, read_body
from benchmarks.peers.body import Lead

DATABASE: Final = "LEAN_DATABASE"
"""The environment variable with the file of the database."""


@cache
def _database() -> sqlite3.Connection:
    connection = sqlite3.connect(os.environ[DATABASE], isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS bodies (id INTEGER PRIMARY KEY, body BLOB)")
    return connection


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Check the body, store it, answer."""
    if is_lifespan(scope):
        await live_and_die(receive, send)
        return
    body = await read_body(receive)
    Lead.model_validate_json(body)
    _database().execute("INSERT INTO bodies (body) VALUES (?)", (body,))
    await answer(send, 201, b'{"status":"created"}')
