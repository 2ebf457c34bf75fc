"""What moves the scores, beside what was observed: features by their part in the log-odds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.learning.judging.slices import Slice, mark_off, measure_part
from leadqual.learning.judging.states import brief, feature_states, name_states
from leadqual.learning.metrics import Outcome
from leadqual.qualify.wording import label_of

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MAX_EXPLAINED: Final = 4_000
"""Judged leads that contributions are taken of: means of more would say the same."""

MAX_FEATURES: Final = 20
MAX_LEVELS: Final = 12
_MIN_LEVEL_LEADS: Final = 20
_CLEAR_TREND: Final = 0.6
_CLEAR_EFFECT: Final = 0.05
_MAX_NAMED: Final = 2


@dataclass(frozen=True)
class LevelEffect:
    """One value of a feature: what it adds to the log-odds on average, and what was observed.

    `part` is None where fewer than 20 leads with a known answer have it.
    """

    level: str
    n_leads: int
    effect: float
    part: Slice | None


@dataclass(frozen=True)
class Influence:
    """One feature and one question.

    Parameters
    ----------
    feature, label : str
        Its name, and in words.
    strength : float
        Mean of its contributions to the log-odds, without their sign.
    share : float
        Of the strengths of all features together.
    direction : str
        What speaks for a yes and what against, in words.
    levels : tuple of LevelEffect
        By value: ascending for numbers, most common first for levels.
    """

    feature: str
    label: str
    strength: float
    share: float
    direction: str
    levels: tuple[LevelEffect, ...]


@dataclass
class Contributions:
    """What each feature adds to the log-odds of each question, for the explained leads.

    Parameters
    ----------
    n_leads : int
        Of the history; what was not explained is NaN.
    by_target : mapping of str to mapping of str to ndarray of float64, shape (n_leads,)
        Question, then feature name.
    """

    n_leads: int
    by_target: dict[str, dict[str, Floats]] = field(default_factory=dict)

    def put(self, target: str, rows: Codes, added: Floats, *, names: Sequence[str]) -> None:
        """Fill in the contributions of some leads, shape (len(rows), len(names))."""
        table = self.by_target.setdefault(target, {})
        for number, name in enumerate(names):
            column = table.setdefault(name, np.full(self.n_leads, np.nan))
            column[rows] = added[:, number]


@dataclass(frozen=True)
class Question:
    """What was predicted of some leads, why, and what came true.

    Parameters
    ----------
    added : mapping of str to ndarray of float64, shape (n,)
        Contribution per feature, NaN where a lead was not explained.
    p : ndarray of float64, shape (n,)
        Prediction.
    outcome : Outcome
        What came true of the leads that are known, in their order.
    is_known : ndarray of bool, shape (n,)
        Leads that the outcome speaks of.
    """

    added: Mapping[str, Floats]
    p: Floats
    outcome: Outcome
    is_known: NDArray[np.bool_]


def measure_influence(
    encoder: Encoder, leads: EncodedLeads, question: Question
) -> tuple[Influence, ...]:
    """Return the features that move the answers to one question, strongest first.

    Parameters
    ----------
    encoder : Encoder
        That names the levels.
    leads : EncodedLeads
        The judged leads, by this encoder.
    question : Question
        About the same leads.
    """
    strengths = {name: _mean(np.abs(question.added[name])) for name in encoder.feature_names}
    total = max(sum(strengths.values()), 1e-12)
    strongest = sorted(strengths, key=lambda name: (-strengths[name], name))[:MAX_FEATURES]
    chosen = [name for name in strongest if strengths[name] > 0]
    states = feature_states(encoder, leads)
    names = {feature.name: name_states(feature) for feature in encoder.features}
    parts = _parts(question, {name: states[name] for name in chosen}, names)
    raw = {feature.name: leads.raw[row] for row, feature in enumerate(encoder.numeric)}
    found = []
    for name in chosen:
        added = question.added[name]
        levels = tuple(
            LevelEffect(names[name][state], n_leads, effect, parts.get((name, state)))
            for state, n_leads, effect in _effects(states[name], added)
        )
        trend = _trend(raw[name], added) if name in raw else ""
        found.append(
            Influence(
                feature=name,
                label=label_of(name),
                strength=strengths[name],
                share=strengths[name] / total,
                direction=trend or _for_and_against(levels),
                levels=levels if name in raw else _commonest(levels),
            )
        )
    return tuple(found)


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _effects(state: Codes, added: Floats) -> list[tuple[int, int, float]]:
    """State, leads and mean contribution of each state that any lead has."""
    counts = np.bincount(state)
    is_explained = ~np.isnan(added)
    explained = np.bincount(state[is_explained], minlength=len(counts))
    totals = np.bincount(state[is_explained], added[is_explained], len(counts))
    effects = totals / np.maximum(explained, 1)
    return [(i, int(counts[i]), float(effects[i])) for i in np.flatnonzero(counts).tolist()]


def _parts(
    question: Question, states: Mapping[str, Codes], names: Mapping[str, Sequence[str]]
) -> dict[tuple[str, int], Slice]:
    """Observed beside predicted for each state that enough known leads have, marked together."""
    p, found = question.p[question.is_known], {}
    for name, state in states.items():
        known = state[question.is_known]
        counts = np.bincount(known, minlength=len(names[name]))
        for i in np.flatnonzero(counts >= _MIN_LEVEL_LEADS).tolist():
            found[name, i] = measure_part(
                name, names[name][i], known == i, p=p, outcome=question.outcome
            )
    return dict(zip(found, mark_off(list(found.values())), strict=True))


def _commonest(levels: Sequence[LevelEffect]) -> tuple[LevelEffect, ...]:
    """Return the levels that most leads have, in the order in which they came."""
    kept = sorted(levels, key=lambda one: -one.n_leads)[:MAX_LEVELS]
    return tuple(one for one in levels if one in kept)


def _trend(raw: Floats, added: Floats) -> str:
    """Say whether more of a number speaks for a yes; empty where it goes up and down."""
    known = ~np.isnan(raw) & ~np.isnan(added)
    if known.sum() < _MIN_LEVEL_LEADS or np.ptp(raw[known]) == 0 or np.ptp(added[known]) == 0:
        return ""
    rank = np.argsort(np.argsort(raw[known], kind="stable"), kind="stable")
    trend = float(np.corrcoef(rank, added[known])[0, 1])
    if abs(trend) < _CLEAR_TREND:
        return ""
    return "more speaks for it" if trend > 0 else "more speaks against it"


def _for_and_against(levels: Sequence[LevelEffect]) -> str:
    """Name the values that speak loudest for and against a yes."""
    seen = sorted(levels, key=lambda one: (-one.effect, one.level))
    up = [brief(one.level) for one in seen if one.effect > _CLEAR_EFFECT][:_MAX_NAMED]
    down = [brief(one.level) for one in reversed(seen) if one.effect < -_CLEAR_EFFECT][:_MAX_NAMED]
    parts = [f"for it: {', '.join(up)}"] if up else []
    parts += [f"against it: {', '.join(down)}"] if down else []
    return "; ".join(parts) or "little either way"
