"""How good a model made from this history would have been, beside what else one could use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from leadqual.learning.champion import known_until_days, why_not_compared
from leadqual.learning.judging.calibration import draw_reliability, error_by_chance
from leadqual.learning.judging.capacity import draw_capacity
from leadqual.learning.judging.copies import note_copies
from leadqual.learning.judging.coverage import measure_coverage, measure_selection
from leadqual.learning.judging.curves import draw_gain
from leadqual.learning.judging.drift import Changes, measure_changes
from leadqual.learning.judging.fold_answers import (
    Answers,
    FittedFold,
    Fitting,
    answer_fold,
    stage_target,
)
from leadqual.learning.judging.influence import Influence, Question, measure_influence
from leadqual.learning.judging.judged import CHAMPION, OURS, RULES, Judged
from leadqual.learning.judging.slices import measure_slices
from leadqual.learning.judging.stage_answers import answer_stage
from leadqual.learning.judging.win_rate import measure_win_rate
from leadqual.learning.metrics import Interval, Outcome, compare, resample
from leadqual.learning.preparing import require_enough, take_columns, take_leads
from leadqual.learning.protocol import MIN_TEST_WINS, Protocol, plan_protocol
from leadqual.learning.report import EvaluationReport
from leadqual.learning.settings import FitSettings, Learners
from leadqual.outcomes.checks import Check
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels, label_history
from leadqual.outcomes.maturity import Maturity, read_maturity
from leadqual.outcomes.timeline import to_moment
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.reference import CONVERSION
from leadqual.qualify.rules import rules_bundle
from leadqual.qualify.score import Head

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Flags = NDArray[np.bool_]

N_RESAMPLES: Final = 300


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
    columns; all are measured on the same resamples. Tuned learners stand beside their defaults.

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
    remark = None
    others = {RULES: rules_bundle()}
    if champion is not None:
        remark = why_not_compared(
            champion, protocol, history=history, labels=labels, maturity=maturity
        )
        others |= {CHAMPION: champion} if remark is None else {}
    used = learners_of_folds or (settings.learners,) * len(protocol.folds)
    fitting = Fitting(
        history,
        others,
        horizon_days=protocol.horizon_days,
        settings=settings,
        n_folds=len(protocol.folds),
        is_tuned=any(learners != Learners() for learners in used),
    )
    answers = Answers.empty(history.n_leads)
    with threadpool_limits(limits=1):  # the baselines too, see fit_bundle
        folds = [
            answer_fold(answers, fitting.using(learners), fold, known_at=known_at)
            for learners, fold, known_at in zip(used, protocol.folds, protocol.as_of, strict=True)
        ]
    judging = _Judging(history, labels, maturity, protocol, n_resamples, seed=settings.seed)
    report = _report(judging, answers, folds[-1])
    version = None if champion is None else champion.version
    return replace(report, champion=version, champion_remark=remark)


@dataclass(frozen=True)
class _Judging:
    """The judged leads, and how they are resampled."""

    history: History
    labels: Labels
    maturity: Maturity
    protocol: Protocol
    n_resamples: int
    seed: int

    @cached_property
    def rows(self) -> Codes:
        """Return the judged leads of all folds, ascending."""
        return np.sort(np.concatenate([fold.test for fold in self.protocol.folds]))

    @cached_property
    def won(self) -> Outcome:
        """Return which judged leads were won within the horizon."""
        won = self.labels.is_won[self.rows]
        if self.protocol.horizon_days is not None:
            won &= self.labels.delay_days[self.rows] <= self.protocol.horizon_days
        return self.outcome(won.astype(np.float64), self.rows)

    @cached_property
    def draws(self) -> list[Floats]:
        """Return how often each judged lead is drawn, once per resample."""
        rng = np.random.default_rng(self.seed)
        return resample(self.won.group, rng, self.n_resamples)

    def note_copies(self) -> tuple[str, ...]:
        """Say whether judged leads are copies of fitted ones; groups are never parted."""
        if not self.history.is_ordered:
            return ()
        return note_copies(self.history, self.labels, self.protocol.folds[-1])

    def outcome(self, answer: Floats, rows: Codes, weights: Floats | None = None) -> Outcome:
        """Return what came true of some leads, with their amounts."""
        value = np.where(answer == 1, np.nan_to_num(self.labels.amount_usd[rows]), 0.0)
        if (value > 0).sum() < MIN_TEST_WINS:
            value = np.zeros(len(rows))  # a share of two or three amounts would say nothing
        _, group = np.unique(self.protocol.group[rows], return_inverse=True)
        return Outcome(won=answer, value=value, group=group, weight=weights)

    def judge(self, predictions: Mapping[str, Floats], outcome: Outcome) -> Judged:
        """Measure predictors, each of shape (n,), on one outcome."""
        comparison = compare(
            predictions,
            outcome,
            reference=OURS,
            rng=np.random.default_rng(self.seed),
            n_resamples=self.n_resamples,
        )
        bins = draw_reliability(predictions[OURS], outcome)
        return Judged(
            n_leads=len(outcome.won),
            n_yes=int(outcome.won.sum()),
            comparison=comparison,
            reliability=bins,
            ece_by_chance=error_by_chance(bins, n_effective=outcome.n_effective),
        )


def _report(judging: _Judging, answers: Answers, last: FittedFold) -> EvaluationReport:
    rows, outcome, labels = judging.rows, judging.won, judging.labels
    columns = take_columns(judging.history.columns, rows)
    predictions = {name: found[rows] for name, found in answers.tables[CONVERSION].items()}
    p, value = predictions[OURS], answers.value_usd[rows]
    heads, heads_not_judged = _judge_heads(judging, answers, last)
    stages, stages_not_judged = _judge_stages(judging, answers)
    known_until = to_moment(labels.as_of_days)
    explored = judging.history.explored
    if explored is not None:
        explored = explored[rows] if explored[rows].any() else None
    return EvaluationReport(
        source=judging.history.source,
        known_until=None if known_until is None else known_until.isoformat(),
        protocol=judging.protocol.text,
        horizon_days=judging.protocol.horizon_days,
        n_train=int(last.model.labels.is_usable.sum()),
        n_train_won=int(last.model.labels.is_won.sum()),
        conversion=judging.judge(predictions, outcome),
        revenue_by_value=_revenue_by_value(judging, value, outcome),
        gain=draw_gain(p, value, outcome, draws=judging.draws),
        capacity=draw_capacity(p, labels.moment_days[rows], outcome, draws=judging.draws),
        slices=measure_slices(columns, p, outcome, explored=explored),
        heads=heads,
        heads_not_judged=heads_not_judged,
        stages=stages,
        stages_not_judged=stages_not_judged,
        influence=_influence(judging, answers, last),
        changes=_changes(judging, last, p),
        coverage=measure_coverage(labels, judging.maturity),
        selection=measure_selection(judging.history, labels, rows),
        learned=last.model.bundle.summary,
        notes=(*last.model.notes, *judging.note_copies()),
    )


def _revenue_by_value(judging: _Judging, value_usd: Floats, outcome: Outcome) -> Interval:
    """Share of revenue in the top fifth by expected value, which is no probability."""
    if not outcome.value.sum() > 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    ranked = value_usd / max(float(value_usd.max()), 1e-12)
    return judging.judge({OURS: ranked}, outcome).ours["revenue_20"]


def _judge_heads(
    judging: _Judging, answers: Answers, last: FittedFold
) -> tuple[dict[Head, Judged], dict[Head, str]]:
    """Judge each head on what the events of the judged leads imply."""
    heads: dict[Head, Judged] = {}
    not_judged = dict(last.model.not_learnable)
    for head in Head:
        predictions = answers.tables.get(head.value)
        if predictions is None:
            continue
        implied = judging.labels.heads[Check(head.value)].values
        rows = judging.rows[~np.isnan(implied[judging.rows])]
        why = _too_few("learned", implied[rows], "judged leads are known")
        if why:
            not_judged[head] = why
            continue
        known = {name: p[rows] for name, p in predictions.items()}
        heads[head] = judging.judge(known, judging.outcome(implied[rows], rows))
    return heads, not_judged


def _judge_stages(judging: _Judging, answers: Answers) -> tuple[dict[str, Judged], dict[str, str]]:
    """Judge each step of the funnel on the judged leads that came to it."""
    stages: dict[str, Judged] = {}
    not_judged: dict[str, str] = {}
    for stage in judging.labels.stages:
        predictions = answers.tables.get(stage_target(stage.name))
        if predictions is None:
            continue
        found = answer_stage(stage, judging.rows)
        why = _too_few("learned", found.passed, "judged leads that came to it are known")
        if why:
            not_judged[stage.name] = f"{why} ({found.text})"
            continue
        known = {name: p[found.rows] for name, p in predictions.items()}
        outcome = judging.outcome(found.passed, found.rows, found.weights)
        stages[stage.name] = replace(judging.judge(known, outcome), remark=found.text)
    return stages, not_judged


def _too_few(what: str, answers: Floats, who: str) -> str:
    """Say that too few passed or failed to judge by; empty when there are enough."""
    n_yes = int(answers.sum())
    if min(n_yes, len(answers) - n_yes) >= MIN_TEST_WINS:
        return ""
    return (
        f"{what}, but only {n_yes} {who} to pass and {len(answers) - n_yes} to fail; "
        f"{MIN_TEST_WINS} of each are needed"
    )


def _influence(
    judging: _Judging, answers: Answers, last: FittedFold
) -> dict[str, tuple[Influence, ...]]:
    """Return the features that move conversion and each head, with what was observed."""
    encoder, rows = last.model.bundle.encoder, judging.rows
    columns = take_columns(judging.history.columns, rows)
    leads = encoder.encode(columns, n_leads=len(rows))
    found = {}
    for target, table in answers.added.by_target.items():
        missing = np.full(answers.n_leads, np.nan)
        answer = _answer_to(judging, target)
        known = ~np.isnan(answer)
        question = Question(
            added={name: table.get(name, missing)[rows] for name in encoder.feature_names},
            p=answers.tables[target][OURS][rows],
            outcome=judging.outcome(answer[known], rows[known]),
            is_known=known,
        )
        found[target] = measure_influence(encoder, leads, question)
    return found


def _answer_to(judging: _Judging, target: str) -> Floats:
    """Return what is known of each judged lead: 1, 0 or NaN."""
    if target == CONVERSION:
        return judging.won.won
    return judging.labels.heads[Check(target)].values[judging.rows]


def _changes(judging: _Judging, last: FittedFold, p: Floats) -> Changes | None:
    """Say what changed since training; None where the judged leads are no later ones.

    Judged leads were worked, so they are compared with worked ones: who is chosen is no drift.
    """
    if not judging.history.is_ordered:
        return None
    encoder = last.model.bundle.encoder
    (worked,) = np.nonzero(last.is_worked)
    columns = take_columns(judging.history.columns, judging.rows)
    return measure_changes(
        encoder,
        take_leads(last.train, worked),
        encoder.encode(columns, n_leads=len(judging.rows)),
        columns=(take_columns(last.columns, worked), columns),
        p=(last.p_worked, p),
        win_rate=measure_win_rate(
            judging.labels, judging.maturity, judging.protocol, judged=judging.rows
        ),
    )
