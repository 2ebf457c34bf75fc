"""What the training leads looked like: the yardstick for percentiles and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.features.document import Document
from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.features.spec import N_QUANTILES, NumericFeature

CONVERSION: Final = "conversion"
TARGETS: Final = ("fit", "authority", "budget", CONVERSION)
"""What a reason can speak for: the heads, and conversion."""

N_BANDS: Final = 5
"""Numbers are observed in fifths of the training leads."""

MIN_OBSERVED: Final = 20
"""Leads with a known answer that a rate needs before it is shown."""


@dataclass(frozen=True, eq=False)
class TargetRates:
    """How often the answer was yes in training.

    Parameters
    ----------
    average : float
        Over all leads with a known answer, in [0, 1].
    levels : mapping of str to tuple of (float or None)
        Feature to the rate for each of its states: levels, other and missing of a categorical
        feature, the `N_BANDS` bands and missing of a numeric one; None where fewer than
        `MIN_OBSERVED` answers are known.
    """

    average: float
    levels: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, eq=False)
class Reference:
    """Percentiles of expected value and observed rates.

    Parameters
    ----------
    ev_quantiles : ndarray of float64, shape (101,)
        Quantiles 0 %, 1 % ... 100 % of `expected_value_usd` over the training leads, ascending.
    rates : mapping of str to TargetRates
        Key `fit`, `authority`, `budget` or `conversion`; absent where nothing was observed.
    """

    ev_quantiles: NDArray[np.float64]
    rates: Mapping[str, TargetRates] = field(default_factory=dict)

    def check(self, encoder: Encoder) -> None:
        """Refuse a reference that does not belong to this encoder.

        Raises
        ------
        BundleError
            If quantiles descend, or rates name unknown targets, features or states.
        """
        quantiles = self.ev_quantiles
        if quantiles.shape != (N_QUANTILES,) or not np.isfinite(quantiles).all():
            raise BundleError(f"reference: ev_quantiles must be {N_QUANTILES} finite numbers")
        if (np.diff(quantiles) < 0).any():
            raise BundleError("reference: ev_quantiles must be ascending")
        n_states = {feature.name: feature.n_states for feature in encoder.categorical}
        n_states.update((feature.name, N_BANDS + 1) for feature in encoder.numeric)
        for target, rates in self.rates.items():
            if target not in TARGETS:
                raise BundleError(f"reference: unknown target, expected one of {TARGETS}")
            for name, levels in rates.levels.items():
                if n_states.get(name) != len(levels):
                    raise BundleError(f"reference: rates of {target} do not match the features")

    def percentile(self, expected_value_usd: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the share of training leads worth less, 0 to 100 in whole percent.

        Ties share the lowest place: where all training leads were worth the same, every such
        lead stands at 0.
        """
        # Quantile k is k %: a value above k + 1 of the quantiles is worth more than k % of leads.
        # What is above any of them is above the first, so that one need not be counted.
        return self.ev_quantiles[1:].searchsorted(expected_value_usd, side="left")

    def as_dict(self) -> dict[str, object]:
        """Return the reference as JSON values."""
        return {
            "ev_quantiles": self.ev_quantiles.tolist(),
            "rates": {
                target: {
                    "average": rates.average,
                    "levels": {name: list(levels) for name, levels in rates.levels.items()},
                }
                for target, rates in self.rates.items()
            },
        }

    @classmethod
    def from_document(cls, document: Document) -> Reference:
        """Read a reference back; raise `BundleError` on anything off."""
        entry = document.record("ev_quantiles", "rates")
        rates = {target: _read_rates(item) for target, item in entry["rates"].members().items()}
        return cls(entry["ev_quantiles"].floats(length=N_QUANTILES), rates)


def ev_quantiles(expected_value_usd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 101 quantiles of expected value that a `Reference` holds."""
    return np.quantile(expected_value_usd, np.linspace(0, 1, N_QUANTILES))


def observe_rates(
    encoder: Encoder, leads: EncodedLeads, answers: Mapping[str, NDArray[np.float64]]
) -> dict[str, TargetRates]:
    """Count how often each level went with a yes.

    Parameters
    ----------
    encoder : Encoder
    leads : EncodedLeads
        Of the training leads (`encoder.encode`).
    answers : mapping of str to ndarray of float64, shape (n_leads,)
        Per target (`fit`, `authority`, `budget`, `conversion`) the answer in [0, 1], soft or
        hard, NaN where it is not known.

    Returns
    -------
    dict of str to TargetRates
        Without targets that have fewer than `MIN_OBSERVED` answers.
    """
    rates: dict[str, TargetRates] = {}
    for target, answer in answers.items():
        is_known = ~np.isnan(answer)
        if is_known.sum() < MIN_OBSERVED:
            continue
        known = answer[is_known]
        levels = {
            feature.name: _rates(leads.codes[row, is_known], known, feature.n_states)
            for row, feature in enumerate(encoder.categorical)
        }
        for row, numeric in enumerate(encoder.numeric):
            band = bands(numeric, leads.raw[row, is_known])
            levels[numeric.name] = _rates(band, known, N_BANDS + 1)
        rates[target] = TargetRates(float(answer[is_known].mean()), levels)
    return rates


def bands(feature: NumericFeature, raw: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which fifth of the training leads each value falls in, `N_BANDS` where missing."""
    edges = feature.quantiles[N_QUANTILES // N_BANDS : -1 : N_QUANTILES // N_BANDS]
    return np.where(np.isnan(raw), N_BANDS, edges.searchsorted(raw, side="right"))


def _rates(
    state: NDArray[np.intp], answer: NDArray[np.float64], n_states: int
) -> tuple[float | None, ...]:
    """Return the mean answer per state, None where too few are known."""
    count = np.bincount(state, minlength=n_states).tolist()
    total = np.bincount(state, answer, minlength=n_states).tolist()
    return tuple(t / n if n >= MIN_OBSERVED else None for t, n in zip(total, count, strict=True))


def _read_rates(document: Document) -> TargetRates:
    """Read the rates of one target."""
    entry = document.record("average", "levels")
    levels = {
        name: tuple(
            None if rate.value is None else rate.number(low=0, high=1) for rate in item.array()
        )
        for name, item in entry["levels"].members().items()
    }
    return TargetRates(entry["average"].number(low=0, high=1), levels)
