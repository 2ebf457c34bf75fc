"""What a backtest will do: which steps, which leads are judged, and by what."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import InputError, NotEnoughDataError
from leadqual.learning.preparing import TrainingSet, prepare
from leadqual.learning.protocol import (
    HORIZONS_DAYS,
    MIN_TEST_WINS,
    judgeable,
    list_horizons,
)
from leadqual.learning.replay.clock import (
    Cadence,
    ReplayPlan,
    clock_of,
    known_before,
    name_place,
)
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels, label_history
from leadqual.outcomes.maturity import read_maturity
from leadqual.outcomes.timeline import to_days, to_moment

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DEFAULT_DAYS: Final = 30
DEFAULT_STEPS: Final = 40
"""A history with an order only is cut into so many steps where nothing else is asked for."""

MAX_STEPS: Final = 2_000
_FIRST_SHARE: Final = 1 / 3


def plan_backtest(
    history: History, cadence: Cadence, settings: FitSettings
) -> tuple[History, ReplayPlan, TrainingSet]:
    """Choose the steps of a backtest, and which leads it can judge.

    Parameters
    ----------
    history : History
        Leads in time order, or in an order only. An event without any time in a dated history,
        other than a win, is taken as recorded at the end: it teaches nothing during the replay.
    cadence : Cadence
        Without a first step, a third of the time (or rows) goes before, or as much more as it
        takes until enough is known to fit.
    settings : FitSettings
        As for `fit_bundle`.

    Returns
    -------
    history : History
        The same with every event in its place.
    plan : ReplayPlan
    first : TrainingSet
        What was known when the first step began.

    Raises
    ------
    InputError
        The history has no order, a win no time, or the cadence does not suit the history.
    NotEnoughDataError
        With the numbers, when there is too little to fit at the first step, or to judge by.
    """
    _require_order(history)
    if history.has_times:
        history = _place_events(history)
    labels = label_history(history, as_of=None, check_order=settings.check_order)
    clock = clock_of(history)
    every, lag = _lengths(history, cadence)
    starts = _starts(history, clock, every=every, first=_first(history, cadence))
    is_chosen = cadence.first_at is not None or cadence.first_row is not None
    first, starts = _first_fit((history, clock), starts, settings, lag=lag, may_wait=not is_chosen)
    plan = ReplayPlan(
        is_dated=history.has_times,
        clock=clock,
        starts=starts,
        every=every,
        lag=lag,
        horizon_days=None,
        judged=np.zeros(history.n_leads, dtype=bool),
        won=np.zeros(history.n_leads, dtype=bool),
    )
    return history, _judge(plan, history, labels), first


def _require_order(history: History) -> None:
    if not history.n_leads:
        raise NotEnoughDataError("the history has no leads; give one with leads and outcomes")
    if not history.is_ordered:
        raise InputError(
            "this history has no order in time, so it cannot be replayed; map created_at of the "
            "leads (`{order: file}` where the rows are in order), or judge the method with "
            "`leadqual evaluate`"
        )


def _place_events(history: History) -> History:
    """Refuse wins without a time, and hide other undated events until the end."""
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


def _lengths(history: History, cadence: Cadence) -> tuple[float, float]:
    """Return the length of a step and the lag on the clock of this history."""
    if history.has_times:
        if cadence.every_rows is not None or cadence.first_row is not None or cadence.lag_rows:
            raise InputError(
                "this history has times: give --every in days such as 30d and --first as a day; "
                "when an outcome was known is told by its own times, so --lag does not apply"
            )
        return float(cadence.every_days or DEFAULT_DAYS), 0.0
    if cadence.every_days is not None or cadence.first_at is not None:
        raise InputError(
            "this history has an order but no times: give --every and --first in rows, such as "
            "--every 1000rows --first 5000rows"
        )
    every = cadence.every_rows or -(-history.n_leads // DEFAULT_STEPS)
    return float(every), float(cadence.lag_rows)


def _first(history: History, cadence: Cadence) -> float | None:
    """Return where the first step was asked to begin, on the clock."""
    if history.has_times:
        return None if cadence.first_at is None else to_days(cadence.first_at)
    return None if cadence.first_row is None else float(cadence.first_row)


def _starts(history: History, clock: Floats, *, every: float, first: float | None) -> Floats:
    """Return when each step begins, until the last lead."""
    oldest, newest = float(clock[0]), float(clock[-1])
    begin = np.floor(oldest + _FIRST_SHARE * (newest - oldest)) if first is None else first
    if first is not None and not oldest < begin <= newest:
        low, high = (name_place(x, is_dated=history.has_times) for x in (oldest, newest))
        raise InputError(
            f"--first must lie within the history, which has leads from {low} to {high}"
        )
    n_steps = int((newest - begin) // every) + 1
    if n_steps > MAX_STEPS:
        raise InputError(
            f"these would be {n_steps:,} steps, each with its own fits; at most {MAX_STEPS:,} are "
            "replayed: give a longer --every or a later --first"
        )
    return np.asarray(begin + every * np.arange(n_steps), dtype=np.float64)


def _first_fit(
    placed: tuple[History, Floats],
    starts: Floats,
    settings: FitSettings,
    *,
    lag: float,
    may_wait: bool,
) -> tuple[TrainingSet, Floats]:
    """Find the first step at which enough is known to fit, and drop the steps before it."""
    history, clock = placed
    for i, start in enumerate(starts):
        known, as_of = known_before(history, clock, start=start, lag=lag)
        try:
            return prepare(known, as_of=as_of, settings=settings), starts[i:]
        except NotEnoughDataError as error:
            if not may_wait or i == len(starts) - 1:
                raise NotEnoughDataError(
                    f"too little was known by {name_place(start, is_dated=history.has_times)} to "
                    f"fit a first model: {error} Give a later --first, or a longer history."
                ) from error
    raise AssertionError("there is always a first step")


def _judge(plan: ReplayPlan, history: History, labels: Labels) -> ReplayPlan:
    """Choose the longest usual horizon that leaves enough to judge by, and drop later steps."""
    maturity = read_maturity(labels)
    candidates = judgeable(history, labels, maturity) & (plan.clock >= plan.starts[0])
    if not plan.is_dated:
        _require_both(plan, candidates, labels.is_won)
        return replace(plan, judged=candidates, won=labels.is_won)
    for horizon in list_horizons(maturity):
        judged = candidates & (labels.age_days >= horizon)
        won = labels.is_won & (labels.delay_days <= horizon)
        if horizon > HORIZONS_DAYS[0] and min(_sides(judged, won)) < MIN_TEST_WINS:
            continue
        _require_both(plan, judged, won)
        useful = plan.starts <= labels.as_of_days - horizon
        return replace(
            plan, starts=plan.starts[useful], horizon_days=horizon, judged=judged, won=won
        )
    raise AssertionError("the shortest horizon either suffices or is refused")


def _sides(judged: Flags, won: Flags) -> tuple[int, int]:
    return int((judged & won).sum()), int((judged & ~won).sum())


def _require_both(plan: ReplayPlan, judged: Flags, won: Flags) -> None:
    n_won, n_not_won = _sides(judged, won)
    if min(n_won, n_not_won) < MIN_TEST_WINS:
        raise NotEnoughDataError(
            f"the leads from {plan.name(0)} on that are old enough to judge by hold {n_won} wins "
            f"and {n_not_won} others; {MIN_TEST_WINS} of each are needed for a backtest. Give an "
            "earlier --first, or a longer history."
        )
