"""One simulated split: everything fitted, and judged against the truth."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.learning.rivals import Effort, Sample, predict_all
from benchmarks.learning.scenarios import Split, make_split
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.learners.baselines import LIGHTGBM, predict_baselines
from leadqual.learning.learners.blend import Recipe, fit_blend
from leadqual.learning.metrics import Outcome, measure
from leadqual.learning.split import forward_folds
from leadqual.outcomes.checks import Check
from leadqual.qualify.score import Head
from leadqual.simulation.parameters import FunnelParameters

Floats = NDArray[np.float64]
Row = dict[str, float]

OURS: Final = "leadqual"
BY_VALUE: Final = "leadqual by value"
FULL: Final = "full information"
ORACLE: Final = "oracle"
STRICT: Final = "LightGBM, strict labels"
CEILING: Final = Recipe(uses_trees=True)


@dataclass(frozen=True)
class SeedResult:
    """What one seed of one scenario gave.

    Parameters
    ----------
    scenario : str
        Its name.
    seed : int
        Of the simulator.
    conversion : dict of str to dict of str to float
        Predictor to its metrics against the true probability.
    heads : dict of (str, str) to dict of str to float
        Head and predictor to its metrics against the true probability of that head.
    seconds : float
        How long our fit took.
    """

    scenario: str
    seed: int
    conversion: dict[str, Row]
    heads: dict[tuple[str, str], Row]
    seconds: float


def judge_seed(
    scenario: str, parameters: FunnelParameters, *, seed: int, effort: Effort
) -> SeedResult:
    """Simulate one seed of a scenario, fit everything on it and judge against the truth.

    Parameters
    ----------
    scenario : str
        For the result.
    parameters : FunnelParameters
        Its seed is replaced.
    seed : int
        Of the simulator.
    effort : Effort
        How much the rivals may cost.
    """
    split = make_split(replace(parameters, seed=seed))
    started = time.perf_counter()
    model = fit_bundle(split.train, as_of=split.as_of, version="bench", created_at=split.as_of)
    seconds = time.perf_counter() - started
    test = Sample.of(model.bundle.encoder, split.test.columns, split.test.n_leads)
    found = model.bundle.predictor.predict(test.encoded, explain=False)
    p = found.p[:, -1]
    value = p * found.amount_usd
    conversion = {
        OURS: p,
        BY_VALUE: value / value.max(),
        **_conversion_baselines(model, split, test, effort=effort),
        FULL: _with_full_information(model, split, "converts_if_worked"),
        ORACLE: split.truth_test["p_conversion"],
    }
    true_p = split.truth_test["p_conversion"]
    outcome = Outcome.of(true_p, true_p * split.truth_test["expected_amount_usd"])
    rows = {name: measure(predicted, outcome) for name, predicted in conversion.items()}
    rows[BY_VALUE] = {"revenue_20": rows[BY_VALUE]["revenue_20"]}
    heads = _judge_heads(model, split, test, p=found.p)
    return SeedResult(scenario, seed, rows, heads, seconds)


def _conversion_baselines(
    model: FittedModel, split: Split, test: Sample, *, effort: Effort
) -> dict[str, Floats]:
    (rows,) = np.nonzero(model.labels.is_usable)
    train = Sample.of(model.bundle.encoder, split.train.columns, split.train.n_leads).take(rows)
    won = model.labels.is_won[rows]
    return predict_all(train, won, test, folds=forward_folds(len(rows)), effort=effort)


def _with_full_information(model: FittedModel, split: Split, answer: str) -> Floats:
    """Predict by the same learners, had every lead been worked and every answer been known."""
    encoder = model.bundle.encoder
    (rows,) = np.nonzero(split.truth_train["is_genuine"])
    Z = encoder.transform(split.train.columns, n_leads=split.train.n_leads)[rows]
    y = split.truth_train[answer][rows]
    blend = fit_blend(Z, y, weights=np.ones(len(y)), recipe=CEILING, seed=0)
    return expit(blend.logit(encoder.transform(split.test.columns, n_leads=split.test.n_leads)))


def _judge_heads(
    model: FittedModel, split: Split, test: Sample, *, p: Floats
) -> dict[tuple[str, str], Row]:
    """Judge each head beside LightGBM on wins against the reason itself, and the ceiling."""
    rows: dict[tuple[str, str], Row] = {}
    everything = Sample.of(model.bundle.encoder, split.train.columns, split.train.n_leads)
    for column, head in enumerate(Head):
        outcome = Outcome.of(split.truth_test[f"p_{head.value}"])
        values = model.labels.heads[Check(head.value)].values
        (strict,) = np.nonzero(model.labels.is_won | (values == 0))
        train, passed = everything.take(strict).encoded, model.labels.is_won[strict]
        naive = predict_baselines(train, passed, test.encoded, names=(LIGHTGBM,))[LIGHTGBM]
        answers = {STRICT: naive, FULL: _with_full_information(model, split, head.value)}
        if head in model.bundle.heads:
            answers = {OURS: p[:, column], **answers}
        for name, predicted in answers.items():
            rows[head.value, name] = measure(predicted, outcome)
    return rows
