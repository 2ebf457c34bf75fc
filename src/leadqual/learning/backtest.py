"""Prequential backtest: score the arrivals of a step, reveal what was recorded, retrain, go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from leadqual.errors import InputError, NotEnoughDataError
from leadqual.features.encoder import Encoder
from leadqual.learning.baselines import LOGISTIC, ODOO, predict_baselines
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.metrics import METRICS, Comparison, Interval, Outcome, compare, tally
from leadqual.learning.preparing import feature_columns, take_columns
from leadqual.learning.protocol import HORIZON_SHARE, HORIZONS_DAYS, MIN_TEST_WINS
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels, label_history
from leadqual.outcomes.maturity import read_maturity
from leadqual.outcomes.timeline import moments_to_days, to_days, to_moment
from leadqual.qualify.reference import CONVERSION, TARGETS

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Progress = Callable[[str], None]

FROZEN: Final = "leadqual, frozen"
RETRAINED: Final = "leadqual, retrained"
PREDICTORS: Final = (FROZEN, RETRAINED, LOGISTIC, ODOO)
SHOWN: Final = ("auc", "lift_10", "ece", "observed_expected")
MAX_FITS: Final = 24
"""With more steps than this, leadqual is retrained at every k-th of them."""

N_RESAMPLES: Final = 300
_FIRST_SHARE: Final = 1 / 3
_CONVERSION: Final = TARGETS.index(CONVERSION)


@dataclass(frozen=True)
class StepResult:
    """What one step of a backtest found.

    Parameters
    ----------
    start : datetime
        Aware UTC; nothing recorded later was used to score the arrivals of this step.
    n_arrivals, n_judged, n_won : int
        Leads that came in the step, those of them whose end can be judged, and their wins.
    is_retrained : bool
        False where the model of an earlier step answered.
    metrics : mapping of predictor to metric to float
        Metrics of `SHOWN` over the judged arrivals, NaN where not defined; empty without any.
    """

    start: datetime
    n_arrivals: int
    n_judged: int
    n_won: int
    is_retrained: bool
    metrics: Mapping[str, Mapping[str, float]]

    def as_dict(self) -> dict[str, object]:
        """Return JSON values; None for NaN."""
        return {
            "start": self.start.isoformat(),
            "n_arrivals": self.n_arrivals,
            "n_judged": self.n_judged,
            "n_won": self.n_won,
            "is_retrained": self.is_retrained,
            "metrics": {
                name: {metric: x if np.isfinite(x) else None for metric, x in found.items()}
                for name, found in self.metrics.items()
            },
        }


@dataclass(frozen=True)
class Backtest:
    """A replayed history.

    Parameters
    ----------
    protocol : str
        What was done, in plain words.
    horizon_days : float
        A judged lead counts as won when it was won within so many days.
    steps : tuple of StepResult
        In time order.
    pooled : Comparison
        Over all judged arrivals; differences are the retrained model minus each other.
    scores : mapping of predictor to ndarray of float64, shape (n_leads,)
        Probability as it was said on arrival, in [0, 1]: leadqual that a lead is ever won, the
        others won by now; NaN for leads outside the replay.
    judged, won : ndarray of intp, shape (n_judged,); ndarray of float64, same shape
        Rows that were judged, and 1 or 0 for each.
    """

    protocol: str
    horizon_days: float
    steps: tuple[StepResult, ...]
    pooled: Comparison
    scores: Mapping[str, Floats]
    judged: Codes
    won: Floats

    def as_dict(self) -> dict[str, object]:
        """Return everything but the scores of single leads, as JSON values."""
        return {
            "protocol": self.protocol,
            "horizon_days": self.horizon_days,
            "n_judged": len(self.judged),
            "n_won": int(self.won.sum()),
            "pooled": _as_dict(self.pooled.metrics),
            "retrained_minus": _as_dict(self.pooled.differences),
            "steps": [step.as_dict() for step in self.steps],
        }


def _as_dict(table: Mapping[str, Mapping[str, Interval]]) -> dict[str, object]:
    return {
        name: {metric: found[metric].as_dict() for metric in SHOWN} for name, found in table.items()
    }


@dataclass(frozen=True)
class _Plan:
    """Which leads are judged, by what, and when the steps begin (days since 1970)."""

    starts: Floats
    every_days: int
    k: int
    horizon_days: float
    judged: NDArray[np.bool_]
    won: NDArray[np.bool_]


@dataclass
class _Replay:
    """What is said on arrival, filled in step by step."""

    scores: dict[str, Floats]
    p: dict[str, Floats]
    is_retrained: list[bool]

    def put(self, name: str, rows: Codes, scores: Floats, *, share: float = 1.0) -> None:
        """Keep a score as it was said, and brought to the judged question."""
        self.scores[name][rows] = scores
        self.p[name][rows] = scores * share


def backtest(
    history: History,
    *,
    every_days: int,
    first: datetime | None = None,
    settings: FitSettings | None = None,
    n_resamples: int = N_RESAMPLES,
    on_step: Progress = lambda _name: None,
) -> Backtest:
    """Replay a dated history: at each step score the arrivals with what was known at its start.

    Four predictors answer: the first model kept as it was, the model retrained, logistic
    regression fitted anew and an Odoo-like naive Bayes brought up to date, the last two at each
    step.

    Parameters
    ----------
    history : History
        Leads in time order and their events. An event without any time, other than a win, is
        taken as recorded at the end: it teaches nothing during the replay.
    every_days : int
        Length of a step, at least 1.
    first : datetime, optional
        Aware start of the first step. Default: the day after which two thirds of the time are
        left, or the first step after it at which enough is known to fit.
    settings : FitSettings, optional
        As for `fit_bundle`.
    n_resamples : int
        Bootstrap resamples behind the intervals of the pooled figures.
    on_step : callable
        Told about each step as it begins.

    Raises
    ------
    InputError
        The leads or the wins of the history have no times, or `first` is outside of it.
    NotEnoughDataError
        With the numbers, when there is too little to fit at `first`, or to judge by.
    """
    if every_days < 1:
        raise ValueError("every_days must be at least 1")
    history = _dated(history)
    settings = settings or FitSettings()
    labels = label_history(history, as_of=None, check_order=settings.check_order)
    starts = _starts(labels, every_days=every_days, first=first)
    with threadpool_limits(limits=1):  # as in fit_bundle
        model, starts = _first_model(history, starts, settings, may_wait=first is None)
        plan = _plan(labels, starts, every_days)
        replay = _replay(history, model, plan, settings=settings, on_step=on_step)
    (judged,) = np.nonzero(plan.judged)
    pooled = compare(
        {name: p[judged] for name, p in replay.p.items()},
        Outcome.of(plan.won[judged].astype(np.float64)),
        reference=RETRAINED,
        rng=np.random.default_rng(settings.seed),
        n_resamples=n_resamples,
    )
    return Backtest(
        protocol=_describe(plan, len(judged)),
        horizon_days=plan.horizon_days,
        steps=tuple(_steps(plan, replay, labels)),
        pooled=pooled,
        scores=replay.scores,
        judged=judged,
        won=plan.won[judged].astype(np.float64),
    )


def _dated(history: History) -> History:
    """Refuse what cannot be replayed, and hide undated events until the end."""
    if not history.has_times or not history.is_ordered:
        raise InputError(
            "this history has no times, so it cannot be replayed; map created_at of the leads and "
            "occurred_at of the outcomes, or judge it with `leadqual evaluate`"
        )
    if not history.n_leads:
        raise NotEnoughDataError("the history has no leads; give one with leads and outcomes")
    undated = [event for event in history.events if _is_undated(event)]
    n_wins = sum(event.type is OutcomeType.WON for event in undated)
    if n_wins:
        raise InputError(
            f"{n_wins} wins of this history have no time, so nobody can say when they were known; "
            "map occurred_at (or recorded_at) of the outcomes, or use `leadqual evaluate`"
        )
    if not undated:
        return history
    end = to_moment(label_history(history, as_of=None).as_of_days)
    events = [
        event.model_copy(update={"recorded_at": end}) if _is_undated(event) else event
        for event in history.events
    ]
    return replace(history, events=events)


def _is_undated(event: OutcomeEvent) -> bool:
    return event.occurred_at is None and event.recorded_at is None


def _starts(labels: Labels, *, every_days: int, first: datetime | None) -> Floats:
    """Return when each step begins, in days since 1970, until the last lead."""
    oldest, newest = float(labels.moment_days.min()), float(labels.moment_days.max())
    begin = np.floor(oldest + _FIRST_SHARE * (newest - oldest)) if first is None else to_days(first)
    if first is not None and not oldest < begin <= newest:
        raise InputError(
            "--first must lie within the history, which has leads from "
            f"{_moment(oldest):%Y-%m-%d} to {_moment(newest):%Y-%m-%d}"
        )
    n_steps = int((newest - begin) // every_days) + 1
    return np.asarray(begin + every_days * np.arange(n_steps), dtype=np.float64)


def _first_model(
    history: History, starts: Floats, settings: FitSettings, *, may_wait: bool
) -> tuple[FittedModel, Floats]:
    """Fit at the first step, or at the first one where it is possible; drop the steps before."""
    for i, start in enumerate(starts):
        try:
            return _fit(_before(history, start), start, settings), starts[i:]
        except NotEnoughDataError as error:
            if not may_wait or i == len(starts) - 1:
                raise NotEnoughDataError(
                    f"too little was known by {_moment(start):%Y-%m-%d} to fit a first model: "
                    f"{error} Give a later --first, or a longer history."
                ) from error
    raise AssertionError("there is always a first step")


def _fit(known: History, start: float, settings: FitSettings) -> FittedModel:
    moment = _moment(start)
    return fit_bundle(known, as_of=moment, version="backtest", created_at=moment, settings=settings)


def _moment(days: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=float(days))


def _before(history: History, start: float) -> History:
    """Return the leads that came before a moment, with all their events; as_of hides the rest."""
    (rows,) = np.nonzero(moments_to_days(history.moments) < start)
    return history.take(rows)


def _plan(labels: Labels, starts: Floats, every_days: int) -> _Plan:
    """Choose the longest usual horizon that leaves enough to judge by, and drop later steps."""
    maturity = read_maturity(labels)
    candidates = labels.is_usable & labels.is_worked & maturity.is_covered
    candidates &= labels.moment_days >= starts[0]
    wanted = next(
        (h for h in HORIZONS_DAYS if maturity.curve.share_by(h) >= HORIZON_SHARE),
        HORIZONS_DAYS[-1],
    )
    best = (0, 0)
    for horizon in [h for h in reversed(HORIZONS_DAYS) if h <= wanted]:
        judged = candidates & (labels.age_days >= horizon)
        won = labels.is_won & (labels.delay_days <= horizon)
        counts = int((judged & won).sum()), int((judged & ~won).sum())
        best = max(best, counts)
        if min(counts) >= MIN_TEST_WINS:
            useful = starts <= labels.as_of_days - horizon
            k = -(-len(starts) // MAX_FITS)
            return _Plan(starts[useful], every_days, k, horizon, judged, won)
    raise NotEnoughDataError(
        f"the leads from {_moment(starts[0]):%Y-%m-%d} on that are old enough to judge by hold "
        f"{best[0]} wins and {best[1]} others; {MIN_TEST_WINS} of each are needed for a backtest. "
        "Give an earlier --first, or a longer history."
    )


def _replay(
    history: History,
    frozen: FittedModel,
    plan: _Plan,
    *,
    settings: FitSettings,
    on_step: Progress,
) -> _Replay:
    """Score the arrivals of each step with what was known when it began."""
    moments = moments_to_days(history.moments)
    blank = np.full(history.n_leads, np.nan)
    replay = _Replay(
        scores={name: blank.copy() for name in PREDICTORS},
        p={name: blank.copy() for name in PREDICTORS},
        is_retrained=[],
    )
    model = frozen
    for i, start in enumerate(plan.starts):
        on_step(f"Step {i + 1} of {len(plan.starts)}, from {_moment(start):%Y-%m-%d}")
        known = _before(history, start)
        is_retrained = i == 0
        if i and i % plan.k == 0:
            try:
                model, is_retrained = _fit(known, start, settings), True
            except NotEnoughDataError:  # recording began later than it seemed: keep the last one
                is_retrained = False
        replay.is_retrained.append(is_retrained)
        (rows,) = np.nonzero((moments >= start) & (moments < start + plan.every_days))
        if len(rows):
            for name, one in ((FROZEN, frozen), (RETRAINED, model)):
                share = float(one.maturity.curve.share_by(plan.horizon_days))
                replay.put(name, rows, _ask(one, history, rows), share=share)
            found = _ask_baselines(model.bundle.encoder, known, history.take(rows), start=start)
            for name, p in found.items():
                replay.put(name, rows, p)
    return replay


def _ask(model: FittedModel, history: History, rows: Codes) -> Floats:
    bundle = model.bundle
    leads = bundle.encoder.encode(take_columns(history.columns, rows), n_leads=len(rows))
    found = bundle.predictor.predict(leads, explain=False)
    return np.asarray(found.p[:, _CONVERSION], dtype=np.float64)


def _ask_baselines(
    encoder: Encoder, known: History, arrivals: History, *, start: float
) -> dict[str, Floats]:
    """Fit the baselines on the wins seen by a moment and ask them about later leads."""
    labels = label_history(known, as_of=_moment(start))
    (rows,) = np.nonzero(labels.is_usable & read_maturity(labels).is_covered)
    columns = feature_columns(known)
    train = encoder.encode(take_columns(columns, rows), n_leads=len(rows))
    test = encoder.encode(arrivals.columns, n_leads=arrivals.n_leads)
    return predict_baselines(train, labels.is_won[rows], test, names=(LOGISTIC, ODOO))


def _steps(plan: _Plan, replay: _Replay, labels: Labels) -> list[StepResult]:
    """Judge each step on its own."""
    results = []
    for start, is_retrained in zip(plan.starts, replay.is_retrained, strict=True):
        moments = labels.moment_days
        arrived = (moments >= start) & (moments < start + plan.every_days)
        (rows,) = np.nonzero(arrived & plan.judged)
        outcome = Outcome.of(plan.won[rows].astype(np.float64))
        metrics = {}
        if len(rows):
            for name, p in replay.p.items():
                counted = tally(p[rows], outcome)
                metrics[name] = {metric: METRICS[metric](counted) for metric in SHOWN}
        results.append(
            StepResult(
                start=_moment(start),
                n_arrivals=int(arrived.sum()),
                n_judged=len(rows),
                n_won=int(outcome.won.sum()),
                is_retrained=is_retrained,
                metrics=metrics,
            )
        )
    return results


def _describe(plan: _Plan, n_judged: int) -> str:
    often = "each step" if plan.k == 1 else f"every {plan.k} steps (at most {MAX_FITS} fits)"
    return (
        f"Replayed from {_moment(plan.starts[0]):%Y-%m-%d} in {len(plan.starts)} steps of "
        f"{plan.every_days} days: the arrivals of a step are scored with what was recorded before "
        f"it. leadqual is retrained at {often}, the other two are brought up to date at each step. "
        f"Judged on the {n_judged} worked arrivals that are at least {plan.horizon_days:.0f} days "
        f"old: won within {plan.horizon_days:.0f} days or not."
    )
