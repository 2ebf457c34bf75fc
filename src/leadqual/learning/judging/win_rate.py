"""Whether leads are won as often as before: the rate period by period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.judging.intervals import wilson
from leadqual.learning.protocol import Protocol
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity
from leadqual.outcomes.timeline import to_moment

Codes = NDArray[np.intp]
Flags = NDArray[np.bool_]

N_PERIODS: Final = 8
MIN_PERIOD_LEADS: Final = 50


@dataclass(frozen=True)
class Period:
    """Leads that came one after the other, and how many of them were won.

    Parameters
    ----------
    name : str
        Day of its first lead, or its row where there are no times.
    n_leads, n_won : int
        Worked leads that are old enough, and those won within the horizon.
    observed, low, high : float
        The rate and its 95 % interval (Wilson).
    is_judged : bool
        Whether most of them were judged, not learned from.
    """

    name: str
    n_leads: int
    n_won: int
    observed: float
    low: float
    high: float
    is_judged: bool


def measure_win_rate(
    labels: Labels, maturity: Maturity, protocol: Protocol, *, judged: Codes
) -> tuple[Period, ...]:
    """Return the win rate of periods with equally many leads, in time order.

    All leads that could be judged by their age count, those learned from too, so that every
    period answers the same question.

    Parameters
    ----------
    labels, maturity, protocol : Labels, Maturity, Protocol
        Of the evaluation.
    judged : ndarray of intp
        Rows that were judged.

    Returns
    -------
    tuple of Period
        Empty without an order in time, or with fewer than 100 leads.
    """
    if len(protocol.folds) > 1:
        return ()
    counted = labels.is_usable & labels.is_worked & maturity.is_covered
    won = labels.is_won.copy()
    if protocol.horizon_days is not None:
        counted &= labels.age_days >= protocol.horizon_days
        won &= labels.delay_days <= protocol.horizon_days
    elif labels.records_losses:
        counted &= labels.is_settled
    (rows,) = np.nonzero(counted)
    n_periods = min(N_PERIODS, len(rows) // MIN_PERIOD_LEADS)
    if n_periods < 2:
        return ()
    is_judged = np.isin(np.arange(labels.n_leads), judged)
    return tuple(
        _period(labels, part, won=won, is_judged=is_judged)
        for part in np.array_split(rows, n_periods)
    )


def _period(labels: Labels, rows: Codes, *, won: Flags, is_judged: Flags) -> Period:
    n_won = int(won[rows].sum())
    low, high = wilson(n_won / len(rows), len(rows))
    began = to_moment(labels.moment_days[rows[0]]) if labels.has_times else None
    return Period(
        name=f"row {rows[0] + 1}" if began is None else began.date().isoformat(),
        n_leads=len(rows),
        n_won=n_won,
        observed=n_won / len(rows),
        low=low,
        high=high,
        is_judged=bool(is_judged[rows].mean() > 0.5),
    )
