"""Naive Bayes as in Odoo's predictive lead scoring: counts that follow each recorded outcome."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from leadqual.features.columns import scalars_of
from leadqual.features.derive import derive
from leadqual.features.encoder import Encoder
from leadqual.features.spec import canonical_level, to_number
from leadqual.leads.schema import Scalar
from leadqual.outcomes.events import OutcomeEvent
from leadqual.outcomes.history import Columns, History
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.timeline import to_days

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_SMOOTHING: Final = 0.1
_QUANTILES: Final = (0.2, 0.4, 0.6, 0.8)


class Standing(IntEnum):
    """What is known of a lead: only `LOST` and `WON` are counted."""

    LOST = 0
    WON = 1
    NOT_COUNTED = 2


class OdooCounts:
    """A table of (field, value) counts for won and lost leads.

    Parameters
    ----------
    n_values : sequence of int, length n_fields
        How many values each field has; a lead is one code per field, below these.

    Examples
    --------
    >>> counts = OdooCounts([2])
    >>> for code, won in [(0, True), (0, True), (1, False), (1, True)]:
    ...     counts.add(np.array([code]), won)
    >>> counts.probability(np.array([[0], [1]])).round(2).tolist()
    [0.96, 0.53]

    References
    ----------
    Odoo, crm/models/crm_lead.py, predictive lead scoring.
    """

    def __init__(self, n_values: Sequence[int]) -> None:
        self._start = np.concatenate([[0], np.cumsum(n_values)])[:-1].astype(np.intp)
        self._counts = np.zeros((int(sum(n_values)), 2))
        self._n_known = np.zeros(len(n_values))
        self._n_leads = np.zeros(2)

    @classmethod
    def of(cls, leads: Codes, won: NDArray[np.bool_], *, n_values: Sequence[int]) -> OdooCounts:
        """Count leads of shape (n_leads, n_fields) in one go."""
        counts = cls(n_values)
        for side in (Standing.LOST, Standing.WON):
            cells = (counts._start + leads[won == bool(side)]).ravel()
            counts._counts[:, side] = np.bincount(cells, minlength=len(counts._counts))
            counts._n_leads[side] = (won == bool(side)).sum()
        is_known = counts._counts.sum(axis=1) > 0
        parts = np.split(is_known, counts._start[1:]) if len(counts._start) else []
        counts._n_known = np.array([part.sum() for part in parts], dtype=np.float64)
        return counts

    def add(self, lead: Codes, won: bool) -> None:  # noqa: FBT001 - the outcome is what is added
        """Count a lead of shape (n_fields,) as won or lost."""
        cells = self._start + lead
        self._n_known += self._counts[cells].sum(axis=1) == 0
        self._counts[cells, int(won)] += 1
        self._n_leads[int(won)] += 1

    def remove(self, lead: Codes, won: bool) -> None:  # noqa: FBT001 - as `add`
        """Take back a lead that was counted so; only then does the table stay right."""
        cells = self._start + lead
        self._counts[cells, int(won)] -= 1
        self._n_leads[int(won)] -= 1
        self._n_known -= self._counts[cells].sum(axis=1) == 0

    def probability(self, leads: Codes) -> Floats:
        """Return P(won) of leads of shape (n_leads, n_fields), shape (n_leads,).

        A value that was never counted says nothing. With one outcome only it is the share of
        wins, one half before anything was counted.
        """
        lost, won = self._n_leads
        if not lost or not won:
            return np.full(len(leads), won / (won + lost) if won + lost else 0.5)
        found = self._counts[self._start + leads]
        totals = self._n_leads + _SMOOTHING * self._n_known[:, None]
        ratio = np.log((found + _SMOOTHING) / np.maximum(totals, _SMOOTHING))
        says = np.where(
            found.sum(axis=2) > 0, ratio[..., Standing.WON] - ratio[..., Standing.LOST], 0
        )
        return np.asarray(expit(np.log(won / lost) + says.sum(axis=1)), dtype=np.float64)


def code_leads(
    encoder: Encoder, columns: Columns, *, n_leads: int, known: Codes
) -> tuple[Codes, list[int]]:
    """Return a code per field and lead, and how many each field has.

    The fields are those of the encoder. Values are taken as they are, so that a new landing page
    counts as soon as its first outcomes are recorded; numbers fall into five bins. Missing is a
    value of its own.

    Parameters
    ----------
    encoder : Encoder
        Fitted on what was known at the start.
    columns : Columns
        Of n_leads leads.
    known : ndarray of intp
        Rows that may tell where the bins of a number end.

    Returns
    -------
    ndarray of intp, shape (n_leads, n_fields)
    list of int, length n_fields
    """
    table = derive(columns, n_leads, wanted=frozenset(encoder.feature_names))
    absent: Sequence[Scalar] = [None] * n_leads
    numbers = [
        np.array([to_number(value) for value in table.get(feature.name, absent)], dtype=np.float64)
        for feature in encoder.numeric
    ]
    fields = [bin_numbers(values, known=values[known]) for values in numbers]
    fields += [
        _number_levels(scalars_of(table.get(feature.name, absent)))
        for feature in encoder.categorical
    ]
    codes = np.array(fields, dtype=np.intp).reshape(len(fields), n_leads).T
    return codes, [int(field.max(initial=0)) + 1 for field in fields]


def bin_numbers(values: Floats, *, known: Floats) -> Codes:
    """Return the fifth of the known numbers that each value falls into; a sixth code for NaN."""
    seen = known[np.isfinite(known)]
    edges = np.unique(np.quantile(seen, _QUANTILES)) if len(seen) else np.zeros(0)
    return np.where(np.isfinite(values), np.digitize(values, edges), len(edges) + 1)


def _number_levels(values: Sequence[Scalar]) -> Codes:
    number: dict[str | None, int] = {}
    levels = map(canonical_level, values)
    return np.array([number.setdefault(level, len(number)) for level in levels], dtype=np.intp)


@dataclass(frozen=True, order=True)
class Change:
    """From this moment on a lead is known to stand so; `at` in the unit of the replay's clock."""

    at: float
    row: int
    standing: Standing


def follow_outcomes(history: History, *, clock: Floats, lag: float = 0.0) -> list[Change]:
    """Return when each lead became known to be won or lost, or was taken back, in time order.

    Where losses are never recorded, a lead counts as lost from its arrival until it is won: that
    is what a CRM shows. Without times an outcome is known `lag` after its lead came.

    Parameters
    ----------
    history : History
        Each event has a time, or none has.
    clock : ndarray of float64, shape (n_leads,)
        When each lead came: days since 1970, or its row where there are no times.
    """
    changes: list[Change] = []
    if not history.has_times:
        standing = _stand(history)
        return [Change(clock[i] + lag, i, standing[i]) for i in range(history.n_leads)]
    if not history.recorded.losses:
        changes += [Change(float(at), i, Standing.LOST) for i, at in enumerate(clock)]
    return list(heapq.merge(sorted(changes), sorted(_recorded(history, clock))))


def _recorded(history: History, clock: Floats) -> Iterator[Change]:
    """Yield where each lead stands after its first event, after its first two, and so on."""
    told = _told(history, clock)
    bare = replace(history, columns={}, events=[])
    n_told = 1
    while rows := [row for row, events in told.items() if len(events) >= n_told]:
        known = replace(
            bare.take(np.array(rows, dtype=np.intp)),
            events=[event for row in rows for _, event in told[row][:n_told]],
        )
        for row, standing in zip(rows, _stand(known), strict=True):
            at, is_last = told[row][n_told - 1][0], len(told[row]) == n_told
            if is_last or told[row][n_told][0] > at:
                yield Change(at, row, standing)
        n_told += 1


def _told(history: History, clock: Floats) -> dict[int, list[tuple[float, OutcomeEvent]]]:
    """Return the events of each lead with the day they became known, in that order."""
    row_of = {lead_id: row for row, lead_id in enumerate(history.lead_ids)}
    told: dict[int, list[tuple[float, OutcomeEvent]]] = {}
    for event in history.events:
        at = event.recorded_at or event.occurred_at
        row = row_of.get(event.lead_id)
        if at is not None and row is not None:
            # Some exports date a win before its lead: it tells nothing before the lead is there.
            told.setdefault(row, []).append((max(to_days(at), float(clock[row])), event))
    for events in told.values():
        events.sort(key=lambda one: one[0])
    return told


def _stand(history: History) -> list[Standing]:
    """Return where each lead stands when all of its events are known."""
    labels = label_history(history, as_of=None)
    otherwise = Standing.NOT_COUNTED if history.recorded.losses else Standing.LOST
    standing = np.where(labels.is_settled, Standing.LOST, otherwise)
    standing = np.where(labels.is_won, Standing.WON, standing)
    standing = np.where(labels.is_excluded, Standing.NOT_COUNTED, standing)
    return [Standing(one) for one in standing.tolist()]


def replay_odoo(
    codes: Codes,
    n_values: Sequence[int],
    *,
    clock: Floats,
    changes: Iterable[Change],
    counted: NDArray[np.bool_],
    asked: NDArray[np.bool_],
) -> Floats:
    """Return P(won) of leads by what was recorded before each of them came; NaN for the others.

    Parameters
    ----------
    codes : ndarray of intp, shape (n_leads, n_fields)
        From `code_leads`, in time order.
    n_values : sequence of int
        How many values each field has.
    clock : ndarray of float64, shape (n_leads,)
        When each lead came, ascending.
    changes : iterable of Change
        From `follow_outcomes`.
    counted : ndarray of bool, shape (n_leads,)
        Leads whose outcome may be counted; the others came before wins were recorded.
    asked : ndarray of bool, shape (n_leads,)
        Leads to score.
    """
    counts = OdooCounts(n_values)
    standing = [Standing.NOT_COUNTED] * len(codes)
    waiting = iter(changes)
    upcoming = next(waiting, None)
    p = np.full(len(codes), np.nan)
    for row, arrived_at in enumerate(clock):
        while upcoming is not None and upcoming.at < arrived_at:
            if counted[upcoming.row]:
                before = standing[upcoming.row]
                _move(counts, codes[upcoming.row], before=before, now=upcoming.standing)
                standing[upcoming.row] = upcoming.standing
            upcoming = next(waiting, None)
        if asked[row]:
            p[row] = counts.probability(codes[row : row + 1])[0]
    return p


def _move(counts: OdooCounts, lead: Codes, *, before: Standing, now: Standing) -> None:
    if before is now:
        return
    if before is not Standing.NOT_COUNTED:
        counts.remove(lead, before is Standing.WON)
    if now is not Standing.NOT_COUNTED:
        counts.add(lead, now is Standing.WON)
