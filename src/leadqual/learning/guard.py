"""Columns that know the outcome: found before training, not after."""

from __future__ import annotations

from typing import Final

import numpy as np

from leadqual.learning.leaks import times, values
from leadqual.learning.leaks.sample import MIN_SIDE, N_STRETCHES, Sample
from leadqual.learning.single_column import read_column
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels

SIGNS: Final = (
    values.find_filling,
    values.find_levels,
    values.find_ranking,
    values.find_exactness,
    times.find_late_dates,
    times.find_late_counters,
    times.find_gap,
)
"""What is looked for, the plainest reasons first."""


def find_leaks(history: History, labels: Labels) -> dict[str, str]:
    """Return the columns that look known only after the outcome, and why.

    The signs: whether a column is filled, or one of its levels, goes with the outcome; it ranks
    the outcome better than an honest column can; its numbers are exact for one outcome only; it
    holds times after the lead's moment; it grows with the time until the outcome; it ranks leads
    of the same days and not later ones. Everything is compared within stretches of time, so that a
    market that moved is not taken for a leak. Nothing is changed or refused here.

    Parameters
    ----------
    history : History
        All columns that would be learned from.
    labels : Labels
        Of the same history.

    Returns
    -------
    dict of str to str
        Column, in the order of the history, to its reasons, joined by semicolons; empty when
        nothing looks wrong, or with fewer than 20 leads on either side, which is too few to
        tell.
    """
    sample = _sample(history, labels)
    if min(sample.won.sum(), (~sample.won).sum()) < MIN_SIDE:
        return {}
    signs = [find(sample) for find in SIGNS]
    reasons = {name: [sign[name] for sign in signs if name in sign] for name in sample.columns}
    return {name: "; ".join(found) for name, found in reasons.items() if found}


def _sample(history: History, labels: Labels) -> Sample:
    """Take the leads whose outcome is known, or that had their chance to be won."""
    known = labels.is_usable & labels.is_worked
    if not labels.has_times and labels.records_losses:
        known &= labels.is_settled
    (rows,) = np.nonzero(known)
    places = rows.tolist()
    return Sample(
        columns={
            name: read_column([column[i] for i in places])
            for name, column in history.columns.items()
            if name != "created_at"
        },
        won=labels.is_won[rows],
        stretch=np.arange(len(rows)) * N_STRETCHES // max(len(rows), 1),
        moment_days=labels.moment_days[rows],
        settled_days=labels.settled_days[rows],
        is_ordered=history.is_ordered,
    )
