"""Why a lead scored as it did: at most three reasons for it and two against, in plain words."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

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
_MAX_KNOWN: Final = 20_000
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
    n_leads, _, n_features = contributions.shape
    if not n_features:
        none = np.zeros((n_leads, N_REASONS))
        return Chosen(none.astype(np.intp), none.astype(np.intp) - 1, none, none)
    left = contributions * _DISCOUNTS
    if n_leads <= _FEW:
        return _choose_of_few(left, contributions, seen)
    best, strength = _strongest(left)
    target, feature = np.divmod(best, n_features)
    row = np.arange(n_leads)[:, None]
    weight = contributions.take(best + row * contributions[0].size)
    value = seen.take(feature * n_leads + row)
    is_reason = strength * _SIGNS >= MIN_WEIGHT
    return Chosen(target, np.where(is_reason, feature, -1), weight, value)


def _choose_of_few(
    left: NDArray[np.float64], contributions: NDArray[np.float64], seen: NDArray[np.float64]
) -> Chosen:
    """Pick one feature after the other; what is chosen is the same. `left` is used up."""
    n_features = left.shape[2]
    places: list[int] = []
    figures: list[float] = []
    for row, flat in enumerate(left.reshape(len(left), -1)):
        for place in range(N_REASONS):
            cell = int(flat.argmax() if place < N_UP else flat.argmin())
            target, feature = divmod(cell, n_features)
            strength = flat.item(cell)
            is_reason = strength >= MIN_WEIGHT if place < N_UP else strength <= -MIN_WEIGHT
            places += target, feature if is_reason else -1
            figures += contributions.item(row, target, feature), seen.item(feature, row)
            flat[feature::n_features] = 0.0
    which = np.fromiter(places, np.intp, len(places)).reshape(len(left), N_REASONS, 2)
    how = np.fromiter(figures, np.float64, len(figures)).reshape(len(left), N_REASONS, 2)
    return Chosen(which[..., 0], which[..., 1], how[..., 0], how[..., 1])


def _strongest(left: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the strongest cells of each lead and their strength; `left` is used up.

    Cells count through targets and features; each feature is taken once, and then is nothing.
    """
    n_leads, _, n_features = left.shape
    best = np.empty((n_leads, N_REASONS), dtype=np.intp)
    strength = np.empty((n_leads, N_REASONS))
    row = np.arange(n_leads)
    flat = left.reshape(n_leads, -1)
    first = row * flat.shape[1]
    for place in range(N_REASONS):
        cell = flat.argmax(axis=1) if place < N_UP else flat.argmin(axis=1)
        best[:, place] = cell
        strength[:, place] = flat.take(cell + first)
        left[row, :, cell % n_features] = 0.0
    return best, strength


_FEW: Final = 4
"""Up to so many leads, one after the other is faster than all together."""

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
    seen: NDArray[np.float64] = np.concatenate([leads.codes, leads.raw], dtype=np.float64)
    return seen.take(encoder.by_kind, axis=0)


class _Said(NamedTuple):
    """A reason without its weight."""

    head: str
    direction: Direction
    feature: str
    text: str


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
        self._known: dict[tuple[int, int, float | None, bool], _Said] = {}
        self._meanings: dict[tuple[str, str, int, bool], str] = {}
        self._quantiles = {f.name: f.quantiles.tolist() for f in encoder.numeric}

    @property
    def n_features(self) -> int:
        """Return how many features can be explained."""
        return len(self._features)

    def reason(self, target: int, feature: int, *, weight: float, seen: float) -> ReasonCode:
        """Return a reason in words; arguments as in `Chosen`."""
        head, direction, name, text = self._said(target, feature, seen, is_up=weight > 0)
        return ReasonCode(head, direction, name, text, round(weight, 4))

    def text(self, target: int, feature: int, *, weight: float, seen: float) -> str:
        """Return the text of `reason` alone."""
        return self._said(target, feature, seen, is_up=weight > 0).text

    def _said(self, target: int, feature: int, seen: float, *, is_up: bool) -> _Said:
        """Return what is said of a state or number; they come again and again, so it is kept."""
        key = (target, feature, None if seen != seen else seen, is_up)  # noqa: PLR0124 - NaN
        said = self._known.get(key)
        if said is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            spec = self._features[feature]
            said = self._known[key] = _Said(
                TARGETS[target],
                Direction.UP if is_up else Direction.DOWN,
                spec.name,
                self._sentence(TARGETS[target], spec, seen, is_up=is_up),
            )
        return said

    def _sentence(self, target: str, spec: Feature, seen: float, *, is_up: bool) -> str:
        """Join what is the case, and what it means."""
        if isinstance(spec, CategoricalFeature):
            state, statement = int(seen), _state_text(spec, int(seen))
        else:
            state, statement = self._number(spec, seen)
        key = target, spec.name, state, is_up
        meaning = self._meanings.get(key)
        if meaning is None:
            meaning = self._meanings[key] = self._meaning(target, spec, state, is_up=is_up)
        return f"{statement}: {meaning}"

    def _meaning(self, target: str, spec: Feature, state: int, *, is_up: bool) -> str:
        """Say what a state, or a band of numbers, means for an answer."""
        if self._by_rules:
            return wording.rule_text(target, is_up=is_up)
        rates = self._reference.rates.get(target)
        rate = None if rates is None else rates.levels.get(spec.name, (None,) * (state + 1))[state]
        # A rate that points the other way (the feature counts beside others) would confuse.
        if rates is None or rate is None or (rate > rates.average) != is_up:
            return wording.speaks_text(target, is_up=is_up)
        return wording.observed_text(target, rate=rate, average=rates.average)

    def _number(self, spec: NumericFeature, value: float) -> tuple[int, str]:
        """Return the band of a number, and how it stands among the training leads."""
        if math.isnan(value):
            return N_BANDS, wording.missing_text(spec.name)
        statement = wording.number_text(spec.name, value)
        if self._by_rules:
            return 0, statement
        quantiles = self._quantiles[spec.name]
        n_up_to = bisect_right(quantiles, value)
        rank = _rank_text(bisect_left(quantiles, value), n_up_to)
        # A fifth is over where the quantile at its end is not above the value.
        band = min(max(n_up_to - 1, 0) // (N_QUANTILES // N_BANDS), N_BANDS - 1)
        return band, f"{statement}, {rank}" if rank else statement


@cache
def _rank_text(n_below: int, n_up_to: int) -> str:
    """Say how a number stands that so many quantiles are below, and up to."""
    # Quantile k is k % up: k of them below the value are at least k - 1 % of the leads.
    return wording.rank_text(min((n_below - 1) / 100, 0.99), min(1 - n_up_to / 100, 0.99))


def _state_text(spec: CategoricalFeature, state: int) -> str:
    """Return what is the case with a categorical feature."""
    if state < len(spec.levels):
        return wording.level_text(spec.name, level=spec.levels[state], label=spec.labels[state])
    if state == len(spec.levels):
        return wording.other_text(spec.name)
    return wording.missing_text(spec.name)
