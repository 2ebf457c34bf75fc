"""Rows for a bundle's self-test: like real leads, but nobody's."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from leadqual.leads.schema import Scalar
from leadqual.outcomes.history import History
from leadqual.registry.local import GoldenInput

MIN_COUNT: Final = 20
N_ROWS: Final = 40
_MOMENTS: Final = frozenset({"created_at"})


def golden_input(
    history: History, *, rng: np.random.Generator, n_leads: int = N_ROWS
) -> GoldenInput:
    """Return made-up rows over the columns of a history.

    Each column is drawn on its own, so no row is a person, and a text that fewer than 20 leads
    share is replaced by as many `x`: bundles are copied and kept, so an erased person must
    not live on in one.

    Parameters
    ----------
    history : History
        What the model was trained on.
    rng : numpy.random.Generator
        Draws the values.
    n_leads : int
        Rows to make.
    """
    columns = {
        name: _draw(values, is_moment=name in _MOMENTS, rng=rng, n_leads=n_leads)
        for name, values in history.columns.items()
    }
    return GoldenInput(columns=columns, n_leads=n_leads)


def _draw(
    values: list[Scalar], *, is_moment: bool, rng: np.random.Generator, n_leads: int
) -> list[Scalar]:
    chosen = [values[row] for row in rng.integers(0, len(values), n_leads)]
    if is_moment:
        return chosen
    counts = Counter(value for value in values if isinstance(value, str))
    return [
        "x" * len(value) if isinstance(value, str) and counts[value] < MIN_COUNT else value
        for value in chosen
    ]
