"""Columns that know the outcome: found before training, not after."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.spec import canonical_level
from leadqual.leads.schema import Scalar
from leadqual.learning.metrics import Outcome, auc, tally
from leadqual.learning.single_column import code_values, mean_out_of_fold
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.timeline import to_days

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MAX_SINGLE_AUC: Final = 0.85
"""Honest columns of the real sets reach .75 at most, the documented leak of one reaches .89."""

MIN_SIDE: Final = 20
MIN_FILLED: Final = 20
_N_STRETCHES: Final = 5
_LATE_SHARE: Final = 0.05
_LATE_DAYS: Final = 1.0
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def find_leaks(history: History, labels: Labels) -> dict[str, str]:
    """Return the columns that look known only after the outcome, and why.

    Three alarms, each on one column at a time: it ranks the outcome better than an honest column
    can; it is filled for one outcome only; it holds times after the lead's moment. Ranking is
    measured out of fold and within stretches of time, so that a market that moved is not taken
    for a leak.

    Parameters
    ----------
    history : History
        All columns that would be learned from.
    labels : Labels
        Of the same history.

    Returns
    -------
    dict of str to str
        Column to reason; empty when nothing looks wrong, or with fewer than 20 leads on either
        side, which is too few to tell.
    """
    known = labels.is_usable & labels.is_worked
    if not labels.has_times and labels.records_losses:
        known &= labels.is_settled
    (rows,) = np.nonzero(known)
    won = labels.is_won[rows]
    if min(won.sum(), (~won).sum()) < MIN_SIDE:
        return {}
    found = {}
    for name, column in history.columns.items():
        if name == "created_at":
            continue
        values = [column[i] for i in rows]
        why = (
            _filled_for_one_side(values, won)
            or _ranks_too_well(values, won)
            or _late_times(values, labels.moment_days[rows])
        )
        if why is not None:
            found[name] = why
    return found


def _filled_for_one_side(values: Sequence[Scalar], won: Flags) -> str | None:
    """Alarm when whether a column is filled follows the outcome without exception."""
    is_filled = np.array([canonical_level(value) is not None for value in values])
    n_filled = int(is_filled.sum())
    if n_filled < MIN_FILLED or is_filled.all():
        return None
    n_won = int(won[is_filled].sum())
    expected_won = n_filled * won.mean()
    if n_won == n_filled and n_filled - expected_won >= MIN_FILLED / 2:
        return f"filled for {n_filled} leads, all of them won"
    if n_won == 0 and expected_won >= MIN_FILLED:
        return f"filled for {n_filled} leads, none of them won ({expected_won:.0f} expected)"
    return None


def _ranks_too_well(values: Sequence[Scalar], won: Flags) -> str | None:
    """Alarm when one column alone ranks like an outcome."""
    score = mean_out_of_fold(code_values(values), won.astype(np.float64))
    stretch = np.arange(len(won)) * _N_STRETCHES // len(won)
    areas, sizes = [], []
    for number in range(_N_STRETCHES):
        inside = stretch == number
        answers = won[inside].astype(np.float64)
        if min(answers.sum(), (1 - answers).sum()) >= MIN_SIDE:
            areas.append(auc(tally(score[inside], Outcome.of(answers))))
            sizes.append(len(answers))
    if not areas:
        areas, sizes = [auc(tally(score, Outcome.of(won.astype(np.float64))))], [len(won)]
    area = float(np.average(areas, weights=sizes))
    if area <= MAX_SINGLE_AUC:
        return None
    return f"ranks the outcome alone with AUC {area:.3f} (above {MAX_SINGLE_AUC:g} is suspicious)"


def _late_times(values: Sequence[Scalar], moment_days: Floats) -> str | None:
    """Alarm when a column of dates lies after the moment at which it should have been known."""
    days = np.array([_read_days(value) for value in values])
    is_date = np.isfinite(days) & np.isfinite(moment_days)
    if is_date.sum() < MIN_FILLED:
        return None
    is_late = days[is_date] > moment_days[is_date] + _LATE_DAYS
    if is_late.mean() <= _LATE_SHARE:
        return None
    return f"holds dates after the lead was scored, for {is_late.mean():.0%} of leads"


def _read_days(value: Scalar) -> float:
    """Read an ISO date or time as days since 1970; NaN for anything else."""
    if not isinstance(value, str) or not _DATE.match(value):
        return float("nan")
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return float("nan")
    return to_days(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
