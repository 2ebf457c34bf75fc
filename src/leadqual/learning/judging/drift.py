"""What changed between the leads that were learned from and those that came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.features.spec import CategoricalFeature, NumericFeature, canonical_level
from leadqual.leads.schema import Scalar
from leadqual.learning.judging.intervals import ERROR_RATE
from leadqual.learning.judging.states import brief, feature_states, figure, name_states
from leadqual.learning.judging.win_rate import Period
from leadqual.outcomes.history import Columns
from leadqual.qualify.wording import label_of, shown

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MOVED: Final = 0.1
MOVED_FAR: Final = 0.25
"""Customary marks of the population stability index; below the first one nobody looks."""

N_PREDICTION_BINS: Final = 10
MIN_SHOWN: Final = 20
"""Leads that must share a new level before its name is shown: it might be a person's."""

_HALF_LEAD: Final = 0.5
_MAX_NAMED: Final = 3
_MIN_MOVE: Final = 0.02


@dataclass(frozen=True)
class Drift:
    """How one column differs between the leads learned from and the judged ones.

    Parameters
    ----------
    feature, label : str
        Its name, and in words.
    index : float
        Population stability index over levels, or fifths of a number, with missing as one more.
    by_chance : float
        The index that unchanged columns stay below, all of them together 19 times in 20.
    share_new : float
        Judged leads with a value that no training lead had; 0 for numbers.
    text : str
        What moved, in words.
    """

    feature: str
    label: str
    index: float
    by_chance: float
    share_new: float
    text: str

    @property
    def has_moved(self) -> bool:
        """Return whether the change is worth a look and no chance."""
        return self.index > max(MOVED, self.by_chance)

    @property
    def has_moved_far(self) -> bool:
        """Return whether the change is large by the customary mark."""
        return self.has_moved and self.index > MOVED_FAR


@dataclass(frozen=True)
class PredictionDrift:
    """Predictions for the leads learned from beside those for the judged ones.

    `index` is over tenths of the former. They have shaped the model, so some spread more.
    """

    index: float
    mean_before: float
    mean_after: float


@dataclass(frozen=True)
class Changes:
    """What changed between training and judged leads: columns, predictions and the win rate.

    Parameters
    ----------
    features : tuple of Drift
        Most moved first.
    predictions : PredictionDrift
        Of conversion.
    win_rate : tuple of Period
        In time order; empty where there are too few leads.
    """

    features: tuple[Drift, ...]
    predictions: PredictionDrift
    win_rate: tuple[Period, ...]

    @property
    def moved(self) -> tuple[Drift, ...]:
        """Return the columns that are worth a look."""
        return tuple(one for one in self.features if one.has_moved)


def stability_index(before: Floats, after: Floats) -> float:
    """Return the population stability index of two sets of counts over the same states.

    Half a lead is added to each state: one that was never seen is a lot, not infinitely much.

    Examples
    --------
    >>> round(stability_index(np.array([50.0, 50.0]), np.array([500.0, 500.0])), 4)
    0.0
    """
    p = (before + _HALF_LEAD) / (before + _HALF_LEAD).sum()
    q = (after + _HALF_LEAD) / (after + _HALF_LEAD).sum()
    return float(((q - p) * np.log(q / p)).sum())


def measure_changes(
    encoder: Encoder,
    train: EncodedLeads,
    judged: EncodedLeads,
    *,
    columns: tuple[Columns, Columns],
    p: tuple[Floats, Floats],
    win_rate: tuple[Period, ...],
) -> Changes:
    """Return what changed since training.

    Parameters
    ----------
    encoder, train, judged, columns : Encoder, EncodedLeads, EncodedLeads, pair of Columns
        As for `measure_drift`.
    p : pair of ndarray of float64
        Predictions for the training and for the judged leads.
    win_rate : tuple of Period
        From `measure_win_rate`.
    """
    return Changes(
        features=measure_drift(encoder, train, judged, columns=columns),
        predictions=measure_prediction_drift(*p),
        win_rate=win_rate,
    )


def measure_drift(
    encoder: Encoder,
    train: EncodedLeads,
    judged: EncodedLeads,
    *,
    columns: tuple[Columns, Columns],
) -> tuple[Drift, ...]:
    """Return how each feature moved, most first.

    Parameters
    ----------
    encoder : Encoder
        Fitted on the training leads.
    train, judged : EncodedLeads
        By this encoder.
    columns : pair of Columns
        The training and the judged leads as they came, for values that are new.
    """
    before, after = feature_states(encoder, train), feature_states(encoder, judged)
    found = []
    for feature in encoder.features:
        name, names = feature.name, name_states(feature)
        counts = [
            np.bincount(states[name], minlength=len(names)).astype(np.float64)
            for states in (before, after)
        ]
        n_states = int(((counts[0] + counts[1]) > 0).sum())
        share_new, new = _new_levels(feature, *columns)
        found.append(
            Drift(
                feature=name,
                label=label_of(name),
                index=stability_index(*counts),
                by_chance=_by_chance(n_states, train.n_leads, judged.n_leads,
                                     n_looks=len(encoder.features)),
                share_new=share_new,
                text=_in_words(names, counts[0], counts[1], new=new),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: (-one.index, one.feature)))


def measure_prediction_drift(before: Floats, after: Floats) -> PredictionDrift:
    """Return how the predictions moved, by tenths of the first ones."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, N_PREDICTION_BINS + 1)[1:-1]))
    counts = [
        np.bincount(edges.searchsorted(p, side="right"), minlength=len(edges) + 1).astype(float)
        for p in (before, after)
    ]
    return PredictionDrift(stability_index(*counts), float(before.mean()), float(after.mean()))


def _by_chance(n_states: int, n_before: int, n_after: int, *, n_looks: int) -> float:
    """Return the quantile of the index when nothing changed: it is about chi-squared."""
    if n_states < 2:
        return 0.0
    quantile = chi2.isf(ERROR_RATE / max(n_looks, 1), n_states - 1)
    return float(quantile) * (1 / max(n_before, 1) + 1 / max(n_after, 1))


def _new_levels(
    feature: CategoricalFeature | NumericFeature, before: Columns, after: Columns
) -> tuple[float, tuple[str, ...]]:
    """Share of judged leads with a value never seen in training, and the commonest of them."""
    values = after.get(feature.name)
    if not isinstance(feature, CategoricalFeature) or not values:
        return 0.0, ()
    known = set(_count(before.get(feature.name, [])))
    new = {level: n for level, n in _count(values).items() if level not in known}
    common = sorted((level for level in new if new[level] >= MIN_SHOWN), key=lambda x: (-new[x], x))
    return sum(new.values()) / len(values), tuple(brief(shown(one)) for one in common[:_MAX_NAMED])


def _count(values: Sequence[Scalar]) -> Mapping[str, int]:
    """Count canonical levels; each spelling is folded once."""
    spellings: dict[Scalar, int] = {}
    for value in values:
        spellings[value] = spellings.get(value, 0) + 1
    counts: dict[str, int] = {}
    for value, n in spellings.items():
        level = canonical_level(value)
        if level is not None:
            counts[level] = counts.get(level, 0) + n
    return counts


def _in_words(names: Sequence[str], before: Floats, after: Floats, *, new: Sequence[str]) -> str:
    """Name the states that moved most, and the new ones."""
    p, q = before / max(before.sum(), 1.0), after / max(after.sum(), 1.0)
    largest = np.argsort(-np.abs(q - p), kind="stable")[:_MAX_NAMED].tolist()
    moved = [
        f"{brief(names[i])}: {_percent(p[i])} to {_percent(q[i])}"
        for i in largest
        if abs(q[i] - p[i]) >= _MIN_MOVE
    ]
    parts = [", ".join(moved) if moved else "no value moved by more than 2 points"]
    if new:
        parts.append(f"never seen before: {', '.join(new)}")
    return "; ".join(parts)


def _percent(share: float) -> str:
    return f"{figure(round(100 * share, 1 if share < 0.1 else 0))} %"
