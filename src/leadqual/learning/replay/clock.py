"""Steps on the clock of a history: days where there are times, rows where there is an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.outcomes.history import History
from leadqual.outcomes.timeline import moments_to_days

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.intp]

_ONE_YEAR: Final = 365
_JUST_BEFORE: Final = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Cadence:
    """How a history is cut into steps; None leaves the choice to `plan_backtest`.

    Parameters
    ----------
    every_days, every_rows : int or None
        Length of a step, at least 1: in days for a dated history, in rows for an order only.
    first_at : datetime or None
        Aware start of the first step of a dated history.
    first_row : int or None
        The same as a row number, counted from 0, for an order only.
    lag_rows : int
        For an order only: a lead's outcome is known once so many later leads have come.
    """

    every_days: int | None = None
    every_rows: int | None = None
    first_at: datetime | None = None
    first_row: int | None = None
    lag_rows: int = 0

    def __post_init__(self) -> None:
        if min(self.every_days or 1, self.every_rows or 1) < 1 or self.lag_rows < 0:
            raise ValueError("steps are at least 1 day or row long, a lag at least 0 rows")


@dataclass(frozen=True)
class ReplayPlan:
    """Steps on the clock of a history: days since 1970, or rows where there are no times.

    Parameters
    ----------
    is_dated : bool
        Whether the clock counts days.
    clock : ndarray of float64, shape (n_leads,)
        When each lead came, ascending.
    starts : ndarray of float64, shape (n_steps,)
        When each step begins; it ends when the next one would.
    every : float
        Length of a step.
    lag : float
        How much later than its lead an outcome is known; 0 with dates, where events say it.
    horizon_days : float or None
        A judged lead counts as won when it was won within so many days; None without times.
    judged, won : ndarray of bool, shape (n_leads,)
        Leads whose end can be judged, and which of them count as won.
    """

    is_dated: bool
    clock: Floats
    starts: Floats
    every: float
    lag: float
    horizon_days: float | None
    judged: Flags
    won: Flags

    @property
    def n_steps(self) -> int:
        """Return the number of steps."""
        return len(self.starts)

    def arrivals(self, step: int) -> Codes:
        """Return the rows of the leads that came in a step."""
        return self._between(self.starts[step], self.starts[step] + self.every)

    def arrivals_since(self, step: int) -> Codes:
        """Return the rows of the leads that came in a step or any later one."""
        return self._between(self.starts[step], self.starts[-1] + self.every)

    def known(self, history: History, step: int) -> tuple[History, datetime | None]:
        """Return what may be learned from when a step begins.

        The leads that came before it with all their events, and the moment after which nothing
        may be read of them; without times, the leads whose outcome is known, and None.
        """
        return known_before(history, self.clock, start=self.starts[step], lag=self.lag)

    def name(self, step: int) -> str:
        """Return when a step begins, for people."""
        return name_place(self.starts[step], is_dated=self.is_dated)

    @property
    def marks(self) -> tuple[str, ...]:
        """Return five days, months or rows at even distances, from the first step to the end."""
        places = np.linspace(self.starts[0], self.starts[-1] + self.every, 5)
        if not self.is_dated:
            return tuple(f"{place:,.0f}" for place in places)
        form = "%d %b" if places[-1] - places[0] < _ONE_YEAR else "%b '%y"
        return tuple(f"{_moment(place):{form}}" for place in places)

    def _between(self, low: float, high: float) -> Codes:
        return np.nonzero((self.clock >= low) & (self.clock < high))[0]


def clock_of(history: History) -> Floats:
    """Return when each lead came: days since 1970, or its row where there are no times."""
    if history.has_times:
        return moments_to_days(history.moments)
    return np.arange(history.n_leads, dtype=np.float64)


def known_before(
    history: History, clock: Floats, *, start: float, lag: float
) -> tuple[History, datetime | None]:
    """Return the leads that came before a moment; as_of hides what was recorded from then on.

    Parameters
    ----------
    history : History
        Leads in time order.
    clock : ndarray of float64, shape (n_leads,)
        From `clock_of`.
    start, lag : float
        On that clock.
    """
    (rows,) = np.nonzero(clock < start - lag)
    known = history.take(rows)
    return known, (_moment(start) - _JUST_BEFORE if history.has_times else None)


def name_place(place: float, *, is_dated: bool) -> str:
    """Return a place on the clock for people: a day, or a row."""
    return f"{_moment(place):%Y-%m-%d}" if is_dated else f"row {place:.0f}"


def _moment(days: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=float(days))
