"""Column types that mean the same on SQLite (STRICT tables) and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import TIMESTAMP, BigInteger, Boolean, Dialect, Double, Integer
from sqlalchemy.dialects.sqlite import REAL
from sqlalchemy.types import TypeDecorator, TypeEngine

from leadqual.errors import InputError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EXACT: Final = 2**52
"""Below it (the year 2112) seconds as a float are less than half a microsecond off."""


class UtcTime(TypeDecorator[datetime]):
    """An aware time: TIMESTAMPTZ on PostgreSQL, microseconds since 1970 on SQLite.

    Both keep microseconds and sort by time; what comes back is aware and in UTC. A naive time
    raises `InputError`: it could mean anything.
    """

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type of one database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Integer())

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Return what turns an aware time into what the driver takes."""
        return _checked if dialect.name == "postgresql" else to_microseconds

    def result_processor(
        self,
        dialect: Dialect,
        coltype: object,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> Callable[[Any], datetime | None]:
        """Return what turns the driver's value into an aware UTC time."""
        return _in_utc if dialect.name == "postgresql" else from_microseconds


class Flag(TypeDecorator[bool]):
    """True or false: BOOLEAN on PostgreSQL, 0 or 1 on SQLite (STRICT knows no booleans)."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type of one database."""
        return dialect.type_descriptor(Boolean() if dialect.name == "postgresql" else Integer())

    def bind_processor(self, dialect: Dialect) -> Callable[[bool | None], Any] | None:
        """Return what turns a boolean into what the driver takes."""
        return None if dialect.name == "postgresql" else _as_integer

    def result_processor(
        self,
        dialect: Dialect,
        coltype: object,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> Callable[[Any], bool | None] | None:
        """Return what turns the driver's value into a boolean."""
        return None if dialect.name == "postgresql" else _as_boolean


BigId: Final[TypeEngine[int]] = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer; as primary key SQLite numbers it by itself."""

Real: Final[TypeEngine[float]] = Double().with_variant(REAL(), "sqlite")
"""A 64-bit float."""


def to_microseconds(moment: datetime | None) -> int | None:
    """Return microseconds since 1970. Raises `InputError` for a naive time."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise _naive()
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int | None) -> datetime | None:
    """Return the aware UTC time."""
    if value is None:
        return None
    if 0 <= value < _EXACT:  # twice as fast, and right to the microsecond this far
        return datetime.fromtimestamp(value / 1_000_000, UTC)
    return _EPOCH + timedelta(microseconds=value)


def _checked(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise _naive()
    return moment


def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _as_integer(value: bool | None) -> int | None:  # noqa: FBT001 - a processor takes the value
    return None if value is None else int(value)


def _as_boolean(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _naive() -> InputError:
    """Return the error for a time without a zone."""
    return InputError("a time without a zone was given; the store takes aware times only")
