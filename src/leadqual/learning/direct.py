"""Conversion in one step: who is won, among the worked leads, whatever lies between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity, soften
from leadqual.outcomes.progress import State

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_MIN_STATE_ROWS: Final = 40


@dataclass(frozen=True)
class ConversionTarget:
    """Rows that speak about conversion, in time order, and what they say.

    Parameters
    ----------
    rows : ndarray of intp, shape (n_rows,)
        Worked and usable leads from the time in which wins were recorded.
    won : ndarray of float64, shape (n_rows,)
        1 won, 0 not (yet).
    weights : ndarray of float64, shape (n_rows,)
        1 for a settled lead; an open one counts as not won as far as it is mature.
    expected : ndarray of float64, shape (n_rows,)
        P(won in the end | what is known now): 1, 0, or between for an open lead.
    """

    rows: Codes
    won: Floats
    weights: Floats
    expected: Floats


def build_target(labels: Labels, maturity: Maturity) -> ConversionTarget:
    """Label every worked lead, open ones by their age.

    An open lead of which a share F of wins would have come by now is worth a negative of
    weight F (1 - p) / (1 - p F): it pulls a model at p exactly as its soft label
    p (1 - F) / (1 - p F) does, without teaching the model its own guess.

    Without times an open lead has no age: it is left out where losses are recorded, and taken
    for not won where they never are, because nothing better can be known.

    Parameters
    ----------
    labels, maturity : Labels, Maturity
        Of the same leads.

    References
    ----------
    Chapelle (2014), Modeling delayed feedback in display advertising.
    """
    chosen = labels.is_usable & labels.is_worked & maturity.is_covered
    if not labels.has_times and labels.records_losses:
        chosen &= labels.is_settled
    (rows,) = np.nonzero(chosen)
    is_open = labels.is_open[rows]
    won = labels.is_won[rows].astype(np.float64)
    share = np.where(is_open, maturity.share_by_now[rows], 1.0)
    average = won.sum() / max(share.sum(), 1.0)
    p = np.clip(average * _state_factor(labels, rows), 0.0, 0.95)
    weights = np.where(is_open, share * (1 - p) / np.maximum(1 - p * share, 1e-12), 1.0)
    expected = np.where(is_open, soften(p, share), won)
    return ConversionTarget(rows=rows, won=won, weights=weights, expected=expected)


def _state_factor(labels: Labels, rows: Codes) -> Floats:
    """How much likelier a lead of this state wins than an average worked lead."""
    factor = np.ones(len(rows))
    is_settled, is_won = labels.is_settled[rows], labels.is_won[rows]
    if not is_settled.any() or not is_won.any():
        return factor
    average = is_won[is_settled].mean()
    came_so_far = {
        State.QUALIFIED: labels.progress.was_handed_off[rows],
        State.OPPORTUNITY: labels.progress.was_accepted[rows],
    }
    for state, came in came_so_far.items():
        known = came & is_settled
        if known.sum() >= _MIN_STATE_ROWS:
            factor[labels.progress.state[rows] == state] = is_won[known].mean() / average
    return factor
