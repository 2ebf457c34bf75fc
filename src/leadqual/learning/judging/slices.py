"""Parts of the judged leads: what was predicted, what came true, and whether that is chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.leads.schema import Scalar
from leadqual.learning.judging.intervals import beyond_chance, chance_of, wilson
from leadqual.learning.metrics import Outcome, auc, tally
from leadqual.outcomes.history import Columns
from leadqual.qualify.wording import shown

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_SIZE: Final = "company.n_employees"
SLICED_BY: Final = ("motion", "source", "contact.country", _SIZE)
EXPLORED: Final = "queued"
MIN_SLICE_LEADS: Final = 30
_MAX_SLICES: Final = 8
_MIN_WINS_FOR_AUC: Final = 10
_SIZE_EDGES: Final = (10, 50, 250, 1000)


@dataclass(frozen=True)
class Slice:
    """How the model does on one part of the judged leads.

    Parameters
    ----------
    field, level : str
        What the part has in common; safe to show once escaped.
    n_leads, n_won : int
        Judged leads of it, and how many came true.
    observed, low, high : float
        Their rate with its 95 % interval (Wilson).
    predicted : float
        Mean prediction.
    chance : float
        How likely a difference this large is by chance, for one part looked at alone.
    is_off : bool
        Whether the two differ beyond chance, with the number of parts looked at in mind (Holm).
    auc : float
        Ranking within the part; NaN below ten of either answer.
    """

    field: str
    level: str
    n_leads: int
    n_won: int
    observed: float
    low: float
    high: float
    predicted: float
    chance: float
    is_off: bool
    auc: float


def measure_slices(
    columns: Columns, p: Floats, outcome: Outcome, *, explored: Flags | None = None
) -> tuple[Slice, ...]:
    """Return the figures of each common level of motion, source, country and company size.

    A field that is the same for all leads is left out: it would repeat the whole.

    Parameters
    ----------
    columns : Columns
        Of the judged leads, n values each.
    p : ndarray of float64, shape (n,)
        Probability.
    outcome : Outcome
        What came true.
    explored : ndarray of bool, shape (n,), optional
        Leads queued at random: the only ones that were not chosen.
    """
    levels_of: dict[str, list[str]] = {
        field: [_level(field, value) for value in columns[field]]
        for field in SLICED_BY
        if field in columns
    }
    if explored is not None:
        levels_of[EXPLORED] = ["at random" if one else "by rank" for one in explored]
    found: list[Slice] = []
    for field, levels in levels_of.items():
        names, counts = np.unique(np.array(levels), return_counts=True)
        if len(names) < 2:
            continue
        common = np.argsort(-counts, kind="stable")
        kept = [str(names[i]) for i in common if counts[i] >= MIN_SLICE_LEADS][:_MAX_SLICES]
        if field == _SIZE:
            kept.sort(key=_smallest)  # from small to large, not by number of leads
        states = np.array([kept.index(one) if one in kept else -1 for one in levels])
        found += [
            measure_part(field, name, states == i, p=p, outcome=outcome)
            for i, name in enumerate(kept)
        ]
    return mark_off(found)


def measure_part(field: str, level: str, rows: Flags, *, p: Floats, outcome: Outcome) -> Slice:
    """Return the figures of some judged leads, not marked yet.

    Parameters
    ----------
    rows : ndarray of bool, shape (n,)
        Which of the leads; at least one.
    p : ndarray of float64, shape (n,)
        Probability.
    outcome : Outcome
        What came true.
    """
    won = outcome.won[rows]
    observed = float(won.mean())
    n_effective = _part_of(outcome, rows).n_effective
    low, high = wilson(observed, n_effective)
    predicted = float(p[rows].mean())
    enough = min(won.sum(), (1 - won).sum()) >= _MIN_WINS_FOR_AUC
    return Slice(
        field=field,
        level=level,
        n_leads=int(rows.sum()),
        n_won=int(won.sum()),
        observed=observed,
        low=low,
        high=high,
        predicted=predicted,
        chance=chance_of(observed * n_effective, n_effective, predicted),
        is_off=False,
        auc=auc(tally(p[rows], Outcome.of(won))) if enough else float("nan"),
    )


def mark_off(slices: Sequence[Slice]) -> tuple[Slice, ...]:
    """Return the parts with `is_off` as it stands when all of these were looked at."""
    marks = beyond_chance([one.chance for one in slices])
    return tuple(replace(one, is_off=mark) for one, mark in zip(slices, marks, strict=True))


def _part_of(outcome: Outcome, rows: Flags) -> Outcome:
    """Return the outcome of some leads, with groups numbered anew."""
    _, group = np.unique(outcome.group[rows], return_inverse=True)
    return Outcome(won=outcome.won[rows], value=outcome.value[rows], group=group)


def _smallest(level: str) -> float:
    """Return the number that a level of company sizes begins with; what is not known comes last."""
    first = level.partition(" ")[0]
    return float(first) if first.isdecimal() else float("inf")


def _level(field: str, value: Scalar) -> str:
    if value is None:
        return "not known"
    if field != _SIZE or not isinstance(value, (int, float)):
        return shown(str(value))
    below = [edge for edge in _SIZE_EDGES if value >= edge]
    above = [edge for edge in _SIZE_EDGES if value < edge]
    return f"{below[-1] if below else 0} to {above[0] - 1}" if above else f"{below[-1]} or more"
