"""The written rules: points in log-odds that answer where nothing was learned.

They are a bundle like any other, so the same code scores them and gives their reasons. What is
not known counts neither for nor against a lead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import Encoder
from leadqual.features.spec import N_QUANTILES, CategoricalFeature, NumericFeature
from leadqual.leads.schema import Scalar
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.conversion import ConversionModel, StageModel
from leadqual.qualify.predict import Predictor
from leadqual.qualify.reference import Reference, ev_quantiles
from leadqual.qualify.score import Head
from leadqual.qualify.trees import TreeEnsemble

if TYPE_CHECKING:
    from leadqual.outcomes.history import Columns

RULES_VERSION: Final = "rules"
ASSUMED_DEAL_USD: Final = 10_000.0
"""Expected amount where the lead named no budget."""

_INTEREST: Final = "interest"
_FAR: Final = 1e100


@dataclass(frozen=True, slots=True)
class Levels:
    """Points per level of a field, for one question."""

    field: str
    question: str
    points: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Steps:
    """Points per band of a number: up to each limit, and `above` the last."""

    field: str
    question: str
    bands: tuple[tuple[float, float], ...]
    above: float


BASE: Final[Mapping[str, float]] = {
    Head.FIT: -0.3,
    Head.AUTHORITY: -0.4,
    Head.BUDGET: -0.2,
    _INTEREST: -1.2,
}
"""Log-odds of a lead of whom nothing is known: 43 %, 40 %, 45 % and 23 %."""

RULES: Final[tuple[Levels | Steps, ...]] = (
    Levels("is_free_mail", Head.FIT, {"1": -0.9, "0": 0.2}),
    Levels("contact.seniority", Head.FIT, {"intern": -1.0, "junior": -0.3}),
    Steps("company.n_employees", Head.FIT, ((9, -0.7), (49, -0.1), (249, 0.4), (999, 0.6)), 0.4),
    Levels(
        "contact.seniority",
        Head.AUTHORITY,
        {
            "owner": 1.8,
            "c_level": 1.7,
            "vp": 1.3,
            "director": 1.0,
            "head": 0.9,
            "manager": 0.3,
            "senior": -0.4,
            "specialist": -0.8,
            "junior": -1.4,
            "intern": -2.2,
        },
    ),
    Levels("interest.is_decision_maker", Head.AUTHORITY, {"1": 1.2, "0": -1.2}),
    Steps("interest.budget_usd", Head.BUDGET, ((999, -1.0), (4_999, -0.2), (19_999, 0.6)), 1.1),
    Steps("company.annual_revenue_usd", Head.BUDGET, ((1e6, -0.5), (1e7, 0.2), (1e8, 0.6)), 0.9),
    Levels("is_free_mail", Head.BUDGET, {"1": -0.4}),
    Steps("interest.timeline_days", _INTEREST, ((30, 0.7), (90, 0.4), (180, -0.1)), -0.4),
    Levels("motion", _INTEREST, {"inbound": 0.3, "outbound": -0.3}),
    Steps("engagement.n_page_views", _INTEREST, ((1, -0.3), (5, 0.0), (15, 0.3)), 0.5),
    Levels("derived.has_budget_and_timeline", _INTEREST, {"1": 0.3}),
)


@cache
def rules_bundle() -> ModelBundle:
    """Return the written rules as a bundle of version `rules`."""
    encoder = _encoder()
    models = {question: _model(encoder, question) for question in BASE}
    interest = StageModel(name=_INTEREST, model=models[_INTEREST], is_with_heads=True)
    conversion = ConversionModel(stages=(interest,), heads_weight=1.0)
    return ModelBundle(
        version=RULES_VERSION,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        encoder=encoder,
        heads={head: models[head] for head in Head},
        conversion=conversion,
        amount=_amount(encoder),
        reference=Reference(_imagined_quantiles(encoder, models, conversion)),
        is_rules=True,
    )


def _encoder() -> Encoder:
    """Return an encoder that reads the fields of the rules as they are."""
    levels: dict[str, dict[str, None]] = {}
    for rule in RULES:
        if isinstance(rule, Levels):
            levels.setdefault(rule.field, {}).update(dict.fromkeys(rule.points))
    features: dict[str, NumericFeature | CategoricalFeature] = {
        field: CategoricalFeature(
            name=field,
            levels=tuple(points),
            labels=tuple({"1": "yes", "0": "no"}.get(level, level) for level in points),
            has_other=False,
            has_missing=False,
        )
        for field, points in levels.items()
    }
    for rule in RULES:
        if isinstance(rule, Steps):
            features[rule.field] = _as_it_is(rule.field)
    ordered = tuple(features[field] for field in sorted(features))
    return Encoder(ordered, np.zeros(sum(feature.width for feature in ordered)), {})


def _as_it_is(field: str) -> NumericFeature:
    """Return a feature whose value is log1p of the number, which the expected amount needs."""
    return NumericFeature(
        name=field,
        is_log=True,
        mean=0.0,
        scale=1.0,
        low=-_FAR,
        high=_FAR,
        has_missing=True,
        quantiles=np.zeros(N_QUANTILES),
    )


def _model(encoder: Encoder, question: str) -> AdditiveModel:
    """Return the points of one question as a model."""
    coef = np.zeros(encoder.width)
    feature_at = {feature.name: feature for feature in encoder.categorical}
    steps = []
    for rule in RULES:
        if rule.question != question:
            continue
        start = encoder.starts[rule.field]
        if isinstance(rule, Steps):
            steps.append((start, rule))
            continue
        for level, points in rule.points.items():
            coef[start + feature_at[rule.field].levels.index(level)] = points
    return AdditiveModel(
        coef=coef,
        intercept=BASE[question],
        center=np.zeros(encoder.width),
        trees=_staircases(steps, encoder.width),
        tree_weight=1.0,
    )


def _staircases(steps: Sequence[tuple[int, Steps]], width: int) -> TreeEnsemble | None:
    """Return one tree per rule: first whether the number is known, then limit by limit."""
    if not steps:
        return None
    columns, thresholds, left, right, values, covers = [], [], [], [], [], []
    for start, rule in steps:
        n_limits = len(rule.bands)
        columns.extend([start + 1, *[start] * n_limits])
        thresholds.extend([0.5, *(float(np.log1p(limit)) for limit, _ in rule.bands)])
        # Leaf 0 is "not known"; leaf 1 + k lies left of limit k, the last right of all.
        left.extend([1, *(-2 - k for k in range(n_limits))])
        right.extend([-1, *(2 + k for k in range(n_limits - 1)), -2 - n_limits])
        values.extend([0.0, *(points for _, points in rule.bands), rule.above])
        # Reasons compare with an unknown number, so nearly all weight lies there.
        covers.extend([1e12, *[1.0] * (n_limits + 1)])
    return TreeEnsemble(
        n_columns=width,
        n_leaves=np.array([len(rule.bands) + 2 for _, rule in steps], dtype=np.intp),
        column=np.array(columns, dtype=np.intp),
        threshold=np.array(thresholds, dtype=np.float64),
        left=np.array(left, dtype=np.intp),
        right=np.array(right, dtype=np.intp),
        value=np.array(values, dtype=np.float64),
        cover=np.array(covers, dtype=np.float64),
    )


def _amount(encoder: Encoder) -> AmountModel:
    """Expect the stated budget, or the assumed deal."""
    coef = np.zeros(encoder.width)
    start = encoder.starts["interest.budget_usd"]
    coef[start], coef[start + 1] = 1.0, float(np.log(ASSUMED_DEAL_USD))
    log_usd = AdditiveModel(coef=coef, intercept=0.0, center=np.zeros(encoder.width))
    return AmountModel(log_usd=log_usd, smearing=1.0, cap_usd=1e7)


_IMAGINED: Final[Mapping[str, tuple[Scalar, ...]]] = {
    "is_free_mail": (True, False, False, None),
    "contact.seniority": ("c_level", "director", "manager", "specialist", None),
    "company.n_employees": (5, 30, 150, 2_000, None),
    "interest.budget_usd": (2_000, 15_000, 50_000, None, None),
    "interest.timeline_days": (20, 120, None),
    "motion": ("inbound", "outbound"),
}
"""Leads to place others among while none have been seen: every combination once."""


def _imagined_quantiles(
    encoder: Encoder, models: Mapping[str, AdditiveModel], conversion: ConversionModel
) -> NDArray[np.float64]:
    """Return the quantiles of expected value over the imagined leads."""
    rows = list(product(*_IMAGINED.values()))
    columns: Columns = {name: [row[i] for row in rows] for i, name in enumerate(_IMAGINED)}
    predictor = Predictor(
        encoder,
        {head: models[head] for head in Head},
        conversion=conversion,
        amount=_amount(encoder),
    )
    found = predictor.predict(encoder.encode(columns, n_leads=len(rows)), explain=False)
    return ev_quantiles(found.p[:, -1] * found.amount_usd)
