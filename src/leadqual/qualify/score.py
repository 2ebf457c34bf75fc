"""What scoring says about a lead (CONTRACT "score and decision")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from leadqual.leads.text_enum import TextEnum

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Head(TextEnum):
    """One learned question about a lead."""

    FIT = "fit"
    AUTHORITY = "authority"
    BUDGET = "budget"


class Answer(TextEnum):
    """What a head says; `unknown` is not bad, it names the question to ask next."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class ScoredBy(TextEnum):
    """Who answered: a learned model, or the written rules where nothing was learnable."""

    MODEL = "model"
    RULES = "rules"


class Direction(TextEnum):
    """Whether a reason speaks for or against."""

    UP = "up"
    DOWN = "down"


# Five are made of every lead: a frozen one, or a model, costs four times as much.
@dataclass(slots=True)
class ReasonCode:
    """One reason in plain words. `weight` is its share in the log-odds, signed by direction."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    head: str
    direction: Direction
    feature: str
    text: str
    weight: float


class LeadScore(BaseModel):
    """The answers for one lead.

    `expected_value_usd` is `p_conversion` times the expected amount; `percentile` places it
    among the leads the model was trained on, or among those that the rules make up;
    `heads_scored_by` says per head (and for `conversion`) whether a model or the rules answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    p_fit: Probability
    p_authority: Probability
    p_budget: Probability
    p_conversion: Probability
    expected_value_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    grade: str
    percentile: Annotated[int, Field(ge=0, le=100)]
    heads: dict[Head, Answer]
    heads_scored_by: dict[str, ScoredBy]
    reasons: tuple[ReasonCode, ...]
    scored_by: ScoredBy
    model_version: str
    scored_at: AwareDatetime
