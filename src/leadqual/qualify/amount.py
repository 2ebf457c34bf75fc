"""E[amount | won]: what makes expected value more than a probability."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.features.document import Document
from leadqual.qualify.additive import AdditiveModel

MAX_USD: Final = 1e15
_MAX_EXPONENT: Final = 709.0


@dataclass(frozen=True, eq=False, kw_only=True)
class AmountModel:
    """E[amount in USD | won] = min(exp(log_usd) * smearing, cap_usd).

    Parameters
    ----------
    log_usd : AdditiveModel
        Log of the amount; linear only.
    smearing : float
        Mean of exp(residual), so that the mean is right and not the median; positive.
    cap_usd : float
        Never expect more than this (the largest amount seen, say); positive, up to 1e15.

    References
    ----------
    Duan (1983), Smearing estimate: a nonparametric retransformation method.
    """

    log_usd: AdditiveModel
    smearing: float
    cap_usd: float

    def __post_init__(self) -> None:
        if self.log_usd.trees is not None:
            raise BundleError("amount: trees are not supported, fit a linear model")
        if not (0 < self.smearing < MAX_USD and 0 < self.cap_usd <= MAX_USD):
            raise BundleError("amount: smearing and cap_usd must be above 0 and at most 1e15")

    @classmethod
    def constant(cls, usd: float, *, width: int) -> AmountModel:
        """Return the model that expects the same amount of every lead (usd > 0)."""
        zeros = np.zeros(width)
        log_usd = AdditiveModel(coef=zeros, intercept=float(np.log(usd)), center=zeros)
        return cls(log_usd=log_usd, smearing=1.0, cap_usd=max(usd, 1.0))

    def expected_usd(self, log_usd: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected amount from the linear predictor, in USD, same shape."""
        usd = np.minimum(log_usd, self._enough)
        np.exp(usd, out=usd)
        usd *= self.smearing
        return np.minimum(usd, self.cap_usd, out=usd)

    @cached_property
    def _enough(self) -> float:
        """Return a log of amounts from which the cap is surely reached, and nothing overflows."""
        return min(math.log(self.cap_usd) - math.log(self.smearing) + 1.0, _MAX_EXPONENT)

    def as_dict(self) -> dict[str, object]:
        """Return the model as JSON values."""
        return {
            "log_usd": self.log_usd.as_dict(),
            "smearing": float(self.smearing),
            "cap_usd": float(self.cap_usd),
        }

    @classmethod
    def from_document(cls, document: Document, *, width: int) -> AmountModel:
        """Read a model back; raise `BundleError` on anything off."""
        entry = document.record("log_usd", "smearing", "cap_usd")
        return cls(
            log_usd=AdditiveModel.from_document(entry["log_usd"], width=width),
            smearing=entry["smearing"].number(low=0, high=MAX_USD),
            cap_usd=entry["cap_usd"].number(low=0, high=MAX_USD),
        )
