"""P(the deal is won), from up to three estimates that are averaged in log-odds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from leadqual.errors import BundleError
from leadqual.features.document import Document
from leadqual.qualify.additive import AdditiveModel

_MAX_STAGES: Final = 10


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

    def as_dict(self) -> dict[str, object]:
        """Return the stage as JSON values."""
        return {
            "name": self.name,
            "model": self.model.as_dict(),
            "is_with_heads": self.is_with_heads,
        }

    @classmethod
    def from_document(cls, document: Document, *, width: int) -> StageModel:
        """Read a stage back; raise `BundleError` on anything off."""
        entry = document.record("name", "model", "is_with_heads")
        return cls(
            name=entry["name"].text(),
            model=AdditiveModel.from_document(entry["model"], width=width),
            is_with_heads=entry["is_with_heads"].boolean(),
        )


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

    def as_dict(self) -> dict[str, object]:
        """Return the model as JSON values."""
        return {
            "stages": [stage.as_dict() for stage in self.stages],
            "direct": None if self.direct is None else self.direct.as_dict(),
            "need": None if self.need is None else self.need.as_dict(),
            "need_floor": float(self.need_floor),
            "stage_weight": float(self.stage_weight),
            "direct_weight": float(self.direct_weight),
            "heads_weight": float(self.heads_weight),
            "shift": float(self.shift),
        }

    @classmethod
    def from_document(cls, document: Document, *, width: int) -> ConversionModel:
        """Read a model back; raise `BundleError` on anything off."""
        weights = ("stage_weight", "direct_weight", "heads_weight")
        entry = document.record("stages", "direct", "need", "need_floor", "shift", *weights)
        stages = entry["stages"].array()
        if len(stages) > _MAX_STAGES:
            raise BundleError(f"{document.where}.stages: too large (at most {_MAX_STAGES})")
        return cls(
            stages=tuple(StageModel.from_document(stage, width=width) for stage in stages),
            direct=_read_optional(entry["direct"], width),
            need=_read_optional(entry["need"], width),
            need_floor=entry["need_floor"].number(low=0, high=1),
            stage_weight=entry["stage_weight"].number(low=0, high=1),
            direct_weight=entry["direct_weight"].number(low=0, high=1),
            heads_weight=entry["heads_weight"].number(low=0, high=1),
            shift=entry["shift"].number(),
        )


def _read_optional(document: Document, width: int) -> AdditiveModel | None:
    """Read a model that may be null."""
    return None if document.value is None else AdditiveModel.from_document(document, width=width)
