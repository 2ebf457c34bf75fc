"""Prequential backtest: score the arrivals of a step, reveal what was recorded, retrain, go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.learners.baselines import ODOO
from leadqual.learning.learners.odoo import code_leads, follow_outcomes, replay_odoo
from leadqual.learning.preparing import TrainingSet
from leadqual.learning.replay.clock import Cadence, ReplayPlan
from leadqual.learning.replay.metrics import compare_pooled, join_steps, measure_steps
from leadqual.learning.replay.plan import plan_backtest
from leadqual.learning.replay.result import Backtest, StepResult
from leadqual.learning.replay.steps import (
    BASELINES,
    FROZEN,
    RECENCY,
    RETRAINED,
    StepScores,
)
from leadqual.learning.replay.work import score_steps
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.history import History

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

PREDICTORS: Final = (FROZEN, RETRAINED, RECENCY, *BASELINES, ODOO)
N_RESAMPLES: Final = 300


class StepKeeper(Protocol):
    """Keeps finished steps, so that a backtest that was broken off can go on."""

    def load(self, step: int) -> StepScores | None:
        """Return the kept scores of a step; None where there are none to be trusted."""

    def save(self, scores: StepScores) -> None:
        """Keep the scores of a step, whole or not at all."""


@dataclass(frozen=True)
class ReplayOptions:
    """How a backtest is run; none of it changes a figure but `n_resamples`.

    Parameters
    ----------
    jobs : int
        Processes that work at once, at least 1; each holds the history once more.
    keeper : StepKeeper, optional
        Where finished steps are kept; None keeps nothing.
    on_progress : callable
        Told how many steps are done, and of how many.
    n_resamples : int
        Bootstrap resamples behind the intervals of the pooled figures.
    """

    jobs: int = 1
    keeper: StepKeeper | None = None
    on_progress: Progress = lambda _done, _total: None
    n_resamples: int = N_RESAMPLES


def backtest(
    history: History,
    cadence: Cadence | None = None,
    *,
    settings: FitSettings | None = None,
    options: ReplayOptions | None = None,
) -> Backtest:
    """Replay a history: at each step score the arrivals with what was known when it began.

    The first model kept as it was stands beside the model retrained at each step, logistic
    regression and LightGBM fitted anew at each step, and a naive Bayes as in Odoo whose counts
    follow every single outcome.

    Parameters
    ----------
    history : History
        Leads in time order, or in an order only, and their events.
    cadence : Cadence, optional
        Length of a step and start of the first one.
    settings : FitSettings, optional
        As for `fit_bundle`.
    options : ReplayOptions, optional
        Processes, progress, and where finished steps are kept.

    Raises
    ------
    InputError, NotEnoughDataError
        As `plan_backtest`.
    TrainingError
        A process was killed; what was finished is kept.
    """
    settings, options = settings or FitSettings(), options or ReplayOptions()
    history, plan, first = plan_backtest(history, cadence or Cadence(), settings)
    steps = _score_all(history, plan, settings=settings, options=options)
    scores, p = _assemble(plan, steps)
    scores[ODOO] = p[ODOO] = _odoo(history, plan, first)
    (judged,) = np.nonzero(plan.judged)
    won = plan.won.astype(np.float64)
    results = _judge_steps(plan, steps, p=p, won=won)
    return Backtest(
        protocol=_describe(plan, len(judged)),
        horizon_days=plan.horizon_days,
        marks=plan.marks,
        steps=results,
        curve=join_steps(p, results, won),
        pooled=compare_pooled(
            p,
            won,
            [step.rows for step in results],
            reference=RETRAINED,
            rng=np.random.default_rng(settings.seed),
            n_resamples=options.n_resamples,
        ),
        scores=scores,
        judged=judged,
        won=won[judged],
    )


def _score_all(
    history: History, plan: ReplayPlan, *, settings: FitSettings, options: ReplayOptions
) -> list[StepScores]:
    """Take finished steps from the keeper and do the others."""
    keeper = options.keeper
    found: dict[int, StepScores] = {}
    for step in range(plan.n_steps if keeper else 0):
        kept = keeper.load(step) if keeper else None
        if kept is not None and kept.step == step and kept.fits(plan):
            found[step] = kept
    options.on_progress(len(found), plan.n_steps)
    missing = [step for step in range(plan.n_steps) if step not in found]
    for scores in score_steps(history, plan, missing, settings=settings, jobs=options.jobs):
        if keeper:
            keeper.save(scores)
        found[scores.step] = scores
        options.on_progress(len(found), plan.n_steps)
    return [found[step] for step in range(plan.n_steps)]


def _assemble(
    plan: ReplayPlan, steps: Sequence[StepScores]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return what was said of each lead, and the same brought to the judged question."""
    n_leads = len(plan.clock)
    scores = {name: np.full(n_leads, np.nan) for name in PREDICTORS}
    p = {name: np.full(n_leads, np.nan) for name in PREDICTORS}
    for step in steps:
        for name, said in step.scores.items():
            is_frozen = name == FROZEN
            rows = plan.arrivals_since(0) if is_frozen else plan.arrivals(step.step)
            scores[name][rows] = said
            p[name][rows] = said * step.shares[name]
    return scores, p


def _odoo(history: History, plan: ReplayPlan, first: TrainingSet) -> Floats:
    """Score every arrival with the counts of all outcomes recorded before it came."""
    start = first.maturity.recording_start_days
    counted = np.ones(len(plan.clock), dtype=bool) if start is None else plan.clock >= start
    asked = np.zeros(len(plan.clock), dtype=bool)
    asked[plan.arrivals_since(0)] = True
    (known,) = np.nonzero(counted & (plan.clock < plan.starts[0] - plan.lag))
    codes, n_values = code_leads(
        first.encoder, history.columns, n_leads=history.n_leads, known=known
    )
    changes = follow_outcomes(history, clock=plan.clock, lag=plan.lag)
    return replay_odoo(
        codes, n_values, clock=plan.clock, changes=changes, counted=counted, asked=asked
    )


def _judge_steps(
    plan: ReplayPlan, steps: Sequence[StepScores], *, p: Mapping[str, Floats], won: Floats
) -> tuple[StepResult, ...]:
    arrivals = [plan.arrivals(step) for step in range(plan.n_steps)]
    judged = [rows[plan.judged[rows]] for rows in arrivals]
    return tuple(
        StepResult(
            name=plan.name(step.step),
            n_arrivals=len(came),
            rows=rows,
            n_won=int(won[rows].sum()),
            is_retrained=step.is_retrained,
            metrics=metrics,
        )
        for step, came, rows, metrics in zip(
            steps, arrivals, judged, measure_steps(p, judged, won), strict=True
        )
    )


def _describe(plan: ReplayPlan, n_judged: int) -> str:
    unit = "days" if plan.is_dated else "leads"
    known = "what was recorded before it"
    if plan.lag:
        known = f"the outcomes of leads that came {plan.lag:.0f} leads before it or earlier"
    elif not plan.is_dated:
        known = "the outcomes of all leads before it"
    told = (
        f"Replayed from {plan.name(0)} in {plan.n_steps} steps of {plan.every:.0f} {unit}: the "
        f"arrivals of a step are scored with {known}. Everything is fitted anew at each step, the "
        "naive Bayes follows every single outcome, the frozen model stays as it was. Judged on "
    )
    if plan.horizon_days is None:
        return f"{told}the {n_judged} arrivals whose end is known: won or not."
    within = f"{plan.horizon_days:.0f} days"
    return (
        f"{told}the {n_judged} worked arrivals that are at least {within} old: won within "
        f"{within} or not."
    )
