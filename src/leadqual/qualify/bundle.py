"""A trained model as one frozen value: everything scoring needs, nothing that can run code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.features.encoder import Encoder
from leadqual.features.spec import N_QUANTILES
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.reference import Reference
from leadqual.qualify.score import Head

MAX_USD: Final = 1e15
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, eq=False, kw_only=True)
class StageModel:
    """One step of the funnel, learned on the leads that came to it.

    Parameters
    ----------
    name : str
        For people and reports: reached, qualified, accepted, won.
    model : AdditiveModel
        P(this step | all steps before).
    is_with_heads : bool
        Whether the product of heads is multiplied by this step too (usually: reached and won,
        which no head speaks about).
    """

    name: str
    model: AdditiveModel
    is_with_heads: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class ConversionModel:
    """p_conversion = sigmoid(shift + weighted mean of the log-odds of up to three estimates).

    The estimates: the product of all `stages`; `direct`; and the product of heads, that is
    p_fit * p_authority * p_budget * (need_floor + (1 - need_floor) * p_need) times the stages
    with `is_with_heads`. Products are kept within [1e-6, 1 - 1e-6] before taking log-odds.

    Parameters
    ----------
    stages : tuple of StageModel
        In funnel order; may be empty.
    direct : AdditiveModel, optional
        Conversion learned in one step.
    need : AdditiveModel, optional
        P(the lead has a need), a latent answer that is not shown; without it the factor is 1.
    need_floor : float
        Share of conversion that stays when there is surely no need, in [0, 1].
    stage_weight, direct_weight, heads_weight : float
        In [0, 1], summing to 1; each above 0 needs its models.
    shift : float
        Level correction in log-odds.

    Raises
    ------
    BundleError
        If weights do not sum to 1, or one has no models.
    """

    stages: tuple[StageModel, ...] = ()
    direct: AdditiveModel | None = None
    need: AdditiveModel | None = None
    need_floor: float = 0.3
    stage_weight: float = 0.0
    direct_weight: float = 0.0
    heads_weight: float = 0.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        weights = np.array([self.stage_weight, self.direct_weight, self.heads_weight])
        if not (weights >= 0).all() or abs(float(weights.sum()) - 1.0) > 1e-9:
            raise BundleError("conversion: weights must be 0 or more and sum to 1")
        if self.stage_weight > 0 and not self.stages:
            raise BundleError("conversion: stage_weight is above 0 but there are no stages")
        if self.direct_weight > 0 and self.direct is None:
            raise BundleError("conversion: direct_weight is above 0 but there is no direct model")
        if not 0 <= self.need_floor <= 1 or not np.isfinite(self.shift):
            raise BundleError("conversion: need_floor outside 0 to 1, or shift not finite")

    @property
    def models(self) -> tuple[AdditiveModel, ...]:
        """Return every model in it: stages, then direct, then need."""
        several = [stage.model for stage in self.stages]
        return (*several, *(m for m in (self.direct, self.need) if m is not None))


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
        with np.errstate(over="ignore"):  # what overflows is capped on the same line
            return np.minimum(np.exp(log_usd) * self.smearing, self.cap_usd)


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelBundle:
    """Everything that answers for a lead.

    Parameters
    ----------
    version : str
        Letters, digits, dots, dashes and underscores; at most 100.
    created_at : datetime
        Aware.
    encoder : Encoder
        All models below read its matrix.
    heads : mapping of Head to AdditiveModel
        A head that is absent could not be learned: the written rules answer for it.
    conversion : ConversionModel, optional
        None where conversion could not be learned: the written rules answer.
    amount : AmountModel
        `AmountModel.constant` where amounts are not known.
    reference : Reference
        What the training leads looked like: percentiles and observed rates for reasons.
    summary : mapping of str to JSON values
        How it was trained, for cards and lists; scoring does not read it.

    Raises
    ------
    BundleError
        If parts contradict each other.
    """

    version: str
    created_at: datetime
    encoder: Encoder
    heads: Mapping[Head, AdditiveModel]
    conversion: ConversionModel | None
    amount: AmountModel
    reference: Reference
    summary: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version):
            raise BundleError("bundle: version must be 1 to 100 of A-Z a-z 0-9 . _ -")
        if self.created_at.tzinfo is None:
            raise BundleError("bundle: created_at has no time zone")
        models = [*self.heads.values(), self.amount.log_usd]
        if self.conversion is not None:
            models.extend(self.conversion.models)
            if self.conversion.heads_weight > 0 and set(self.heads) != set(Head):
                raise BundleError("conversion: heads_weight is above 0 but a head is absent")
        if any(model.width != self.encoder.width for model in models):
            raise BundleError(f"bundle: a model is not {self.encoder.width} columns wide")
        if self.reference.ev_quantiles.shape != (N_QUANTILES,):
            raise BundleError(f"bundle: ev_quantiles must be {N_QUANTILES} numbers")
        self.reference.check(self.encoder)
