"""What every predictor says of leads that it has not learned from, fold by fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import EncodedLeads
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.judging.influence import MAX_EXPLAINED, Contributions
from leadqual.learning.judging.judged import OURS, UNTUNED
from leadqual.learning.learners.baselines import BASE_RATE, LIGHTGBM, predict_baselines
from leadqual.learning.learners.matrix import build_matrix
from leadqual.learning.preparing import feature_columns, take_columns, take_leads
from leadqual.learning.settings import FitSettings, Learners
from leadqual.learning.split import Fold
from leadqual.outcomes.checks import Check
from leadqual.outcomes.history import Columns, History
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.reference import CONVERSION, TARGETS

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

STRICT: Final = "LightGBM on strict labels"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONVERSION: Final = TARGETS.index(CONVERSION)


@dataclass
class Answers:
    """Predictions per predictor for all leads of the history, NaN where not judged.

    Parameters
    ----------
    n_leads : int
        Of the history.
    value_usd : ndarray of float64, shape (n_leads,)
        Our expected value.
    added : Contributions
        What our features add.
    tables : mapping of str to mapping of str to ndarray of float64, shape (n_leads,)
        Question (conversion, a head, a step of the funnel by `stage_target`), then predictor.
    """

    n_leads: int
    value_usd: Floats
    added: Contributions
    tables: dict[str, dict[str, Floats]] = field(default_factory=dict)

    @classmethod
    def empty(cls, n_leads: int) -> Answers:
        """Return answers to nothing yet."""
        return cls(n_leads, np.full(n_leads, np.nan), Contributions(n_leads))

    def put(self, target: str, rows: Codes, found: Mapping[str, Floats]) -> None:
        """Fill in what some predictors say of some leads."""
        table = self.tables.setdefault(target, {})
        for name, p in found.items():
            table.setdefault(name, np.full(self.n_leads, np.nan))[rows] = p


def stage_target(name: str) -> str:
    """Return the question that one step of the funnel answers."""
    return f"stage.{name}"


@dataclass(frozen=True)
class Fitting:
    """What every fold is fitted with, and the bundles that are asked beside its model.

    `is_tuned` says whether any fold has other learners than the defaults: then these are fitted
    beside them, so that a reader sees what tuning brought on leads that it has not seen.
    """

    history: History
    others: Mapping[str, ModelBundle]
    horizon_days: float | None
    settings: FitSettings
    n_folds: int
    is_tuned: bool

    def using(self, learners: Learners) -> Fitting:
        """Return the same with other numbers of the learners."""
        return replace(self, settings=replace(self.settings, learners=learners))


@dataclass(frozen=True)
class FittedFold:
    """The model of one fold, and the leads that it and every baseline read.

    `rows` are those of `model.history` that may be learned from, `columns` and `train` what
    they hold. `is_worked` marks those that somebody worked, which all judged leads are, and
    `p_worked` is what the model says of them, on the scale of the judged question.
    """

    model: FittedModel
    rows: Codes
    columns: Columns
    train: EncodedLeads
    is_worked: NDArray[np.bool_]
    p_worked: Floats


def answer_fold(
    answers: Answers, fitting: Fitting, fold: Fold, *, known_at: datetime | None
) -> FittedFold:
    """Fit on one fold's training rows and fill in all answers for its test rows.

    Every bundle says whether a lead is ever won, the judged question is whether it was won
    within the horizon. All are brought to it by the same share of wins, so that whom it
    flatters is not decided by who is being judged. The other baselines are fitted on the wins
    seen so far and never claimed more.
    """
    history, horizon = fitting.history, fitting.horizon_days
    model = _fit(fitting, fold, known_at=known_at)
    share = 1.0 if horizon is None else float(model.maturity.curve.share_by(horizon))
    columns = take_columns(history.columns, fold.test)
    others = {
        name: share * _ask(bundle, columns, len(fold.test))
        for name, bundle in fitting.others.items()
    }
    if fitting.is_tuned:
        untuned = _fit(fitting.using(Learners()), fold, known_at=known_at)
        others[UNTUNED] = share * _ask(untuned.bundle, columns, len(fold.test))
    fitted = _read_training(model, share=share)
    test = model.bundle.encoder.encode(columns, n_leads=len(fold.test))
    baselines = predict_baselines(fitted.train, model.labels.is_won[fitted.rows], test)
    found = model.bundle.predictor.predict(test, explain=False)
    p = found.p[:, _CONVERSION] * share
    answers.value_usd[fold.test] = p * found.amount_usd
    answers.put(CONVERSION, fold.test, {OURS: p, **baselines, **others})
    for head in model.bundle.heads:
        ours = found.p[:, TARGETS.index(head.value)]
        strict = _strict_baselines(fitted, test, Check(head.value))
        answers.put(head.value, fold.test, {OURS: ours, **strict})
    _answer_stages(answers, model, fold, test=test)
    _explain(answers, model, fold, test=test, n_wanted=MAX_EXPLAINED // fitting.n_folds)
    return fitted


def _fit(fitting: Fitting, fold: Fold, *, known_at: datetime | None) -> FittedModel:
    return fit_bundle(
        fitting.history.take(fold.train),
        as_of=known_at,
        version="evaluation",
        created_at=known_at or _EPOCH,
        settings=fitting.settings,
    )


def _ask(bundle: ModelBundle, columns: Columns, n_leads: int) -> Floats:
    leads = bundle.encoder.encode(columns, n_leads=n_leads)
    return bundle.predictor.predict(leads, explain=False).p[:, _CONVERSION]


def _read_training(model: FittedModel, *, share: float) -> FittedFold:
    """Encode the training leads once, for every baseline and for what changed since."""
    (rows,) = np.nonzero(model.labels.is_usable & model.maturity.is_covered)
    columns = take_columns(feature_columns(model.history), rows)
    train = model.bundle.encoder.encode(columns, n_leads=len(rows))
    is_worked = model.labels.is_worked[rows]
    worked = take_leads(train, np.flatnonzero(is_worked))
    p = model.bundle.predictor.predict(worked, explain=False).p[:, _CONVERSION] * share
    return FittedFold(model, rows, columns, train, is_worked=is_worked, p_worked=p)


def _strict_baselines(fitted: FittedFold, test: EncodedLeads, check: Check) -> dict[str, Floats]:
    """Return the base rate, and LightGBM on wins against the reason itself."""
    labels = fitted.model.labels
    values, won = labels.heads[check].values[fitted.rows], labels.is_won[fitted.rows]
    (implied,) = np.nonzero(~np.isnan(values))
    (strict,) = np.nonzero(won | (values == 0))
    rate = predict_baselines(
        take_leads(fitted.train, implied), values[implied] == 1, test, names=(BASE_RATE,)
    )
    trees = predict_baselines(
        take_leads(fitted.train, strict), won[strict], test, names=(LIGHTGBM,)
    )
    return {**rate, STRICT: trees[LIGHTGBM]}


def _answer_stages(answers: Answers, model: FittedModel, fold: Fold, *, test: EncodedLeads) -> None:
    """Every step answers for every lead: who came to it is decided when it is judged."""
    if not model.stages:
        return
    Z = build_matrix(model.bundle.encoder, test)
    for stage in model.stages:
        rate = stage.n_passed / max(stage.n_passed + stage.n_stopped, 1)
        p = {OURS: stage.blend.probability(Z), BASE_RATE: np.full(test.n_leads, rate)}
        answers.put(stage_target(stage.name), fold.test, p)


def _explain(
    answers: Answers, model: FittedModel, fold: Fold, *, test: EncodedLeads, n_wanted: int
) -> None:
    """Take contributions of some test leads, evenly spread over them."""
    bundle = model.bundle
    n_taken = min(test.n_leads, max(n_wanted, 1))
    chosen = np.unique(np.linspace(0, test.n_leads - 1, n_taken).round().astype(np.intp))
    added = bundle.predictor.predict(take_leads(test, chosen), explain=True).contributions
    if added is None:
        return
    names = bundle.encoder.feature_names
    for number, target in enumerate(TARGETS):
        if bundle.answers_for(target):
            answers.added.put(target, fold.test[chosen], added[:, number], names=names)
