"""The least that the rows of a lead cost: bare ASGI, and what `POST /v1/leads` writes for a lead.

The floor is "the same bytes into the same database with the same durability and no model". Here
these are the bytes that the service writes: the rows of a lead in every table, into a database with
its schema, indexes and settings, through the bare driver and in one transaction per group.
`benchmarks.peers.floor` takes the words as the bytes of the request, which is the harder reading.

Requests are not looked at. Rows that the service wrote (`benchmarks.http.recording`) are written in
turn, each time with an id, an address, an external id and a time of their own; in the JSON beside
them these stay as they were. An answer leaves only after its own commit.
"""

from __future__ import annotations

import asyncio
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from itertools import chain, count, cycle, islice
from pathlib import Path
from typing import Final

from benchmarks.peers.floor import MAX_GROUP, Floor, Waiting, Write, wake
from benchmarks.peers.recorded_rows import NOW, Insert, Place, Recorded, Row, read_recorded
from leadqual.services.gathering import Gathering
from leadqual.store.connections import open_connections

DATABASE: Final = "SAME_ROWS_DATABASE_URL"
"""The environment variable with the URL of a database that has the service's schema."""

RECORDED: Final = "SAME_ROWS_RECORDED"
"""The environment variable with the file of recorded rows."""

_FIRST_NUMBER: Final = 10_000
"""Recorded persons have lower numbers."""

_RANDOM_BYTES: Final = 10

_SQLITE: Final = "sqlite:"

Clock = Callable[[int], object]
"""Makes what a driver takes as a time out of microseconds since 1970."""


class Rows:
    """Rows for one group of leads after the other.

    Parameters
    ----------
    inserts : sequence of Insert
        One per table.
    clock : callable
        Makes what the driver takes as a time.
    """

    def __init__(self, inserts: Sequence[Insert], clock: Clock) -> None:
        self._clock = clock
        self._numbers = count(_FIRST_NUMBER)
        self._turns = [
            (None if insert.stems is None else cycle(insert.stems), cycle(insert.rest))
            for insert in inserts
        ]

    def take(self, n_leads: int) -> list[list[Row]]:
        """Return the next rows by table; ids have the form and the order of the service's."""
        now = time.time_ns() // 1_000
        moment, head = self._clock(now), f"{now // 1_000:012x}"
        digits = secrets.token_hex(_RANDOM_BYTES * n_leads)
        width = 2 * _RANDOM_BYTES
        ids = [head + digits[start : start + width] for start in range(0, len(digits), width)]
        numbers = list(islice(self._numbers, n_leads))
        return [
            [(lead, moment, *rest) for lead, rest in zip(ids, rests, strict=False)]
            if stems is None
            else [
                (lead, moment, stem and f"{stem[0]}{number}{stem[1]}", *rest)
                for lead, number, stem, rest in zip(ids, numbers, stems, rests, strict=False)
            ]
            for stems, rests in self._turns
        ]


def open_sqlite(url: str, tables: Sequence[Recorded]) -> Write:
    """Return how to write to SQLite: one statement per table and group."""
    inserts = [Insert.of(table, later=int) for table in tables]
    connection = open_connections(url).writing.connect()
    rows = Rows(inserts, int)
    statements = [insert.sql([_in_sqlite]) for insert in inserts]

    def write(bodies: Sequence[bytes]) -> None:
        taken = rows.take(len(bodies))
        connection.execute("BEGIN IMMEDIATE")
        for statement, some in zip(statements, taken, strict=True):
            connection.executemany(statement, some)
        connection.execute("COMMIT")

    return write


def _in_sqlite(place: Place) -> str:
    bound = f"?{place.number}"
    return f"?{NOW.number} + {bound}" if place.is_later else bound


def open_postgresql(url: str, tables: Sequence[Recorded]) -> Write:
    """Return how to write to PostgreSQL: one statement for a whole group, which commits by itself.

    One statement per table in a pipeline has .8 of the requests a second of this with one
    connection and .65 with sixteen; arrays that the server unnests take twice as long.
    """
    import psycopg

    # As text: what is there has then one type with what is not, and a statement one plan.
    inserts = [Insert.of(table, later=str) for table in tables]
    connection = open_connections(url).writing.connect()
    connection.autocommit = True
    cursor = psycopg.RawCursor(connection)
    rows = Rows(inserts, _utc)
    statement = cache(partial(_of_group, inserts))

    def write(bodies: Sequence[bytes]) -> None:
        values = list(chain.from_iterable(chain.from_iterable(rows.take(len(bodies)))))
        cursor.execute(statement(len(bodies)), values, prepare=True)

    return write


def _utc(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def _of_group(inserts: Sequence[Insert], n_rows: int) -> str:
    """Return the statement that writes so many rows to each table."""
    parts, n_before = [], 0
    for insert in inserts:
        starts = [n_before + number * insert.n_bound for number in range(n_rows)]
        parts.append(insert.sql([partial(_in_postgresql, start) for start in starts]))
        n_before += n_rows * insert.n_bound
    named = ", ".join(f"part_{number} AS ({part})" for number, part in enumerate(parts[:-1]))
    return f"WITH {named} {parts[-1]}"


def _in_postgresql(n_before: int, place: Place) -> str:
    bound = f"${n_before + place.number}"
    if not place.is_later:
        return bound
    return f"${n_before + NOW.number} + {bound}::float8 * interval '1 us'"


class GatheredCommit:
    """Commit what the loop has ready, as the service's writer gathers it.

    Without it, as `GroupCommit` goes about it, every second group of 16 callers is of one lead, at
    the whole price of a commit: this has 1.16 times as many requests a second there, 1.1 at 64.

    Parameters
    ----------
    write : callable
        Puts what belongs to bodies into the database; returns after the commit.
    loop : AbstractEventLoop
        Of those who wait.
    """

    def __init__(self, write: Write, loop: asyncio.AbstractEventLoop) -> None:
        self._write = write
        self._loop = loop
        self._groups: queue.SimpleQueue[Sequence[Waiting]] = queue.SimpleQueue()
        self._gathering = Gathering[Waiting](loop, self._groups.put, max_group=MAX_GROUP)
        threading.Thread(target=self._run, daemon=True).start()

    async def add(self, body: bytes) -> None:
        """Return once what belongs to this body is on disk."""
        done = self._loop.create_future()
        self._gathering.add((body, done))
        await done

    def _run(self) -> None:
        while True:
            group = self._groups.get()
            self._write([body for body, _ in group])
            self._loop.call_soon_threadsafe(self._answer, [done for _, done in group])

    def _answer(self, group: Sequence[asyncio.Future[None]]) -> None:
        wake(group)
        self._gathering.came_back(len(group))


def _open(url: str, path: Path) -> Write:
    return (open_sqlite if url.startswith(_SQLITE) else open_postgresql)(url, read_recorded(path))


def app_from_environment() -> Floor:
    """Return the application on the database and the rows that the environment names."""
    url, path = os.environ[DATABASE], Path(os.environ[RECORDED])
    return Floor(lambda loop: GatheredCommit(_open(url, path), loop))
