"""Same key and same body: the stored answer again. Same key, other body: refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter

from leadqual.errors import IdempotencyError
from leadqual.store import Tx

T = TypeVar("T")

KEPT_FOR: Final = timedelta(days=7)


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
