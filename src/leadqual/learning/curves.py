"""Curves and slices that a report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.leads.schema import Scalar
from leadqual.learning.metrics import Outcome, auc, tally
from leadqual.outcomes.history import Columns

Floats = NDArray[np.float64]

SLICED_BY: Final = ("motion", "source", "contact.country", "company.n_employees")
MIN_SLICE_LEADS: Final = 30
_MAX_SLICES: Final = 8
_MIN_WINS_FOR_AUC: Final = 10
_SIZE_EDGES: Final = (10, 50, 250, 1000)
_N_POINTS: Final = 21


@dataclass(frozen=True)
class Gain:
    """Share of wins and of revenue caught when the best leads are worked first.

    All have shape (21,), at 0 %, 5 % ... 100 % of leads worked. `revenue` is empty where no
    amount is known; it is ranked by expected value, `wins` by probability.
    """

    worked: tuple[float, ...]
    wins: tuple[float, ...]
    revenue: tuple[float, ...]


@dataclass(frozen=True)
class Slice:
    """How the model does on one part of the judged leads; `auc` is NaN below ten wins."""

    field: str
    level: str
    n_leads: int
    n_won: int
    observed: float
    predicted: float
    auc: float


def draw_gain(p: Floats, value_usd: Floats, outcome: Outcome) -> Gain:
    """Return the gain curves of a ranking.

    Parameters
    ----------
    p, value_usd : ndarray of float64, shape (n,)
        Probability and expected value.
    outcome : Outcome
        What came true.
    """
    grid = np.linspace(0.0, 1.0, _N_POINTS)
    has_amounts = bool(outcome.value.sum() > 0)
    return Gain(
        worked=tuple(grid.tolist()),
        wins=_caught(p, outcome.won, grid),
        revenue=_caught(value_usd, outcome.value, grid) if has_amounts else (),
    )


def _caught(ranked_by: Floats, amounts: Floats, grid: Floats) -> tuple[float, ...]:
    """Return the share of amounts in the top part, for each part; ties are split evenly."""
    counted = tally(ranked_by, Outcome.of(np.zeros(len(amounts)), amounts))
    worked = np.concatenate([[0.0], np.cumsum(counted.weight[::-1])]) / counted.weight.sum()
    caught = np.concatenate([[0.0], np.cumsum(counted.value[::-1])]) / amounts.sum()
    return tuple(np.interp(grid, worked, caught).tolist())


def measure_slices(columns: Columns, p: Floats, outcome: Outcome) -> tuple[Slice, ...]:
    """Return the figures of each common level of motion, source, country and company size.

    Parameters
    ----------
    columns : Columns
        Of the judged leads, n values each.
    p : ndarray of float64, shape (n,)
        Probability.
    outcome : Outcome
        What came true.
    """
    found: list[Slice] = []
    for field in SLICED_BY:
        if field in columns:
            levels = np.array([_level(field, value) for value in columns[field]])
            found += _slices_of(field, levels, p=p, outcome=outcome)
    return tuple(found)


def _level(field: str, value: Scalar) -> str:
    if value is None:
        return "not known"
    if field != "company.n_employees" or not isinstance(value, (int, float)):
        return str(value)[:40]
    below = [edge for edge in _SIZE_EDGES if value >= edge]
    above = [edge for edge in _SIZE_EDGES if value < edge]
    return f"{below[-1] if below else 0} to {above[0] - 1}" if above else f"{below[-1]} or more"


def _slices_of(
    field: str, levels: NDArray[np.str_], *, p: Floats, outcome: Outcome
) -> Sequence[Slice]:
    names, counts = np.unique(levels, return_counts=True)
    common = [names[i] for i in np.argsort(-counts, kind="stable") if counts[i] >= MIN_SLICE_LEADS]
    slices = []
    for name in common[:_MAX_SLICES]:
        rows = levels == name
        won = outcome.won[rows]
        counted = tally(p[rows], Outcome.of(won))
        enough = min(won.sum(), (1 - won).sum()) >= _MIN_WINS_FOR_AUC
        slices.append(
            Slice(
                field=field,
                level=str(name),
                n_leads=int(rows.sum()),
                n_won=int(won.sum()),
                observed=float(won.mean()),
                predicted=float(p[rows].mean()),
                auc=auc(counted) if enough else float("nan"),
            )
        )
    return slices
