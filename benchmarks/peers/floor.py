"""The least that a durable answer costs: bare ASGI, the body into a table, one fsync per group.

The floor is "the same bytes into the same database with the same durability and no model". Here
these are the bytes of the request, which is the harder reading: `benchmarks.peers.same_rows` writes
those that the service writes. The database is of the kind that the service uses
(`FLOOR_DATABASE_URL`), with the same durability, and an answer leaves only after its own commit.
Nothing is parsed, scored or decided.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from starlette.types import Receive, Scope, Send

from benchmarks.peers.asgi import answer, is_lifespan, live_and_die, read_body
from leadqual.store.connections import sqlite_module

DATABASE: Final = "FLOOR_DATABASE_URL"
MAX_GROUP: Final = 64
_SQLITE: Final = "sqlite:///"

Write = Callable[[Sequence[bytes]], None]
"""Puts bodies into the database; returns after the commit."""

Waiting = tuple[bytes, "asyncio.Future[None]"]


def open_sqlite(path: str) -> Write:
    """Return how to write to a SQLite file: WAL, synchronous FULL."""
    connection = sqlite_module().connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS bodies (id INTEGER PRIMARY KEY, body BLOB)")

    def write(bodies: Sequence[bytes]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO bodies (body) VALUES (?)", [(b,) for b in bodies])
        connection.execute("COMMIT")

    return write


def open_postgresql(url: str) -> Write:
    """Return how to write to PostgreSQL: one statement and one commit per group."""
    import psycopg

    connection = psycopg.connect(url, autocommit=True, options="-c synchronous_commit=on")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS bodies "
        "(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)"
    )

    def write(bodies: Sequence[bytes]) -> None:
        connection.execute(
            "INSERT INTO bodies (body) SELECT unnest(%s::bytea[])", (list(bodies),), prepare=True
        )

    return write


class Commits(Protocol):
    """What the application does with a body."""

    async def add(self, body: bytes) -> None:
        """Return once what belongs to this body is on disk."""


class GroupCommit:
    """Write what waits in one commit, on a thread, and wake those who wait in one call.

    Parameters
    ----------
    write : callable
        Puts bodies into the database; returns after the commit.
    loop : AbstractEventLoop
        Of those who wait.
    """

    def __init__(self, write: Write, loop: asyncio.AbstractEventLoop) -> None:
        self._write = write
        self._loop = loop
        self._waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    async def add(self, body: bytes) -> None:
        """Return once this body is on disk."""
        done = self._loop.create_future()
        self._waiting.put((body, done))
        await done

    def _run(self) -> None:
        while True:
            group = [self._waiting.get()]
            while len(group) < MAX_GROUP and not self._waiting.empty():
                group.append(self._waiting.get())
            self._write([body for body, _ in group])
            self._loop.call_soon_threadsafe(wake, [done for _, done in group])


def wake(group: Sequence[asyncio.Future[None]]) -> None:
    """Let those go on who still wait."""
    for done in group:
        if not done.done():
            done.set_result(None)


class Floor:
    """The application; its writer begins with the first request, on that request's loop.

    Parameters
    ----------
    begin : callable
        Returns, for that loop, what puts bodies into the database.
    """

    def __init__(self, begin: Callable[[asyncio.AbstractEventLoop], Commits]) -> None:
        self._begin = begin
        self._commits: Commits | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store the body, then answer."""
        if is_lifespan(scope):
            await live_and_die(receive, send)
            return
        body = await read_body(receive)
        if self._commits is None:
            self._commits = self._begin(asyncio.get_running_loop())
        await self._commits.add(body)
        await answer(send, 201, b'{"status":"created"}')


def _open(url: str) -> Write:
    if url.startswith(_SQLITE):
        return open_sqlite(url.removeprefix(_SQLITE))
    return open_postgresql(url)


def app_from_environment() -> Floor:
    """Return the application on the database that the environment names (for uvicorn)."""
    url = os.environ[DATABASE]
    return Floor(lambda loop: GroupCommit(_open(url), loop))
