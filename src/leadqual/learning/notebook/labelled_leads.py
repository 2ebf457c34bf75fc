"""Labels in the form that learning by target reads: rows, answers and weights per question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.direct import build_target
from leadqual.learning.notebook.dated_wins import DatedWins, label_wins
from leadqual.learning.notebook.known_answers import KnownAnswers
from leadqual.learning.preparing import count_sides
from leadqual.outcomes.history import Columns
from leadqual.outcomes.timeline import moments_to_days
from leadqual.qualify.reference import CONVERSION

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class TargetRows:
    """The leads that speak about one question, in time order.

    Parameters
    ----------
    rows : ndarray of intp, shape (n_rows,)
        Their places among all leads.
    y, weights : ndarray of float64, shape (n_rows,)
        1 or 0, and how much that counts.
    expected : ndarray of float64, shape (n_rows,)
        P(yes) as far as it is known by now: `y`, or between 0 and 1 for an open lead.
    n_yes, n_no : int
        Leads known to be one or the other.
    """

    rows: Codes
    y: Floats
    weights: Floats
    expected: Floats
    n_yes: int
    n_no: int

    @classmethod
    def of_known(cls, values: Floats) -> TargetRows:
        """Return the rows of an array of 0, 1 and NaN, each of weight 1."""
        (rows,) = np.nonzero(~np.isnan(values))
        y = values[rows]
        n_yes = int(y.sum())
        return cls(rows, y, np.ones(len(y)), y, n_yes, len(y) - n_yes)

    @classmethod
    def of_wins(cls, wins: DatedWins) -> TargetRows:
        """Return the rows of dated wins; an open lead counts as not won as far as it is mature."""
        target = build_target(wins.labels, wins.maturity)
        n_yes, n_no = count_sides(wins.labels, wins.maturity)
        return cls(target.rows, target.won, target.weights, target.expected, n_yes, n_no)

    def weighted(self, weights: Floats) -> TargetRows:
        """Return the same rows with their weights multiplied by those of all leads."""
        return replace(self, weights=self.weights * weights[self.rows])


@dataclass(frozen=True)
class LabelledLeads:
    """What is learned from: n_leads leads in time order.

    Parameters
    ----------
    columns : Columns
        What was known when they came.
    n_leads : int
        At least 1.
    targets : mapping of str to TargetRows
        Keys among `TARGETS`, at least one.
    amount_usd : ndarray of float64, shape (n_leads,)
        Of wins; NaN where there was none or its amount is not known.
    came_days : ndarray of float64, shape (n_leads,), or None
        When each lead came, in days since 1970; None where only the order is known.
    wins : DatedWins or None
        Where wins have dates: the level of conversion is set by the newest of them.
    is_weighted : bool
        Whether leads have weights of their own, which the level must then follow.
    """

    columns: Columns
    n_leads: int
    targets: Mapping[str, TargetRows]
    amount_usd: Floats
    came_days: Floats | None
    wins: DatedWins | None
    is_weighted: bool


def label_leads(
    columns: Columns,
    known: KnownAnswers,
    *,
    moments: Times,
    has_times: bool,
    weights: Floats | None,
    as_of: datetime | None,
) -> LabelledLeads:
    """Put together what is learned from; all of it in time order.

    Parameters
    ----------
    columns : Columns
        What was known when the leads came in.
    known : KnownAnswers
        About the same leads.
    moments : ndarray of datetime64[us], shape (n_leads,)
        When they came in.
    has_times : bool
        Whether `moments` are times, or only number the leads.
    weights : ndarray of float64, shape (n_leads,), optional
        None: each lead counts once.
    as_of : datetime or None
        Aware; read only where wins have dates.
    """
    targets = {name: TargetRows.of_known(values) for name, values in known.values.items()}
    is_won = known.values.get(CONVERSION, np.zeros(known.n_leads)) == 1
    wins = None
    if known.won_at is not None:
        wins = label_wins(columns, known, moments=moments, as_of=as_of)
        targets = {CONVERSION: TargetRows.of_wins(wins), **targets}
        is_won = wins.labels.is_won
    if weights is not None:
        targets = {name: rows.weighted(weights) for name, rows in targets.items()}
    return LabelledLeads(
        columns=columns,
        n_leads=known.n_leads,
        targets=targets,
        amount_usd=np.where(is_won, known.amount_usd, np.nan),
        came_days=moments_to_days(moments) if has_times else None,
        wins=wins,
        is_weighted=weights is not None,
    )
