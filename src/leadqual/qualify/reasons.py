"""Why a lead scored as it did: at most three reasons for it and two against, in plain words."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.features.spec import N_QUANTILES, CategoricalFeature, Feature, NumericFeature
from leadqual.qualify import wording
from leadqual.qualify.reference import CONVERSION, N_BANDS, TARGETS, Reference
from leadqual.qualify.score import Direction, ReasonCode

N_UP: Final = 3
N_DOWN: Final = 2
N_REASONS: Final = N_UP + N_DOWN
MIN_WEIGHT: Final = 0.1
"""Log-odds below which a feature is not worth a rep's time."""

CONVERSION_DISCOUNT: Final = 0.6
"""Conversion sums up the heads; a head says more plainly what a feature is about."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The strongest reasons of some leads.

    Parameters
    ----------
    target, feature : ndarray of intp, shape (n_leads, 5)
        Indices into `TARGETS` and the explainer's features; up to three that speak for the
        lead, strongest first, then up to two against. Feature -1: no further reason.
    weight : ndarray of float64, shape (n_leads, 5)
        Share in the log-odds of the target.
    seen : ndarray of float64, shape (n_leads, 5)
        The value: state of a categorical feature, number or NaN of a numeric one.
    """

    target: NDArray[np.intp]
    feature: NDArray[np.intp]
    weight: NDArray[np.float64]
    seen: NDArray[np.float64]


def choose(contributions: NDArray[np.float64], seen: NDArray[np.float64]) -> Chosen:
    """Pick the strongest features, each once.

    Parameters
    ----------
    contributions : ndarray of float64, shape (n_leads, 4, n_features)
        Log-odds by target and feature.
    seen : ndarray of float64, shape (n_features, n_leads)
    """
    n_leads, n_targets, n_features = contributions.shape
    best = np.zeros((n_leads, N_REASONS), dtype=np.intp)
    strength = np.zeros((n_leads, N_REASONS))
    row = np.arange(n_leads)
    left = contributions * _DISCOUNTS
    flat = left.reshape(n_leads, n_targets * n_features)
    for place in range(N_REASONS if n_features else 0):
        cell = flat.argmax(axis=1) if place < N_UP else flat.argmin(axis=1)
        best[:, place] = cell
        strength[:, place] = flat[row, cell]
        left[row, :, cell % n_features] = 0.0
    if not n_features:
        return Chosen(best, best - 1, strength, strength)
    target, feature = np.divmod(best, n_features)
    weight = contributions[row[:, None], target, feature]
    is_reason = strength * _SIGNS >= MIN_WEIGHT
    value = seen[feature, row[:, None]]
    return Chosen(target, np.where(is_reason, feature, -1), weight, value)


_SIGNS: Final = np.repeat([1.0, -1.0], [N_UP, N_DOWN])
_DISCOUNTS: Final = np.array([
    [CONVERSION_DISCOUNT if target == CONVERSION else 1.0] for target in TARGETS
])


def join(chunks: Sequence[Chosen]) -> Chosen:
    """Return the reasons of several chunks of leads as one."""
    if len(chunks) == 1:
        return chunks[0]
    if not chunks:
        none = np.zeros((0, N_REASONS))
        return Chosen(none.astype(np.intp), none.astype(np.intp), none, none)
    return Chosen(
        np.concatenate([chunk.target for chunk in chunks]),
        np.concatenate([chunk.feature for chunk in chunks]),
        np.concatenate([chunk.weight for chunk in chunks]),
        np.concatenate([chunk.seen for chunk in chunks]),
    )


def seen_values(encoder: Encoder, leads: EncodedLeads) -> NDArray[np.float64]:
    """Return the states and numbers of all features, in encoder order, (n_features, n_leads)."""
    seen = np.empty((len(encoder.features), leads.n_leads))
    seen[encoder.categorical_rows] = leads.codes
    seen[encoder.numeric_rows] = leads.raw
    return seen


class Explainer:
    """Turn chosen reasons into words.

    Parameters
    ----------
    encoder : Encoder
        Whose features `Chosen.feature` points into.
    reference : Reference
        Observed rates of the training leads.
    by_rules : bool
        Whether the written rules are being explained.
    """

    def __init__(self, encoder: Encoder, reference: Reference, *, by_rules: bool) -> None:
        self._features = encoder.features
        self._reference = reference
        self._by_rules = by_rules
        self._known: dict[tuple[int, int, int, bool], str] = {}
        self._quantiles = {f.name: f.quantiles.tolist() for f in encoder.numeric}

    @property
    def n_features(self) -> int:
        """Return how many features can be explained."""
        return len(self._features)

    def reason(self, target: int, feature: int, *, weight: float, seen: float) -> ReasonCode:
        """Return one reason; arguments as in `Chosen`."""
        return ReasonCode(
            head=TARGETS[target],
            direction=Direction.UP if weight > 0 else Direction.DOWN,
            feature=self._features[feature].name,
            text=self.text(target, feature, seen=seen, is_up=weight > 0),
            weight=round(weight, 4),
        )

    def text(self, target: int, feature: int, *, seen: float, is_up: bool) -> str:
        """Return the sentence of one reason; arguments as in `Chosen`."""
        spec = self._features[feature]
        if isinstance(spec, NumericFeature):
            return self._sentence(TARGETS[target], spec, seen, is_up=is_up)
        key = (target, feature, int(seen), is_up)
        known = self._known.get(key)
        if known is None:  # states are few, so these sentences are kept
            known = self._known[key] = self._sentence(TARGETS[target], spec, seen, is_up=is_up)
        return known

    def _sentence(self, target: str, spec: Feature, seen: float, *, is_up: bool) -> str:
        """Join what is the case, and what it means."""
        if isinstance(spec, CategoricalFeature):
            state, statement = int(seen), _state_text(spec, int(seen))
        else:
            state, statement = self._number(spec, seen)
        if self._by_rules:
            return f"{statement}: {wording.rule_text(target, is_up=is_up)}"
        rates = self._reference.rates.get(target)
        rate = None if rates is None else rates.levels.get(spec.name, (None,) * (state + 1))[state]
        # A rate that points the other way (the feature counts beside others) would confuse.
        if rates is None or rate is None or (rate > rates.average) != is_up:
            return f"{statement}: {wording.speaks_text(target, is_up=is_up)}"
        meaning = wording.observed_text(target, rate=rate, average=rates.average)
        return f"{statement}: {meaning}"

    def _number(self, spec: NumericFeature, value: float) -> tuple[int, str]:
        """Return the band of a number, and how it stands among the training leads."""
        if math.isnan(value):
            return N_BANDS, wording.missing_text(spec.name)
        statement = wording.number_text(spec.name, value)
        if self._by_rules:
            return 0, statement
        quantiles = self._quantiles[spec.name]
        # Quantile k is k % up: k of them below the value are at least k - 1 % of the leads.
        below = (bisect_left(quantiles, value) - 1) / 100
        above = 1 - bisect_right(quantiles, value) / 100
        rank = wording.rank_text(min(below, 0.99), min(above, 0.99))
        step = N_QUANTILES // N_BANDS
        band = bisect_right(quantiles[step:-1:step], value)
        return band, f"{statement}, {rank}" if rank else statement


def _state_text(spec: CategoricalFeature, state: int) -> str:
    """Return what is the case with a categorical feature."""
    if state < len(spec.levels):
        return wording.level_text(spec.name, level=spec.levels[state], label=spec.labels[state])
    if state == len(spec.levels):
        return wording.other_text(spec.name)
    return wording.missing_text(spec.name)
