"""Leads that were given twice under different ids, on both sides of a split."""

from __future__ import annotations

from typing import Final

import numpy as np

from leadqual.learning.split import Fold, duplicate_groups
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels

_MIN_TWINS_WON: Final = 5
_MIN_AGREEMENT: Final = 0.7


def note_copies(history: History, labels: Labels, fold: Fold) -> tuple[str, ...]:
    """Say when judged leads are copies of leads that were fitted on: then figures flatter.

    Equal columns alone are no copy: two leads of one campaign may have nothing else. They are
    taken for copies when the twins of won leads were nearly all won as well.

    Parameters
    ----------
    history, labels : History, Labels
        All leads; the time of creation is left out of the comparison.
    fold : Fold
        Leads that were fitted on, and judged ones.
    """
    group = duplicate_groups(history.columns, history.n_leads, ignore=("created_at",))
    size = int(group.max(initial=0)) + 1
    n_fitted = np.bincount(group[fold.train], minlength=size)
    n_won = np.bincount(group[fold.train], labels.is_won[fold.train], minlength=size)
    twins = fold.test[n_fitted[group[fold.test]] > 0]
    won = group[twins[labels.is_won[twins]]]
    if len(won) < _MIN_TWINS_WON or float((n_won[won] / n_fitted[won]).mean()) < _MIN_AGREEMENT:
        return ()
    return (
        f"{len(twins)} of the {len(fold.test)} judged leads ({len(twins) / len(fold.test):.0%}) "
        "equal a lead that was fitted on in every column, and where one was won so was the other: "
        "they look like copies, and figures flatter. Give the copies of a lead one id",
    )
