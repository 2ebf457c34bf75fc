"""A history as the two tables of a notebook: what was known of leads, and what became of them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from leadqual.learning.notebook.known_answers import AMOUNT, LOST_AT, WON_AT
from leadqual.learning.preparing import feature_columns
from leadqual.learning.time_split import read_as_of
from leadqual.outcomes.checks import Check
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels, label_history
from leadqual.outcomes.timeline import SECONDS_PER_DAY
from leadqual.qualify.reference import CONVERSION
from leadqual.qualify.score import Head


def to_frames(
    history: History, *, as_of: str | datetime | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the worked leads of a history as X and y for `LeadQualifier`.

    Leads that nobody worked, spam and the like are left out: nothing is known of them.

    Parameters
    ----------
    history : History
        From `read_history`, say.
    as_of : str or datetime, optional
        Nothing recorded later is read; without an offset it is UTC, as in `LeadQualifier`. None
        means everything there is.

    Returns
    -------
    X : DataFrame of n_leads rows
        Indexed by lead id, in time order; columns as in serving (`company.industry`).
    y : DataFrame of n_leads rows
        `won_at`, `fit`, `authority`, `budget` and `amount_usd`; `lost_at` where losses are
        recorded, and `conversion` instead of the two where the history has no times.

    Raises
    ------
    ValueError
        `as_of` is no time.
    """
    labels = label_history(history, as_of=read_as_of(as_of))
    is_kept = labels.is_usable & labels.is_worked
    index = pd.Index(history.lead_ids, name="lead_id")
    X = pd.DataFrame(feature_columns(history), index=index)
    y = pd.DataFrame(_conversion(labels), index=index)
    for head in Head:
        y[head.value] = labels.heads[Check(head.value)].values
    y[AMOUNT] = np.where(labels.is_won, labels.amount_usd, np.nan)
    return X[is_kept], y[is_kept]


def _conversion(labels: Labels) -> dict[str, object]:
    """Return when leads were won and lost, or only whether."""
    if not labels.has_times:
        is_known = labels.is_settled | (not labels.records_losses)
        return {CONVERSION: np.where(is_known, labels.is_won.astype(np.float64), np.nan)}
    columns: dict[str, object] = {
        WON_AT: _to_times(labels.moment_days + labels.delay_days),
    }
    if labels.records_losses:
        is_lost = labels.is_settled & ~labels.is_won
        lost_days = np.where(is_lost, labels.moment_days + labels.settled_days, np.nan)
        columns[LOST_AT] = _to_times(lost_days)
    return columns


def _to_times(days: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> pd.DatetimeIndex:
    """Return days since 1970 as UTC times, NaT for NaN."""
    return pd.to_datetime(np.round(days * SECONDS_PER_DAY), unit="s", utc=True)
