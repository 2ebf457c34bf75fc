"""How good a model made from this history would have been, beside what else one could use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.learning.baselines import BASE_RATE, LIGHTGBM, predict_baselines
from leadqual.learning.champion import known_until_days, why_not_compared
from leadqual.learning.curves import draw_gain, measure_slices
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.metrics import Interval, Outcome, compare, reliability, tally
from leadqual.learning.preparing import feature_columns, require_enough, take_columns
from leadqual.learning.protocol import MIN_TEST_WINS, Protocol, plan_protocol
from leadqual.learning.report import CHAMPION, OURS, RULES, EvaluationReport, Judged
from leadqual.learning.settings import FitSettings, Learners
from leadqual.learning.split import Fold
from leadqual.outcomes.history import Columns, History
from leadqual.outcomes.labels import Labels, label_history
from leadqual.outcomes.maturity import read_maturity
from leadqual.outcomes.progress import Check
from leadqual.outcomes.timeline import to_moment
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.predict import Predictions
from leadqual.qualify.reference import CONVERSION, TARGETS
from leadqual.qualify.rules import rules_bundle
from leadqual.qualify.score import Head

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

STRICT: Final = "LightGBM on strict labels"
N_RESAMPLES: Final = 300
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONVERSION: Final = TARGETS.index(CONVERSION)


@dataclass
class _Answers:
    """Predictions per predictor for all leads of the history, NaN where not judged."""

    n_leads: int
    value_usd: Floats
    tables: dict[str, dict[str, Floats]] = field(default_factory=dict)

    def put(self, target: str, rows: Codes, found: Mapping[str, Floats]) -> None:
        """Fill in what some predictors say of some leads."""
        table = self.tables.setdefault(target, {})
        for name, p in found.items():
            table.setdefault(name, np.full(self.n_leads, np.nan))[rows] = p


def evaluate(
    history: History,
    *,
    as_of: datetime | None,
    settings: FitSettings | None = None,
    champion: ModelBundle | None = None,
    n_resamples: int = N_RESAMPLES,
    learners_of_folds: Sequence[Learners] = (),
) -> EvaluationReport:
    """Fit on the older part of a history and judge on the newest leads that are old enough.

    The judged leads are used for nothing else. Every baseline is fitted on the same rows and
    columns; all are measured on the same resamples.

    Parameters
    ----------
    history : History
        Leads in time order and their events.
    as_of : datetime or None
        Aware; nothing recorded later is read.
    settings : FitSettings, optional
        As for `fit_bundle`.
    champion : ModelBundle, optional
        The model that serves; compared on leads that came after its training. Where too few of
        them are old enough it is not compared, and `champion_remark` says so with the numbers.
    n_resamples : int
        Bootstrap resamples behind each interval.
    learners_of_folds : sequence of Learners
        One for each fold of the protocol, where each was tuned within its own training rows;
        empty for `settings.learners` in all of them.

    Raises
    ------
    NotEnoughDataError
        With the numbers, when there is too little to fit or to judge.
    """
    settings = settings or FitSettings()
    labels = label_history(history, as_of=as_of, check_order=settings.check_order)
    maturity = read_maturity(labels)
    require_enough(labels, maturity)
    protocol = plan_protocol(
        history,
        labels,
        maturity,
        seed=settings.seed,
        not_before_days=known_until_days(champion),
    )
    answers = _Answers(history.n_leads, np.full(history.n_leads, np.nan))
    rows = np.sort(np.concatenate([fold.test for fold in protocol.folds]))
    remark = None
    others = {RULES: rules_bundle()}
    if champion is not None:
        remark = why_not_compared(
            champion, protocol, history=history, labels=labels, maturity=maturity
        )
        others |= {CHAMPION: champion} if remark is None else {}
    fitting = _Fitting(history, others, horizon_days=protocol.horizon_days, settings=settings)
    used = learners_of_folds or (settings.learners,) * len(protocol.folds)
    with threadpool_limits(limits=1):  # the baselines too, see fit_bundle
        models = [
            _judge_fold(answers, fitting.using(learners), fold, known_at=known_at)
            for learners, fold, known_at in zip(used, protocol.folds, protocol.as_of, strict=True)
        ]
    judging = _Judging(history, labels, protocol, rows, n_resamples, settings.seed)
    report = _report(judging, answers, models[-1])
    version = None if champion is None else champion.version
    return replace(report, champion=version, champion_remark=remark)


def _ask(bundle: ModelBundle, history: History, rows: Codes) -> Predictions:
    columns = take_columns(history.columns, rows)
    leads = bundle.encoder.encode(columns, n_leads=len(rows))
    return bundle.predictor.predict(leads, explain=False)


@dataclass(frozen=True)
class _Fitting:
    """What every fold is fitted with, and the bundles that are asked beside its model."""

    history: History
    others: Mapping[str, ModelBundle]
    horizon_days: float | None
    settings: FitSettings

    def using(self, learners: Learners) -> _Fitting:
        return replace(self, settings=replace(self.settings, learners=learners))


def _judge_fold(
    answers: _Answers, fitting: _Fitting, fold: Fold, *, known_at: datetime | None
) -> FittedModel:
    """Fit on one fold's training rows and fill in all answers for its test rows.

    Every bundle says whether a lead is ever won, the judged question is whether it was won
    within the horizon. All are brought to it by the same share of wins, so that whom it
    flatters is not decided by who is being judged. The other baselines are fitted on the wins
    seen so far and never claimed more.
    """
    history, horizon = fitting.history, fitting.horizon_days
    model = fit_bundle(
        history.take(fold.train),
        as_of=known_at,
        version="evaluation",
        created_at=known_at or _EPOCH,
        settings=fitting.settings,
    )
    share = 1.0 if horizon is None else float(model.maturity.curve.share_by(horizon))
    found = _ask(model.bundle, history, fold.test)
    p = found.p[:, _CONVERSION] * share
    answers.value_usd[fold.test] = p * found.amount_usd
    others = {
        name: _ask(bundle, history, fold.test).p[:, _CONVERSION] * share
        for name, bundle in fitting.others.items()
    }
    baselines = _Baselines.of(model, history, fold)
    fitted = baselines.of_conversion(model.labels)
    answers.put(CONVERSION, fold.test, {OURS: p, **fitted, **others})
    for head in model.bundle.heads:
        ours = found.p[:, TARGETS.index(head.value)]
        strict = baselines.of_head(model.labels, Check(head.value))
        answers.put(head.value, fold.test, {OURS: ours, **strict})
    return model


@dataclass(frozen=True)
class _Baselines:
    """The encoded rows that every baseline of one fold reads."""

    encoder: Encoder
    columns: Columns
    rows: Codes
    test: EncodedLeads

    @classmethod
    def of(cls, model: FittedModel, history: History, fold: Fold) -> _Baselines:
        encoder = model.bundle.encoder
        (rows,) = np.nonzero(model.labels.is_usable & model.maturity.is_covered)
        test = encoder.encode(take_columns(history.columns, fold.test), n_leads=len(fold.test))
        return cls(encoder, feature_columns(model.history), rows, test)

    def of_conversion(self, labels: Labels) -> dict[str, Floats]:
        train = self._encode(self.rows)
        return predict_baselines(train, labels.is_won[self.rows], self.test)

    def of_head(self, labels: Labels, check: Check) -> dict[str, Floats]:
        """Return the base rate, and LightGBM on wins against the reason itself."""
        values = labels.heads[check].values
        (implied,) = np.nonzero(~np.isnan(values))
        (strict,) = np.nonzero(labels.is_won | (values == 0))
        passed = labels.is_won[strict]
        rate = predict_baselines(
            self._encode(implied), values[implied] == 1, self.test, names=(BASE_RATE,)
        )
        trees = predict_baselines(self._encode(strict), passed, self.test, names=(LIGHTGBM,))
        return {**rate, STRICT: trees[LIGHTGBM]}

    def _encode(self, rows: Codes) -> EncodedLeads:
        return self.encoder.encode(take_columns(self.columns, rows), n_leads=len(rows))


@dataclass(frozen=True)
class _Judging:
    """The judged leads, and how they are resampled."""

    history: History
    labels: Labels
    protocol: Protocol
    rows: Codes
    n_resamples: int
    seed: int

    def outcome(self, answer: Floats, rows: Codes) -> Outcome:
        """Return what came true of some leads, with their amounts."""
        value = np.where(answer == 1, np.nan_to_num(self.labels.amount_usd[rows]), 0.0)
        if (value > 0).sum() < MIN_TEST_WINS:
            value = np.zeros(len(rows))  # a share of two or three amounts would say nothing
        _, group = np.unique(self.protocol.group[rows], return_inverse=True)
        return Outcome(won=answer, value=value, group=group)

    def won(self) -> Outcome:
        """Return which judged leads were won within the horizon."""
        won = self.labels.is_won[self.rows]
        if self.protocol.horizon_days is not None:
            won &= self.labels.delay_days[self.rows] <= self.protocol.horizon_days
        return self.outcome(won.astype(np.float64), self.rows)

    def judge(self, predictions: Mapping[str, Floats], outcome: Outcome) -> Judged:
        """Measure predictors, each of shape (n,), on one outcome."""
        comparison = compare(
            predictions,
            outcome,
            reference=OURS,
            rng=np.random.default_rng(self.seed),
            n_resamples=self.n_resamples,
        )
        return Judged(
            n_leads=len(outcome.won),
            n_yes=int(outcome.won.sum()),
            comparison=comparison,
            reliability=tuple(reliability(tally(predictions[OURS], outcome))),
        )


def _report(judging: _Judging, answers: _Answers, model: FittedModel) -> EvaluationReport:
    rows, outcome = judging.rows, judging.won()
    predictions = {name: found[rows] for name, found in answers.tables[CONVERSION].items()}
    p, value = predictions[OURS], answers.value_usd[rows]
    heads, not_judged = _judge_heads(judging, answers, model)
    known_until = to_moment(judging.labels.as_of_days)
    return EvaluationReport(
        source=judging.history.source,
        known_until=None if known_until is None else known_until.isoformat(),
        protocol=judging.protocol.text,
        horizon_days=judging.protocol.horizon_days,
        n_train=int(model.labels.is_usable.sum()),
        n_train_won=int(model.labels.is_won.sum()),
        conversion=judging.judge(predictions, outcome),
        revenue_by_value=_revenue_by_value(judging, value, outcome),
        gain=draw_gain(p, value, outcome),
        slices=measure_slices(take_columns(judging.history.columns, rows), p, outcome),
        heads=heads,
        heads_not_judged=not_judged,
        coverage=judging.labels.counts(),
        learned=model.bundle.summary,
        notes=model.notes,
    )


def _revenue_by_value(judging: _Judging, value_usd: Floats, outcome: Outcome) -> Interval:
    """Share of revenue in the top fifth by expected value, which is no probability."""
    if not outcome.value.sum() > 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    ranked = value_usd / max(float(value_usd.max()), 1e-12)
    return judging.judge({OURS: ranked}, outcome).ours["revenue_20"]


def _judge_heads(
    judging: _Judging, answers: _Answers, model: FittedModel
) -> tuple[dict[Head, Judged], dict[Head, str]]:
    """Judge each head on what the events of the judged leads imply."""
    heads: dict[Head, Judged] = {}
    not_judged = dict(model.not_learnable)
    for head in Head:
        predictions = answers.tables.get(head.value)
        if predictions is None:
            continue
        implied = judging.labels.heads[Check(head.value)].values
        rows = judging.rows[~np.isnan(implied[judging.rows])]
        n_yes = int(implied[rows].sum())
        if min(n_yes, len(rows) - n_yes) < MIN_TEST_WINS:
            not_judged[head] = (
                f"learned, but only {n_yes} judged leads are known to pass and "
                f"{len(rows) - n_yes} to fail; {MIN_TEST_WINS} of each are needed"
            )
            continue
        known = {name: p[rows] for name, p in predictions.items()}
        heads[head] = judging.judge(known, judging.outcome(implied[rows], rows))
    return heads, not_judged
