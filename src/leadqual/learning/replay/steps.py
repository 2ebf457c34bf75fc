"""One step of a backtest: fit with what was known when it began, score whoever came in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from leadqual.errors import NotEnoughDataError
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.learners.baselines import LIGHTGBM, LOGISTIC, ODOO, predict_baselines
from leadqual.learning.preparing import feature_columns, take_columns
from leadqual.learning.replay.clock import ReplayPlan
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.history import History
from leadqual.qualify.reference import CONVERSION, TARGETS

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

FROZEN: Final = "leadqual, frozen"
RETRAINED: Final = "leadqual, retrained"
RECENCY: Final = "leadqual, retrained with recency"
BASELINES: Final = (LOGISTIC, LIGHTGBM)
FITTED: Final = (RETRAINED, RECENCY, *BASELINES)
"""Predictors that are fitted anew at each step."""

SHORT_NAMES: Final = {
    FROZEN: "frozen",
    RETRAINED: "retrained",
    RECENCY: "recency",
    LOGISTIC: "logistic",
    LIGHTGBM: "LightGBM",
    ODOO: "Odoo-like",
}
HALF_LIFE_SHARE: Final = 0.25
"""`RECENCY` lets a lead count half after a quarter of the history, whether that pays or not."""

_CONVERSION: Final = TARGETS.index(CONVERSION)
_UNDATED: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StepScores:
    """What was said of the arrivals of one step.

    Parameters
    ----------
    step : int
        Number of the step, from 0.
    is_retrained : bool
        False where nobody came, or too little was known and the fit of an earlier step answered.
    scores : mapping of predictor to ndarray of float64, shape (n_arrivals,)
        Probability in [0, 1] of each arrival, in time order. The first step also holds what the
        frozen model says of the arrivals of every step.
    shares : mapping of predictor to float
        Brings a probability of ever being won to the judged question; 1 where it is that already.
    """

    step: int
    is_retrained: bool
    scores: Mapping[str, Floats]
    shares: Mapping[str, float]

    def fits(self, plan: ReplayPlan) -> bool:
        """Return whether these can be the scores of this step of a plan."""
        wanted = {name: len(plan.arrivals(self.step)) for name in FITTED}
        if self.step == 0:
            wanted[FROZEN] = len(plan.arrivals_since(0))
        numbers = [*self.scores.values(), np.array(list(self.shares.values()), dtype=np.float64)]
        return (
            {name: len(p) for name, p in self.scores.items()} == wanted
            and set(self.shares) == set(wanted)
            and all(bool(((p >= 0) & (p <= 1)).all()) for p in numbers)
        )

    def as_dict(self) -> dict[str, object]:
        """Return JSON values; floats come back bit for bit."""
        return {
            "step": self.step,
            "is_retrained": self.is_retrained,
            "scores": {name: p.tolist() for name, p in self.scores.items()},
            "shares": dict(self.shares),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> StepScores:
        """Read what `as_dict` wrote.

        Raises
        ------
        TypeError, ValueError
            It is something else.
        """
        scores, shares, step = values.get("scores"), values.get("shares"), values.get("step")
        if not (isinstance(scores, dict) and isinstance(shares, dict) and isinstance(step, int)):
            raise TypeError("no scores of a step")
        return cls(
            step=step,
            is_retrained=values.get("is_retrained") is True,
            scores={name: np.array(p, dtype=np.float64) for name, p in scores.items()},
            shares={name: float(share) for name, share in shares.items()},
        )


def score_step(
    history: History, plan: ReplayPlan, step: int, *, settings: FitSettings
) -> StepScores:
    """Fit everything with what was known when a step began and score its arrivals.

    Depends on nothing but its arguments, so steps may run in any order and in any process.

    Parameters
    ----------
    history, plan : History, ReplayPlan
        From `plan_backtest`.
    step : int
        Number of the step.
    settings : FitSettings
        As for `fit_bundle`.

    Raises
    ------
    NotEnoughDataError
        There is too little to fit even at the first step.
    """
    rows = plan.arrivals(step)
    if step and not len(rows):
        nobody = np.zeros(0)
        return StepScores(
            step,
            is_retrained=False,
            scores=dict.fromkeys(FITTED, nobody),
            shares=dict.fromkeys(FITTED, 1.0),
        )
    with threadpool_limits(limits=1):  # as in fit_bundle
        fitted_at, model = _newest_fit(history, plan, step, settings=settings)
        fading = _fit(
            history, plan, fitted_at, settings=replace(settings, half_life_share=HALF_LIFE_SHARE)
        )
        scores = {
            RETRAINED: _ask(model, history, rows),
            RECENCY: _ask(fading, history, rows),
            **_ask_baselines(model, history, rows),
        }
        # The delays of wins are the same for all of them.
        share = _share(model, plan)
        shares = {RETRAINED: share, RECENCY: share, **dict.fromkeys(BASELINES, 1.0)}
        if step == 0:
            scores[FROZEN] = _ask(model, history, plan.arrivals_since(0))
            shares[FROZEN] = share
    return StepScores(step, is_retrained=fitted_at == step, scores=scores, shares=shares)


def _newest_fit(
    history: History, plan: ReplayPlan, step: int, *, settings: FitSettings
) -> tuple[int, FittedModel]:
    """Fit at a step, or at the newest one before it at which enough was known."""
    for earlier in range(step, -1, -1):
        try:
            model = _fit(history, plan, earlier, settings=settings)
        except NotEnoughDataError:  # recording began later than it seemed
            if not earlier:
                raise
        else:
            return earlier, model
    raise AssertionError("the first step either fits or is refused")


def _fit(history: History, plan: ReplayPlan, step: int, *, settings: FitSettings) -> FittedModel:
    known, as_of = plan.known(history, step)
    return fit_bundle(
        known,
        as_of=as_of,
        version="backtest",
        created_at=as_of or _UNDATED,
        settings=settings,
    )


def _share(model: FittedModel, plan: ReplayPlan) -> float:
    if plan.horizon_days is None:
        return 1.0
    return float(model.maturity.curve.share_by(plan.horizon_days))


def _ask(model: FittedModel, history: History, rows: Codes) -> Floats:
    bundle = model.bundle
    leads = bundle.encoder.encode(take_columns(history.columns, rows), n_leads=len(rows))
    found = bundle.predictor.predict(leads, explain=False)
    return np.asarray(found.p[:, _CONVERSION], dtype=np.float64)


def _ask_baselines(model: FittedModel, history: History, rows: Codes) -> dict[str, Floats]:
    """Fit the baselines on what the model was fitted on, and ask them about later leads."""
    known, labels = model.history, model.labels
    (seen,) = np.nonzero(labels.is_usable & model.maturity.is_covered)
    encoder = model.bundle.encoder
    train = encoder.encode(take_columns(feature_columns(known), seen), n_leads=len(seen))
    test = encoder.encode(take_columns(history.columns, rows), n_leads=len(rows))
    return predict_baselines(train, labels.is_won[seen], test, names=BASELINES)
