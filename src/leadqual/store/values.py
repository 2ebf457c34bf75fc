"""Values as the drivers take and give them; times mean the same on both databases.

A column of times is TIMESTAMPTZ on PostgreSQL and microseconds since 1970 on SQLite, one of flags
BOOLEAN and 0 or 1. Everything else the drivers convert themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from leadqual.errors import InputError

Converter = Callable[[Any], Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EXACT: Final = 2**52
"""Below it (the year 2112) seconds as a float are less than half a microsecond off."""


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


def _as_integer(value: bool | None) -> int | None:  # noqa: FBT001 - a converter takes the value
    return None if value is None else int(value)


def _as_boolean(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _naive() -> InputError:
    """Return the error for a time without a zone."""
    return InputError("a time without a zone was given; the store takes aware times only")


WRITERS: Final[Mapping[str, Mapping[str, Converter]]] = {
    "sqlite": {"time": to_microseconds, "flag": _as_integer},
    "postgresql": {"time": _checked},
}
"""What a driver takes, by database and kind of value; kinds that are not here go in as they are."""

READERS: Final[Mapping[str, Mapping[str, Converter]]] = {
    "sqlite": {"time": from_microseconds, "flag": _as_boolean},
    "postgresql": {"time": _in_utc},
}
"""What comes back: times aware and in UTC, flags as booleans."""
