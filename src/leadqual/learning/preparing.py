"""From a history to what learners read, or a refusal with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import NotEnoughDataError
from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.learning.choosing import MAX_CHOICE_ROWS, MIN_CHOICE_ROWS, Sample
from leadqual.learning.coding import Table, code_columns, take_rows
from leadqual.learning.direct import build_target
from leadqual.learning.learners.matrix import Matrix, build_matrix
from leadqual.learning.recency import Recency, read_recency
from leadqual.learning.settings import MIN_PER_CLASS, FitSettings
from leadqual.learning.single_column import find_time_proxies
from leadqual.learning.split import (
    N_FORWARD_FOLDS,
    Fold,
    duplicate_groups,
    forward_folds,
    grouped_folds,
)
from leadqual.outcomes.checks import Check
from leadqual.outcomes.history import Columns, History
from leadqual.outcomes.labels import Labels, label_history
from leadqual.outcomes.maturity import Maturity, read_maturity
from leadqual.outcomes.timeline import latest_days, moments_to_days, to_days, to_moment
from leadqual.qualify.score import Head

Floats = NDArray[np.float64]

MIN_ROWS_TO_TELL_TIME: Final = 200
MATURE_SHARE: Final = 0.8
"""An open lead this mature counts as not won when the two sides are counted."""


@dataclass(frozen=True)
class TrainingSet:
    """A history as arrays; all of them have n_leads rows, in time order if there is one.

    Parameters
    ----------
    history : History
        At most the newest `FitSettings.max_leads`; shuffled where they have no order.
    labels, maturity : Labels, Maturity
        As of the moment of knowledge.
    rows : ndarray of intp, shape (n_rows,)
        Leads that may be learned from: usable, and from the time in which wins were recorded.
    encoder : Encoder
        Fitted on `rows`.
    leads : EncodedLeads
        All n_leads.
    Z : ndarray or sparse array of float64, shape (n_leads, width)
        The same as a matrix.
    recency : Recency
        What each lead counts by its age; by default all count alike.
    n_older : int
        Known leads that came before these and were not read.
    """

    history: History
    labels: Labels
    maturity: Maturity
    rows: NDArray[np.intp]
    encoder: Encoder
    leads: EncodedLeads
    Z: Matrix
    recency: Recency = field(default_factory=Recency)
    n_older: int = 0


def prepare(history: History, *, as_of: datetime | None, settings: FitSettings) -> TrainingSet:
    """Label and encode a history.

    Parameters
    ----------
    history : History
        Leads in time order and their events.
    as_of : datetime or None
        Aware; nothing recorded later is read. None means everything there is.
    settings : FitSettings
        The team's check order, and how many leads a level needs.

    Raises
    ------
    NotEnoughDataError
        With the numbers, when fewer than 40 leads are known on either side, or no column tells
        leads apart.
    """
    if not history.is_ordered:
        # Exports are sorted by something, often by the outcome: no row may pass for a late one.
        order = np.random.default_rng(settings.seed).permutation(history.n_leads)
        history = history.take(order)
    n_older = 0
    if history.n_leads > settings.max_leads:
        history, as_of, n_older = _take_newest(history, as_of, n_leads=settings.max_leads)
    labels = label_history(history, as_of=as_of, check_order=settings.check_order)
    maturity = read_maturity(labels)
    require_enough(labels, maturity)
    (rows,) = np.nonzero(labels.is_usable & maturity.is_covered)
    table = code_columns(feature_columns(history), history.n_leads)
    seen = take_rows(table, rows)
    left_out = _find_time_proxies(history, seen, len(rows))
    columns = {name: column for name, column in table.items() if name not in left_out}
    encoder = Encoder.fit(
        {name: seen[name] for name in columns},
        n_leads=len(rows),
        min_count=settings.learners.min_count,
    )
    if encoder.width == 0:
        raise NotEnoughDataError(
            f"none of the {len(columns)} columns tells leads apart: each is empty, constant or "
            "different for almost every lead; map more fields that are known at creation"
        )
    leads = encoder.encode(columns, n_leads=history.n_leads)
    encoder = replace(encoder, dropped={**encoder.dropped, **left_out})
    Z = build_matrix(encoder, leads)
    data = TrainingSet(history, labels, maturity, rows, encoder, leads, Z, n_older=n_older)
    return replace(data, recency=_read_recency(data, settings))


def _take_newest(
    history: History, as_of: datetime | None, *, n_leads: int
) -> tuple[History, datetime | None, int]:
    """Return the newest leads that were known, what was known by, and how many were left out."""
    known = np.arange(history.n_leads)
    if history.has_times:
        until = latest_days(history) if as_of is None else to_days(as_of)
        known = np.flatnonzero(moments_to_days(history.moments) <= until)
        as_of = as_of or to_moment(until)
    newest = known[-n_leads:]
    return history.take(newest), as_of, len(known) - len(newest)


def _read_recency(data: TrainingSet, settings: FitSettings) -> Recency:
    """Look for a break in a history that has an order, or let it fade as asked."""
    if not data.history.is_ordered:
        return Recency()
    target = build_target(data.labels, data.maturity)
    place = np.arange(data.labels.n_leads, dtype=np.float64)
    if data.labels.has_times:
        # What counts fully is the newest lead that is known, not one that is still to come.
        place = np.minimum(data.labels.moment_days, data.labels.moment_days[data.rows[-1]])
    if settings.half_life_share is not None:
        span = float(place[target.rows[-1]] - place[target.rows[0]])
        return Recency(half_life=settings.half_life_share * span or None, place=place)
    return read_recency(
        Sample(data.Z[target.rows], target.won, target.weights),
        seen=data.maturity.share_by_now[target.rows],
        place=place,
        rows=target.rows,
        folds=choice_folds(data, target.rows, seed=settings.seed),
        learners=settings.learners,
    )


def _find_time_proxies(history: History, seen: Table, n_rows: int) -> dict[str, str]:
    """Return the columns that are left out because they tell the time."""
    if not history.is_ordered or n_rows < MIN_ROWS_TO_TELL_TIME:
        return {}
    return find_time_proxies(seen, n_rows)


def feature_columns(history: History) -> Columns:
    """Return the columns that may be learned from.

    Without real times the creation time says nothing: it only numbers the rows.
    """
    if history.has_times:
        return history.columns
    return {name: values for name, values in history.columns.items() if name != "created_at"}


def take_columns(columns: Columns, rows: Sequence[int] | NDArray[np.intp]) -> Columns:
    """Return the columns of some leads, in the given row order."""
    return {name: [values[i] for i in rows] for name, values in columns.items()}


def take_leads(leads: EncodedLeads, rows: NDArray[np.intp]) -> EncodedLeads:
    """Return some of the leads, in the given order."""
    return EncodedLeads(
        leads.codes[:, rows], leads.raw[:, rows], leads.z[:, rows], leads.is_missing[:, rows]
    )


def choice_folds(data: TrainingSet, rows: NDArray[np.intp], *, seed: int) -> list[Fold]:
    """Return folds to choose learners by: later rows judge, or groups where there is no order.

    Parameters
    ----------
    data : TrainingSet
        What the rows are of.
    rows : ndarray of intp, shape (n_rows,)
        Leads with an answer, in time order.
    seed : int
        Order of the groups.

    Returns
    -------
    list of Fold
        Positions in `rows`, of the newest `MAX_CHOICE_ROWS`; empty where there are too few.
    """
    start = max(len(rows) - MAX_CHOICE_ROWS, 0)
    newest = rows[start:]
    if len(newest) < MIN_CHOICE_ROWS:
        return []
    if data.history.is_ordered:
        folds = forward_folds(len(newest))
    else:
        columns = take_columns(data.history.columns, newest)
        group = duplicate_groups(columns, len(newest), ignore=("created_at",))
        won = data.labels.is_won[newest]
        folds = grouped_folds(won, group, seed=seed, n_folds=N_FORWARD_FOLDS)
    return [Fold(start + fold.train, start + fold.test) for fold in folds]


def count_sides(labels: Labels, maturity: Maturity) -> tuple[int, int]:
    """Return how many leads are known to be won, and known or old enough not to be."""
    counted = labels.is_usable & labels.is_worked & maturity.is_covered
    is_won = labels.is_won & counted
    is_mature = labels.is_open & (maturity.share_by_now >= MATURE_SHARE)
    if not labels.has_times:
        is_mature = labels.is_open & (not labels.records_losses)
    not_won = counted & ~labels.is_won & (labels.is_settled | is_mature)
    return int(is_won.sum()), int(not_won.sum())


def require_enough(labels: Labels, maturity: Maturity) -> None:
    """Refuse a history with fewer than 40 known leads on either side.

    Raises
    ------
    NotEnoughDataError
        With every count, and what happens instead.
    """
    n_won, n_not_won = count_sides(labels, maturity)
    if min(n_won, n_not_won) >= MIN_PER_CLASS:
        return
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in labels.counts().items())
    uncovered = int((labels.is_usable & ~maturity.is_covered).sum())
    raise NotEnoughDataError(
        f"{n_won} leads are known to be won and {n_not_won} not to be; {MIN_PER_CLASS} of each "
        f"are needed to learn ({counts}; {uncovered} from before wins were recorded). A lead "
        "counts as not won when it ended, or when it is older than most wins take. Until then "
        "leads are scored by the written rules."
    )


def learnable_heads(labels: Labels) -> tuple[tuple[Head, ...], dict[Head, str]]:
    """Return the heads that this history can teach, and why it cannot teach the others.

    A head needs 40 leads known to pass and 40 known to fail.
    """
    learnable = []
    not_learnable = {}
    for head in Head:
        found = labels.heads[Check(head.value)]
        if min(found.n_yes, found.n_no) >= MIN_PER_CLASS:
            learnable.append(head)
        else:
            not_learnable[head] = (
                f"not learnable from this history, scored by rules: {found.n_yes} leads are known "
                f"to pass and {found.n_no} to fail, {MIN_PER_CLASS} of each are needed"
            )
    return tuple(learnable), not_learnable
