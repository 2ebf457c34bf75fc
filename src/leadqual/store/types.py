"""Column types that mean the same on SQLite (STRICT tables) and on PostgreSQL.

What a driver takes and gives for them is converted by `store.values`, by their `kind`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import TIMESTAMP, BigInteger, Boolean, Dialect, Double, Integer
from sqlalchemy.dialects.sqlite import REAL
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcTime(TypeDecorator[datetime]):
    """An aware time: TIMESTAMPTZ on PostgreSQL, microseconds since 1970 on SQLite.

    Both keep microseconds and sort by time; what comes back is aware and in UTC. A naive time
    raises `InputError`: it could mean anything.
    """

    impl = BigInteger
    cache_ok = True
    kind = "time"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type of one database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Integer())


class Flag(TypeDecorator[bool]):
    """True or false: BOOLEAN on PostgreSQL, 0 or 1 on SQLite (STRICT knows no booleans)."""

    impl = Boolean
    cache_ok = True
    kind = "flag"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type of one database."""
        return dialect.type_descriptor(Boolean() if dialect.name == "postgresql" else Integer())


BigId: Final[TypeEngine[int]] = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer; as primary key SQLite numbers it by itself."""

Real: Final[TypeEngine[float]] = Double().with_variant(REAL(), "sqlite")
"""A 64-bit float."""
