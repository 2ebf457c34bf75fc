"""The floor: one indexed statement per task, on the driver's own cursor."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from benchmarks.queue.filling import QUEUE, START
from leadqual.queue.items import LEASE
from leadqual.store.connections import open_connections
from leadqual.store.values import to_microseconds

_COLUMNS: Final = (
    "item_id, lead_id, queue, state, rank, order_key, due_at, created_at, claimed_by, wakes_at, "
    "token, finished_at, handed_to, handed_at, owner_rep"
)
_OPEN: Final = (
    f"FROM queue_items WHERE queue = '{QUEUE.value}' AND state = 'open' AND finished_at IS NULL "
    "ORDER BY order_key DESC, item_id LIMIT"
)
_TOP: Final = f"SELECT {_COLUMNS} {_OPEN} 50"
_CLAIM: Final = (
    "UPDATE queue_items "  # noqa: S608 - constants of ours
    "SET state = 'claimed', claimed_by = ?, wakes_at = ?, token = token + 1 "
    f"WHERE item_id = (SELECT item_id {_OPEN} 1) RETURNING {_COLUMNS}"
)
_RELEASE: Final = (
    "UPDATE queue_items SET state = 'open', claimed_by = NULL, wakes_at = NULL WHERE item_id = ?"
)
_FINISH: Final = (
    "UPDATE queue_items SET state = 'closed', claimed_by = NULL, wakes_at = NULL, finished_at = ? "
    "WHERE item_id = ?"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a rep holds."""

    item_id: int
    lead_id: str
    token: int


class BareQueue:
    """Work a queue with one statement and one commit per call; connections are kept open.

    Parameters
    ----------
    url : str
        Of a database that `filling.fill` made.
    """

    def __init__(self, url: str) -> None:
        self._pool = open_connections(url).writing
        self._is_postgresql = self._pool.driver.is_postgresql
        self._turns = threading.Lock()
        self._idle: deque[tuple[Any, Any]] = deque()
        self._until = self._time(START + LEASE)
        self._at = self._time(START + timedelta(minutes=1))

    def top(self) -> list[Any]:
        """Return the best 50 rows."""
        connection, cursor = self._take()
        cursor.execute(_TOP)
        rows = list(cursor.fetchall())
        self._idle.append((connection, cursor))
        return rows

    def claim(self, rep: str) -> Taken:
        """Claim the best lead."""
        with self._commit() as cursor:
            cursor.execute(self._sql(_CLAIM), (rep, self._until))
            row = cursor.fetchone()
        if row is None:
            raise RuntimeError("the queue is empty; fill it with more items")
        return Taken(row[0], row[1], row[10])

    def release(self, _rep: str, taken: Taken) -> None:
        """Give it back."""
        with self._commit() as cursor:
            cursor.execute(self._sql(_RELEASE), (taken.item_id,))

    def finish(self, _rep: str, taken: Taken) -> None:
        """Close it."""
        with self._commit() as cursor:
            cursor.execute(self._sql(_FINISH), (self._at, taken.item_id))

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            connection, _ = self._idle.pop()
            connection.close()

    @contextmanager
    def _commit(self) -> Iterator[Any]:
        """Run statements in a transaction; SQLite's writers take turns, as ours do."""
        connection, cursor = self._take()
        if self._is_postgresql:
            yield cursor
            connection.commit()
        else:
            with self._turns:
                cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                cursor.execute("COMMIT")
        self._idle.append((connection, cursor))

    def _take(self) -> tuple[Any, Any]:
        """Return an idle connection with our settings, and its cursor."""
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._pool.connect()
            return connection, connection.cursor()

    def _sql(self, text: str) -> str:
        if not self._is_postgresql:
            return text
        return text.replace("LIMIT 1)", "LIMIT 1 FOR UPDATE SKIP LOCKED)").replace("?", "%s")

    def _time(self, moment: datetime) -> datetime | int | None:
        return moment if self._is_postgresql else to_microseconds(moment)
