"""Labels: what past leads turned out to be, a pure function of events and a moment.

The table of DESIGN section 4. What is not known is NaN, never 0: a lead that nobody worked is
not a failure, and an open lead is not one yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from leadqual.outcomes.checks import CHECKS, Check
from leadqual.outcomes.events import EXCLUDED_FROM_TRAINING, OutcomeType
from leadqual.outcomes.history import History
from leadqual.outcomes.progress import (
    ENDS,
    Codes,
    Flags,
    Floats,
    Progress,
    StageLabels,
    State,
    follow_leads,
    label_stages,
)
from leadqual.outcomes.timeline import TYPES, Timeline, build_timeline

DEFAULT_CHECK_ORDER: Final = CHECKS
ACCEPTED_BUDGET_WEIGHT: Final = 0.8
HANDED_OFF_WEIGHT: Final = 0.6
"""How much a hand-off without an answer counts against a confirmed label (weight 1)."""

_FINAL_TYPES: Final = frozenset({OutcomeType.WON, OutcomeType.LOST})
_REP_DECIDES: Final = (OutcomeType.HANDED_OFF, OutcomeType.DISQUALIFIED, OutcomeType.LOST)
_ENDING_TYPES: Final = (
    OutcomeType.NO_RESPONSE,
    OutcomeType.DISQUALIFIED,
    OutcomeType.REJECTED,
    OutcomeType.LOST,
)


@dataclass(frozen=True)
class HeadLabels:
    """Implied labels of one head.

    Parameters
    ----------
    values : ndarray of float64, shape (n_leads,)
        1, 0 or NaN where the events do not say.
    weights : ndarray of float64, shape (n_leads,)
        Below 1 for what nobody confirmed yet; 0 where `values` is NaN.
    """

    values: Floats
    weights: Floats

    @property
    def n_yes(self) -> int:
        """Return the number of leads known to pass."""
        return int((self.values == 1).sum())

    @property
    def n_no(self) -> int:
        """Return the number of leads known to fail."""
        return int((self.values == 0).sum())


@dataclass(frozen=True)
class Labels:
    """Everything learning reads of the outcomes of a history, as of one moment.

    All arrays have shape (n_leads,). `is_usable` leaves out leads that did not exist yet and
    leads with an excluded outcome. `is_worked` is true for every usable lead of a history that
    records nothing but wins and losses (`records_work` false). `is_settled` are usable leads
    known to have won or to have ended; `delay_days` runs from the prediction moment to the
    win, `settled_days` to the win or the end. `rep` is a number for who first decided about the
    lead (handed it off, disqualified it, lost it), -1 where nobody is named. `has_times` false:
    ages, delays and stage times are NaN.
    """

    as_of_days: float
    has_times: bool
    records_work: bool
    records_losses: bool
    progress: Progress
    is_usable: Flags
    is_excluded: Flags
    is_future: Flags
    is_worked: Flags
    is_won: Flags
    is_settled: Flags
    moment_days: Floats
    delay_days: Floats
    settled_days: Floats
    amount_usd: Floats
    rep: Codes
    heads: dict[Check, HeadLabels]
    stages: tuple[StageLabels, ...]
    n_clamped: int
    n_unknown_lead: int

    @property
    def n_leads(self) -> int:
        """Return the number of leads, usable or not."""
        return len(self.is_usable)

    @property
    def is_open(self) -> Flags:
        """Return worked leads whose end is not known: neither won nor lost yet."""
        return self.is_usable & self.is_worked & ~self.is_settled

    @property
    def age_days(self) -> Floats:
        """Return the age of each lead in days; NaN for future leads and without times."""
        return np.where(self.is_future, np.nan, self.as_of_days - self.moment_days)

    def counts(self) -> dict[str, int]:
        """Return how many leads of each kind there are, for reports and error messages."""
        return {
            "leads": self.n_leads,
            "future": int(self.is_future.sum()),
            "excluded": int(self.is_excluded.sum()),
            "never_worked": int((self.is_usable & ~self.is_worked).sum()),
            "open": int(self.is_open.sum()),
            "ended_without_win": int((self.is_settled & ~self.is_won).sum()),
            "won": int(self.is_won.sum()),
            "events_clamped": self.n_clamped,
            "events_of_unknown_leads": self.n_unknown_lead,
        }


def label_history(
    history: History,
    *,
    as_of: datetime | None,
    check_order: Sequence[Check] = DEFAULT_CHECK_ORDER,
) -> Labels:
    """Derive the labels of a history from its events as they were known at `as_of`.

    Parameters
    ----------
    history : History
        Leads and events, events in any order.
    as_of : datetime or None
        Aware moment of knowledge: an event recorded later does not exist, a lead created
        later is `is_future`. None means the latest time the history mentions.
    check_order : sequence of Check
        Each of the four checks once, as the team does them: a failed check implies that those
        before it were passed.

    Raises
    ------
    ValueError
        If `check_order` is not an ordering of the four checks.
    """
    if sorted(check_order) != sorted(Check):
        listed = ", ".join(CHECKS)
        raise ValueError(f"check_order must name each of {listed} exactly once")
    timeline = build_timeline(history, as_of=as_of)
    progress = follow_leads(timeline)
    is_future = timeline.moment_days > timeline.as_of_days
    is_excluded = timeline.has(*EXCLUDED_FROM_TRAINING) & ~is_future
    is_usable = ~is_future & ~is_excluded
    is_won = progress.is_in(State.WON) & is_usable
    records_work = any(TYPES[code] not in _FINAL_TYPES for code in np.unique(timeline.kind))
    is_settled = is_won | (is_usable & progress.is_in(*ENDS))
    won_at = timeline.first_days(OutcomeType.WON)
    settled_at = np.where(is_won, won_at, timeline.last_days(*_ENDING_TYPES))
    return Labels(
        as_of_days=timeline.as_of_days,
        has_times=history.has_times,
        records_work=records_work,
        records_losses=history.recorded.losses,
        progress=progress,
        is_usable=is_usable,
        is_excluded=is_excluded,
        is_future=is_future,
        is_worked=is_usable & (~progress.is_in(State.UNWORKED) | (not records_work)),
        is_won=is_won,
        is_settled=is_settled,
        moment_days=timeline.moment_days,
        delay_days=np.where(is_won, won_at - timeline.moment_days, np.nan),
        settled_days=np.where(is_settled, settled_at - timeline.moment_days, np.nan),
        amount_usd=np.where(is_won, _won_amounts(timeline), np.nan),
        rep=timeline.first_actor(*_REP_DECIDES),
        heads={
            check: _label_head(check, progress, check_order=check_order, is_usable=is_usable)
            for check in CHECKS
        },
        stages=label_stages(progress, timeline, is_usable=is_usable),
        n_clamped=timeline.n_clamped,
        n_unknown_lead=timeline.n_unknown_lead,
    )


def _won_amounts(timeline: Timeline) -> Floats:
    """Amount of the largest win of each lead; NaN where none was given.

    The largest, because exports repeat a win with an empty or zero amount.
    """
    amount = np.full(len(timeline.moment_days), -np.inf)
    chosen = timeline.of(OutcomeType.WON) & np.isfinite(timeline.amount_usd)
    np.maximum.at(amount, timeline.lead[chosen], timeline.amount_usd[chosen])
    return np.where(np.isfinite(amount), amount, np.nan)


def _label_head(
    check: Check, progress: Progress, *, check_order: Sequence[Check], is_usable: Flags
) -> HeadLabels:
    """One column of the table of DESIGN section 4."""
    values = np.full(len(is_usable), np.nan)
    weights = np.zeros(len(is_usable))

    def mark(rows: Flags, value: float, weight: float) -> None:
        values[rows & is_usable] = value
        weights[rows & is_usable] = weight

    # Losing a deal for no stated reason does not take back what the AE accepted.
    passed_ae = progress.is_in(State.OPPORTUNITY) | (
        progress.is_in(State.LOST) & progress.was_accepted
    )
    mark(progress.is_in(State.QUALIFIED), 1.0, HANDED_OFF_WEIGHT)
    mark(passed_ae, 1.0, ACCEPTED_BUDGET_WEIGHT if check is Check.BUDGET else 1.0)
    stopped = progress.is_in(State.DISQUALIFIED, State.REJECTED, State.LOST)
    place = {name: i for i, name in enumerate(check_order)}
    for i, failed in enumerate(CHECKS):
        stopped_here = stopped & (progress.failed_check == i)
        if failed is check:
            mark(stopped_here, 0.0, 1.0)
        elif place[check] < place[failed]:
            mark(stopped_here, 1.0, 1.0)
    mark(progress.is_in(State.WON), 1.0, 1.0)
    return HeadLabels(values=values, weights=weights)
