"""On which leads a model may be judged: later than its training, and old enough to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import NotEnoughDataError
from leadqual.learning.split import TEST_SHARE, Fold, duplicate_groups, grouped_folds
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity
from leadqual.outcomes.timeline import to_moment

Codes = NDArray[np.intp]

HORIZONS_DAYS: Final = (30.0, 60.0, 90.0, 120.0, 180.0, 270.0, 365.0)
HORIZON_SHARE: Final = 0.8
"""A lead is judged at the first of these ages by which this share of wins has come."""

MIN_TEST_WINS: Final = 20
_MANY_ROWS: Final = 5_000


@dataclass(frozen=True)
class Protocol:
    """How a history is split to judge a model.

    Parameters
    ----------
    text : str
        What is done, in plain words.
    folds : tuple of Fold
        Rows of the history to fit on and to judge on.
    as_of : tuple of (datetime or None), length n_folds
        What may be known when fitting each fold; None means everything.
    horizon_days : float or None
        A judged lead counts as won when it was won within so many days; None without times.
    group : ndarray of intp, shape (n_leads,)
        Leads that are resampled together.
    """

    text: str
    folds: tuple[Fold, ...]
    as_of: tuple[datetime | None, ...]
    horizon_days: float | None
    group: Codes


def plan_protocol(
    history: History,
    labels: Labels,
    maturity: Maturity,
    *,
    seed: int,
    not_before_days: float = -np.inf,
) -> Protocol:
    """Choose the split that this history allows.

    With times: fit on leads created before a moment, knowing only what was recorded by then, and
    judge on the newest 30 % of leads that are old enough. With an order only: the same by rows.
    Without order: five-fold cross-validation that never parts exact duplicates.

    Parameters
    ----------
    history, labels, maturity : History, Labels, Maturity
        As of the moment of evaluation.
    seed : int
        Order of groups in cross-validation.
    not_before_days : float
        Days since 1970: judge later leads only, where enough of them are old enough for any
        horizon; else as if it were not given. The newest 30 % are judged when all of them came
        later: then the candidate has learned from what came between.

    Raises
    ------
    NotEnoughDataError
        When fewer than 20 judged leads would be won, or not won.
    """
    judged = judgeable(history, labels, maturity)
    if not history.is_ordered:
        return _by_groups(history, labels, np.nonzero(judged)[0], seed=seed)
    if not history.has_times:
        return _by_order(labels, np.nonzero(judged)[0])
    return _by_time(labels, maturity, judged, not_before_days=not_before_days)


def count_matured(
    history: History, labels: Labels, maturity: Maturity, *, after_days: float
) -> tuple[int, int]:
    """Return how many leads after a day can be judged at the shortest horizon: won, and not.

    Parameters
    ----------
    history, labels, maturity : History, Labels, Maturity
        As of the moment of evaluation.
    after_days : float
        Days since 1970.
    """
    shortest = HORIZONS_DAYS[0]
    is_later = (labels.moment_days > after_days) & (labels.age_days >= shortest)
    (rows,) = np.nonzero(judgeable(history, labels, maturity) & is_later)
    n_won = int((labels.delay_days[rows] <= shortest).sum())
    return n_won, len(rows) - n_won


def list_horizons(maturity: Maturity) -> list[float]:
    """Return in days the horizons to judge at: the one by which most wins come, then shorter."""
    wanted = next(
        (h for h in HORIZONS_DAYS if maturity.curve.share_by(h) >= HORIZON_SHARE),
        HORIZONS_DAYS[-1],
    )
    return [h for h in reversed(HORIZONS_DAYS) if h <= wanted]


def judgeable(history: History, labels: Labels, maturity: Maturity) -> NDArray[np.bool_]:
    """Return which leads have an answer that can be judged by, however old, shape (n_leads,)."""
    judged = labels.is_usable & labels.is_worked & maturity.is_covered
    if not history.has_times and history.recorded.losses:
        judged &= labels.is_settled
    if history.has_times:  # a win without a date came within the horizon or after it
        judged &= ~labels.is_won | ~np.isnan(labels.delay_days)
    return judged


def _by_time(
    labels: Labels, maturity: Maturity, judged: NDArray[np.bool_], *, not_before_days: float
) -> Protocol:
    """Latest matured leads, at the longest horizon up to the wanted one that leaves enough.

    Leads after the wanted day come first at every horizon: a fair comparison at 30 days is worth
    more than none at 90.
    """
    horizons = list_horizons(maturity)
    best, has_none_before = (0, 0), False
    for after_days, horizon in product((not_before_days, -np.inf), horizons):
        (mature,) = np.nonzero(judged & (labels.age_days >= horizon))
        won = labels.delay_days[mature] <= horizon
        is_later = labels.moment_days[mature] > after_days
        rows, wins = _newest(mature, won)
        if len(rows) > is_later.sum():
            rows, wins = mature[is_later], won[is_later]
        if not len(rows):
            continue
        best = max(best, (int(wins.sum()), int((~wins).sum())))
        if min(wins.sum(), (~wins).sum()) >= MIN_TEST_WINS:
            if labels.moment_days[rows[0]] > labels.moment_days[0]:
                return _forward(labels, rows, horizon)
            has_none_before = True
    if has_none_before:
        raise NotEnoughDataError(
            "no lead came before the newest leads that are to be judged, so there is nothing to "
            "fit on; map the time at which leads were created, or give more history"
        )
    raise _too_few(*best)


def _newest(rows: Codes, won: NDArray[np.bool_]) -> tuple[Codes, NDArray[np.bool_]]:
    start = len(rows) - int(len(rows) * TEST_SHARE)
    return rows[start:], won[start:]


def _forward(labels: Labels, test: Codes, horizon_days: float) -> Protocol:
    cut_days = labels.moment_days[test[0]]
    cut = to_moment(cut_days)
    (train,) = np.nonzero(labels.moment_days < cut_days)
    return Protocol(
        text=(
            f"Fitted on the {len(train)} leads created before {cut:%Y-%m-%d}, knowing only what "
            f"was recorded by then; judged on the {len(test)} later worked leads that are at "
            f"least {horizon_days:.0f} days old: won within {horizon_days:.0f} days or not."
        ),
        folds=(Fold(train, test),),
        as_of=(cut,),
        horizon_days=horizon_days,
        group=np.arange(labels.n_leads),
    )


def _by_order(labels: Labels, rows: Codes) -> Protocol:
    test, won = _newest(rows, labels.is_won[rows])
    if min(won.sum(), (~won).sum()) < MIN_TEST_WINS:
        raise _too_few(int(won.sum()), int((~won).sum()))
    train = np.arange(test[0])
    return Protocol(
        text=(
            f"This history has an order but no times: fitted on the first {len(train)} leads, "
            f"judged on the last {len(test)}."
        ),
        folds=(Fold(train, test),),
        as_of=(None,),
        horizon_days=None,
        group=np.arange(labels.n_leads),
    )


def _by_groups(history: History, labels: Labels, rows: Codes, *, seed: int) -> Protocol:
    won = labels.is_won[rows]
    if min(won.sum(), (~won).sum()) < MIN_TEST_WINS:
        raise _too_few(int(won.sum()), int((~won).sum()))
    group = duplicate_groups(history.columns, history.n_leads, ignore=("created_at",))
    n_folds = 3 if len(rows) > _MANY_ROWS else 5
    n_copies = len(rows) - len(np.unique(group[rows]))
    folds = grouped_folds(won, group[rows], seed=seed, n_folds=n_folds)
    return Protocol(
        text=(
            "This history has no order in time, so nothing can be said about the future: "
            f"{n_folds}-fold cross-validation on {len(rows)} leads. {n_copies} exact duplicates "
            "of other leads stay with their twins."
        ),
        folds=tuple(Fold(rows[fold.train], rows[fold.test]) for fold in folds),
        as_of=(None,) * n_folds,
        horizon_days=None,
        group=group,
    )


def _too_few(n_won: int, n_not_won: int) -> NotEnoughDataError:
    return NotEnoughDataError(
        f"the newest leads that are old enough to judge by hold {n_won} wins and {n_not_won} "
        f"others; {MIN_TEST_WINS} of each are needed to judge a model. Wait for more outcomes, "
        "or give a later --as-of."
    )
