"""Labels from dates of wins: young leads are open, not lost, as in `leadqual train`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from leadqual.learning.notebook.known_answers import KnownAnswers
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import Columns, History, Recorded
from leadqual.outcomes.labels import Labels, label_history
from leadqual.outcomes.maturity import DelayCurve, Maturity, read_maturity
from leadqual.qualify.reference import CONVERSION

Times = NDArray[np.datetime64]
Floats = NDArray[np.float64]

NO_DELAYS: Final = DelayCurve(days=(), shares=(), n_wins=0, oldest_days=float("nan"))
"""Where wins have no dates, every lead counts as mature."""


@dataclass(frozen=True)
class DatedWins:
    """A table with dates of wins, read as a history.

    Parameters
    ----------
    history : History
        Its leads in time order.
    labels, maturity : Labels, Maturity
        Of the same leads.
    """

    history: History
    labels: Labels
    maturity: Maturity


def label_wins(
    columns: Columns, known: KnownAnswers, *, moments: Times, as_of: datetime | None
) -> DatedWins:
    """Label leads by the dates of their wins and losses, and estimate how long wins take.

    Parameters
    ----------
    columns : Columns
        What was known of the leads; may be empty.
    known : KnownAnswers
        With `won_at`; without `lost_at` losses count as never recorded.
    moments : ndarray of datetime64[us], shape (n_leads,)
        When the leads came in, ascending.
    as_of : datetime or None
        Aware moment of knowledge: what happened later is not known. None means the latest time
        that is mentioned.
    """
    history = History(
        source="notebook",
        lead_ids=[str(number) for number in range(known.n_leads)],
        moments=moments,
        columns=columns,
        events=list(_events(known)),
        recorded=Recorded(losses=known.lost_at is not None),
    )
    labels = label_history(history, as_of=as_of)
    return DatedWins(history, labels, read_maturity(labels))


def judge_answers(
    known: KnownAnswers, *, moments: Times, as_of: datetime | None, curve: DelayCurve
) -> dict[str, tuple[Floats, Floats]]:
    """Return what later leads turned out to be, and how much each can be judged by.

    Parameters
    ----------
    known : KnownAnswers
        Of those leads.
    moments : ndarray of datetime64[us], shape (n_leads,)
        When the leads came in, ascending.
    as_of : datetime or None
        As for `label_wins`.
    curve : DelayCurve
        How long wins take, learned from earlier leads.

    Returns
    -------
    dict of str to (truth, weights), each ndarray of float64 of shape (n_leads,)
        Per target 1 or 0, and a weight: 1 where it is known, 0 where not; with dates the share
        of wins that would have come by now for an open lead.
    """
    answers = {
        target: (np.nan_to_num(values, nan=0.0), (~np.isnan(values)).astype(np.float64))
        for target, values in known.values.items()
    }
    if known.won_at is not None:
        labels = label_wins({}, known, moments=moments, as_of=as_of).labels
        share = curve.share_by(labels.age_days)
        weights = np.where(labels.is_settled, 1.0, np.where(labels.is_open, share, 0.0))
        answers[CONVERSION] = labels.is_won.astype(np.float64), weights
    return answers


def mean_auc(
    answers: Mapping[str, tuple[Floats, Floats]], p: Mapping[str, Floats], weights: Floats
) -> float:
    """Return the ROC AUC, mean over the targets that have both classes; NaN where none has.

    Parameters
    ----------
    answers : mapping of str to (truth, weights)
        From `judge_answers`.
    p : mapping of str to ndarray of float64, shape (n_leads,)
        What was predicted; targets without answers are not judged.
    weights : ndarray of float64, shape (n_leads,)
        Of the leads, on top of those of the answers.
    """
    areas = []
    for target in set(p) & set(answers):
        truth, share = answers[target]
        counted = share * weights > 0
        if len(np.unique(truth[counted])) == 2:
            area = roc_auc_score(
                truth[counted], p[target][counted], sample_weight=(share * weights)[counted]
            )
            areas.append(float(area))
    return float(np.mean(sorted(areas))) if areas else float("nan")


def _events(known: KnownAnswers) -> Iterator[OutcomeEvent]:
    """Yield one event per date."""
    for kind, times in ((OutcomeType.WON, known.won_at), (OutcomeType.LOST, known.lost_at)):
        if times is None:
            continue
        for row in np.flatnonzero(~np.isnat(times)).tolist():
            happened_at: datetime = times[row].astype("datetime64[us]").item()
            yield OutcomeEvent(
                lead_id=str(row),
                type=kind,
                occurred_at=happened_at.replace(tzinfo=UTC),
                amount_usd=_amount(known.amount_usd[row]) if kind is OutcomeType.WON else None,
            )


def _amount(usd: float) -> float | None:
    return None if np.isnan(usd) else float(usd)
