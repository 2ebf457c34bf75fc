"""Business time: opening hours in a time zone, and clocks that stop outside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

Window = tuple[datetime, datetime]
"""Opening and closing of one day, in UTC."""

MAX_CLOSED_DAYS: Final = 366
"""A clock gives up looking for an opening after so many closed days in a row."""

_MAX_REMEMBERED: Final = 4_096
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """When leads are worked.

    Parameters
    ----------
    time_zone : str
        IANA name; `opens` and `closes` are wall-clock times there.
    weekdays : frozenset of int
        Working days, Monday is 0.
    opens, closes : time
        Opening and closing on each of them, `opens` earlier.
    holidays : frozenset of date
        Days off.
    """

    time_zone: str
    weekdays: frozenset[int]
    opens: time
    closes: time
    holidays: frozenset[date] = frozenset()
    _windows: dict[date, Window | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def window(self, day: date) -> Window | None:
        """Return opening and closing of a local day in UTC; None when it is closed."""
        try:
            return self._windows[day]
        except KeyError:
            pass
        if len(self._windows) >= _MAX_REMEMBERED:
            self._windows.clear()
        window = self._windows[day] = self._find_window(day)
        return window

    def local_day(self, moment: datetime) -> date:
        """Return the date that an aware moment has in this time zone."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    def _find_window(self, day: date) -> Window | None:
        """Work a window out, once: every lead of a day asks for it."""
        if day.weekday() not in self.weekdays or day in self.holidays:
            return None
        zone = ZoneInfo(self.time_zone)
        opens, closes = (
            datetime.combine(day, moment, tzinfo=zone).astimezone(UTC)
            for moment in (self.opens, self.closes)
        )
        return opens, closes


def add_business_time(start: datetime, amount: timedelta, hours: BusinessHours) -> datetime:
    """Return when `amount` of opening time has passed after `start`, in UTC.

    The clock stands still while closed, also over weekends, holidays and changes to and from
    summer time: 09:00-17:00 on a day of the change still counts eight hours. An amount of zero
    gives the next open moment. Where nothing opens for a year (every day a holiday), the amount
    is added as plain time.

    Examples
    --------
    >>> from datetime import UTC, datetime, time, timedelta
    >>> office = BusinessHours("UTC", frozenset(range(5)), time(9), time(17))
    >>> friday = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    >>> add_business_time(friday, timedelta(hours=1), office).isoformat()
    '2026-11-23T09:30:00+00:00'
    """
    left = amount
    day, n_closed = hours.local_day(start), 0
    while n_closed <= MAX_CLOSED_DAYS:
        window = hours.window(day)
        day += _ONE_DAY
        if window is None:
            n_closed += 1
            continue
        n_closed = 0
        opens, closes = window
        if closes <= start:
            continue
        begins = opens if opens > start else start
        if begins + left <= closes:
            return begins + left
        left -= closes - begins
    return start.astimezone(UTC) + left


def share_of_day_left(moment: datetime, hours: BusinessHours) -> float:
    """Return how much of the opening time of the local day is still to come, in [0, 1].

    1 before opening and on closed days, 0 after closing.
    """
    window = hours.window(hours.local_day(moment))
    if window is None:
        return 1.0
    opens, closes = window
    return min(1.0, max(0.0, (closes - moment) / (closes - opens)))
