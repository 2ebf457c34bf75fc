"""Events as arrays: what was known of a history at one moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.outcomes.events import OutcomeEvent, OutcomeType, Reason
from leadqual.outcomes.history import History

TYPES: Final = tuple(OutcomeType)
REASONS: Final = tuple(Reason)
NO_REASON: Final = -1
NO_ACTOR: Final = -1
_TYPE_CODE: Final = {kind: code for code, kind in enumerate(TYPES)}
_REASON_CODE: Final = {reason: code for code, reason in enumerate(REASONS)}
SECONDS_PER_DAY: Final = 86_400.0


@dataclass(frozen=True)
class Timeline:
    """The events of a history that were known at `as_of_days`, one array entry per event.

    Parameters
    ----------
    lead : ndarray of intp, shape (n_events,)
        Row of the lead in the history.
    kind : ndarray of intp, shape (n_events,)
        Index into `TYPES`.
    reason : ndarray of intp, shape (n_events,)
        Index into `REASONS`, `NO_REASON` where none was given.
    at_days : ndarray of float64, shape (n_events,)
        When it happened, in days since 1970; never before the lead. NaN without a time.
    amount_usd : ndarray of float64, shape (n_events,)
        NaN where none was given.
    actor : ndarray of intp, shape (n_events,)
        Who did it, as a number within this history; `NO_ACTOR` where nobody is named.
    moment_days : ndarray of float64, shape (n_leads,)
        Prediction moment of each lead in days since 1970; NaN in a history without times.
    as_of_days : float
        The moment of knowledge; NaN in a history without times.
    n_clamped : int
        Events dated before their lead, moved to the lead's moment.
    n_unknown_lead : int
        Events of leads that the history does not have, left out.
    n_later : int
        Events recorded after `as_of_days`, left out.
    """

    lead: NDArray[np.intp]
    kind: NDArray[np.intp]
    reason: NDArray[np.intp]
    at_days: NDArray[np.float64]
    amount_usd: NDArray[np.float64]
    actor: NDArray[np.intp]
    moment_days: NDArray[np.float64]
    as_of_days: float
    n_clamped: int
    n_unknown_lead: int
    n_later: int

    def has(self, *kinds: OutcomeType) -> NDArray[np.bool_]:
        """Return for each lead whether any of these things happened, shape (n_leads,)."""
        flags = np.zeros(len(self.moment_days), dtype=bool)
        flags[self.lead[self.of(*kinds)]] = True
        return flags

    def of(self, *kinds: OutcomeType) -> NDArray[np.bool_]:
        """Return which events are of these types, shape (n_events,)."""
        return np.isin(self.kind, [_TYPE_CODE[kind] for kind in kinds])

    def first_days(self, *kinds: OutcomeType) -> NDArray[np.float64]:
        """Return when the first of these happened to each lead; NaN where never or untimed."""
        first = np.full(len(self.moment_days), np.inf)
        chosen = self.of(*kinds) & np.isfinite(self.at_days)
        np.minimum.at(first, self.lead[chosen], self.at_days[chosen])
        return np.where(np.isfinite(first), first, np.nan)

    def last_days(self, *kinds: OutcomeType) -> NDArray[np.float64]:
        """Return when the last of these happened to each lead; NaN where never or untimed."""
        last = np.full(len(self.moment_days), -np.inf)
        chosen = self.of(*kinds) & np.isfinite(self.at_days)
        np.maximum.at(last, self.lead[chosen], self.at_days[chosen])
        return np.where(np.isfinite(last), last, np.nan)

    def first_actor(self, *kinds: OutcomeType) -> NDArray[np.intp]:
        """Return who did the first of these to each lead; `NO_ACTOR` where nobody is named."""
        (events,) = np.nonzero(self.of(*kinds) & (self.actor != NO_ACTOR))
        # The last write of a repeated index wins, so the first event comes last.
        events = events[np.argsort(self.at_days[events], kind="stable")][::-1]
        found = np.full(len(self.moment_days), NO_ACTOR, dtype=np.intp)
        found[self.lead[events]] = self.actor[events]
        return found


def to_days(moment: datetime) -> float:
    """Return an aware moment in days since 1970-01-01 UTC."""
    return moment.timestamp() / SECONDS_PER_DAY


def to_moment(days: float) -> datetime | None:
    """Return days since 1970-01-01 UTC as an aware moment; None for NaN (no times)."""
    if not np.isfinite(days):
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)


def moments_to_days(moments: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Return UTC moments in days since 1970-01-01, shape kept."""
    microseconds = moments.astype("datetime64[us]").astype(np.int64)
    return np.asarray(microseconds / (SECONDS_PER_DAY * 1e6), dtype=np.float64)


def _stack(events: Sequence[OutcomeEvent], history: History) -> NDArray[np.float64]:
    """One row per event: lead row (-1 unknown), type, reason, occurred, recorded, amount, actor."""
    row_of = {lead_id: row for row, lead_id in enumerate(history.lead_ids)}
    number_of: dict[str, int] = {}
    columns = (
        [row_of.get(event.lead_id, -1) for event in events],
        [_TYPE_CODE[event.type] for event in events],
        [NO_REASON if event.reason is None else _REASON_CODE[event.reason] for event in events],
        [_days(event.occurred_at) for event in events],
        [_days(event.recorded_at) for event in events],
        [math.nan if event.amount_usd is None else event.amount_usd for event in events],
        [
            number_of.setdefault(event.actor, len(number_of)) if event.actor else NO_ACTOR
            for event in events
        ],
    )
    return np.array(columns, dtype=np.float64).T


def _days(moment: datetime | None) -> float:
    return math.nan if moment is None else moment.timestamp() / SECONDS_PER_DAY


def build_timeline(history: History, *, as_of: datetime | None) -> Timeline:
    """Put events into arrays, keeping only what was known at `as_of`.

    An event is known from `recorded_at` on, or from `occurred_at` where no recording time
    exists. An event with neither has no place in time and always counts. Where only the
    recording time exists it stands for the time of the event.

    Parameters
    ----------
    history : History
        The leads and their events.
    as_of : datetime or None
        Aware moment of knowledge; None means the latest time the history mentions. Without
        meaning when `history.has_times` is false: then every event counts and has no time.
    """
    table = _stack(history.events, history)
    is_known_lead = table[:, 0] >= 0
    counts = {"n_unknown_lead": int((~is_known_lead).sum())}
    table = table[is_known_lead]
    occurred, recorded = table[:, 3], table[:, 4]
    moments = moments_to_days(history.moments)
    if not history.has_times:
        untimed = np.full(history.n_leads, np.nan)
        return _arrange(table, at_days=np.full(len(table), np.nan), moment_days=untimed, **counts)
    learned_at = np.where(np.isnan(recorded), occurred, recorded)
    as_of_days = to_days(as_of) if as_of is not None else _latest(moments, learned_at)
    is_known = np.isnan(learned_at) | (learned_at <= as_of_days)
    happened_at = np.where(np.isnan(occurred), recorded, occurred)[is_known]
    earliest = moments[table[:, 0].astype(np.intp)][is_known]
    is_early = happened_at < earliest
    counts |= {"n_clamped": int(is_early.sum()), "n_later": int((~is_known).sum())}
    at_days = np.where(is_early, earliest, happened_at)
    timeline = _arrange(table[is_known], at_days=at_days, moment_days=moments, **counts)
    return replace(timeline, as_of_days=as_of_days)


def latest_days(history: History) -> float:
    """Return the latest time that a history mentions, in days since 1970; NaN without times.

    Events of leads that it does not have say nothing.
    """
    if not history.has_times:
        return math.nan
    known = set(history.lead_ids)
    learned_at = (e.recorded_at or e.occurred_at for e in history.events if e.lead_id in known)
    newest = max((at for at in learned_at if at is not None), default=None)
    return _latest(moments_to_days(history.moments), np.array([_days(newest)]))


def _latest(moments: NDArray[np.float64], learned_at: NDArray[np.float64]) -> float:
    """Latest time the history mentions; NaN for an empty history."""
    known = np.concatenate([moments, learned_at[np.isfinite(learned_at)]])
    return float(known.max()) if len(known) else float("nan")


def _arrange(
    table: NDArray[np.float64],
    *,
    at_days: NDArray[np.float64],
    moment_days: NDArray[np.float64],
    n_unknown_lead: int,
    n_clamped: int = 0,
    n_later: int = 0,
) -> Timeline:
    return Timeline(
        lead=table[:, 0].astype(np.intp),
        kind=table[:, 1].astype(np.intp),
        reason=table[:, 2].astype(np.intp),
        at_days=at_days,
        amount_usd=table[:, 5],
        actor=table[:, 6].astype(np.intp),
        moment_days=moment_days,
        as_of_days=float("nan"),
        n_clamped=n_clamped,
        n_unknown_lead=n_unknown_lead,
        n_later=n_later,
    )
