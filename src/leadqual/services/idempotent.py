"""Same key and same body: the stored answer again. Same key, other body: refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from leadqual.errors import IdempotencyError
from leadqual.store import Tx
from leadqual.store.idempotency import KEPT_FOR

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Once:
    """An idempotency key as the caller gave it, and what it was used for.

    `scope` keeps callers and calls apart (`<principal>:<route>`), `body_hash` is a SHA-256 in
    hex over the request body.
    """

    key: str
    scope: str
    body_hash: str

    @classmethod
    def of(cls, key: str, *, scope: str, body: bytes) -> Once:
        """Make one from a raw request body."""
        return cls(key=key, scope=scope, body_hash=hashlib.sha256(body).hexdigest())

    def part(self, number: int) -> Once:
        """Return the key of one part of a call that is written in several transactions."""
        return replace(self, key=f"{self.key}#{number}")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a write returned, and whether it was done before under the same key."""

    value: T
    replayed: bool = False


def answer_once(
    tx: Tx, once: Once | None, work: Callable[[], T], *, kind: TypeAdapter[T], now: datetime
) -> Answer[T]:
    """Do `work` and keep its answer with the key, or return the answer kept before.

    Both happen in the transaction of `tx`: an answer is kept if and only if the work is. An
    error keeps nothing, so the same key may try again.

    Parameters
    ----------
    once : Once or None
        None does the work without any of this.
    kind : TypeAdapter
        Writes the answer as JSON and reads it back, equal to what it was.

    Raises
    ------
    IdempotencyError
        When the key was used with another body.
    BusyError
        When another process answered under the key meanwhile; the work is to be undone.
    """
    if once is None:
        return Answer(work())
    kept = find_answer(tx, once, kind=kind, now=now)
    if kept is not None:
        return kept
    value = work()
    keep_answer(tx, once, kind.dump_json(value).decode(), now=now)
    return Answer(value)


def find_answer(tx: Tx, once: Once, *, kind: TypeAdapter[T], now: datetime) -> Answer[T] | None:
    """Return the answer that was kept with a key, None when it is new. Errors as `answer_once`."""
    kept = tx.idempotency.find(once.key, once.scope)
    if kept is None or kept.at <= now - KEPT_FOR:
        return None
    if kept.body_hash != once.body_hash:
        raise IdempotencyError(
            "this Idempotency-Key was used before with another body; "
            "send the same body again, or a new key"
        )
    return Answer(kind.validate_json(kept.response_json), replayed=True)


def keep_answer(tx: Tx, once: Once, response_json: str, *, now: datetime) -> None:
    """Keep an answer with its key. Raises `BusyError` as `answer_once` does."""
    tx.idempotency.save(
        once.key, once.scope, body_hash=once.body_hash, response_json=response_json, at=now
    )
