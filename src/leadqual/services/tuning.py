"""Which numbers the learners of a training get: the defaults, tuned ones, or the champion's."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from leadqual.errors import ConfigError, InputError, NotEnoughDataError
from leadqual.learning.searching.folds import World, plan_folds, plan_worlds
from leadqual.learning.searching.search import Budget, Difference
from leadqual.learning.settings import FitSettings, Learners
from leadqual.learning.tuning import Tuning, require_optuna, tune
from leadqual.outcomes.history import History
from leadqual.qualify.bundle import ModelBundle
from leadqual.services.histories import hash_history
from leadqual.services.provenance import hash_method
from leadqual.store.trials import open_trials

Step = Callable[[str], None]

MAX_MINUTES: Final = 24 * 60.0
TUNING: Final = "tuning"
"""Where a bundle's summary says how its learners were tuned."""

_PAUSE_SECONDS: Final = 20.0
_RECORD: Final = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True)
class Past:
    """What is learned from and judged on: the arguments of `evaluate`."""

    history: History
    as_of: datetime | None
    settings: FitSettings
    champion: ModelBundle | None


@dataclass(frozen=True)
class LearnersFound:
    """The learners of a training.

    Parameters
    ----------
    learners : Learners
        Of the model that is kept.
    of_folds : tuple of Learners
        For judging, where each fold was tuned apart; else empty.
    record : mapping of str to JSON values, or None
        How they were tuned, for the bundle, the manifest and the card; None for the defaults.
    """

    learners: Learners
    of_folds: tuple[Learners, ...] = ()
    record: Mapping[str, JsonValue] | None = None

    @property
    def remark(self) -> str | None:
        """Return in one sentence how they were tuned; None for the defaults."""
        return None if self.record is None else str(self.record["remark"])


FindLearners = Callable[[Past], LearnersFound]


def keep_defaults(past: Past) -> LearnersFound:
    """Return the learners of the settings."""
    return LearnersFound(past.settings.learners)


def follow_champion(past: Past) -> LearnersFound:
    """Return the champion's learners where it was tuned, else the defaults.

    A tuned model is not to be replaced by defaults without anybody asking for that. They were
    chosen on what came before the champion's own judged leads, so before any leads that it can
    be compared on.
    """
    summary = {} if past.champion is None else past.champion.summary
    try:
        record = _RECORD.validate_python(summary[TUNING])
        learners = Learners.from_dict(_RECORD.validate_python(summary["learners"]))
    except (KeyError, ValidationError, ConfigError):  # not tuned, or by another version
        return keep_defaults(past)
    if past.champion is None or record.get("is_tuned") is not True:
        return keep_defaults(past)
    origin = str(record.get("tuned_for") or past.champion.version)
    remark = f"learners as tuned for model {origin}"
    return LearnersFound(learners, record={**record, "tuned_for": origin, "remark": remark})


def tune_for(
    minutes: float, *, home: Path, on_step: Step, max_trials: int | None = None
) -> FindLearners:
    """Return what tunes on the leads before the judged ones, going on with earlier trials.

    Parameters
    ----------
    minutes : float
        Above 0 and at most a day; shared by the folds of a history without order.
    home : Path
        Folder of the deployment, where trials are kept.
    on_step : callable
        Told now and then how far it is.
    max_trials : int, optional
        As in `Budget`: with a number and time enough, the same data gives the same learners.

    Returns
    -------
    callable
        It may raise `StoreError` or `ConfigError` when the trials cannot be kept. Too little to
        tune by is no error: the defaults are kept, and the record says why.

    Raises
    ------
    InputError
        `minutes` is no such number.
    ConfigError
        optuna is not installed.
    """
    if not (math.isfinite(minutes) and 0 < minutes <= MAX_MINUTES):
        raise InputError(
            f"--tune must be a number of minutes above 0 and at most {MAX_MINUTES:.0f} (a day), "
            "such as 5 or 0.5"
        )
    require_optuna()
    return partial(_find_tuned, minutes=minutes, home=home, max_trials=max_trials, on_step=on_step)


def _find_tuned(
    past: Past, *, minutes: float, home: Path, max_trials: int | None, on_step: Step
) -> LearnersFound:
    on_step("Tuning: reading the past")
    ends_at = time.monotonic() + 60 * minutes
    given = past.settings.learners
    try:
        worlds = plan_worlds(
            past.history, as_of=past.as_of, settings=past.settings, champion=past.champion
        )
        found: list[Tuning] = []
        for place, world in enumerate(worlds):
            seconds = (ends_at - time.monotonic()) / (len(worlds) - place)
            budget = Budget(seconds, max_trials)
            name = f"Tuning {place + 1} of {len(worlds)}" if len(worlds) > 1 else "Tuning"
            watch = _Progress(name, on_step)
            found.append(_tune_in(world, past.settings, home=home, budget=budget, watch=watch))
    except NotEnoughDataError as error:
        return LearnersFound(given, record=_record(None, f"not tuned: {error}", minutes=minutes))
    kept = found[-1]
    of_folds = tuple(one.learners for one in found[:-1])
    nested = f"; each of {len(of_folds)} judged folds within its own training rows"
    record = _record(kept, kept.remark + (nested if of_folds else ""), minutes=minutes)
    until = worlds[-1].until
    record |= {"until": None if until is None else until.isoformat()}
    return LearnersFound(kept.learners, of_folds=of_folds, record=record)


def _tune_in(
    world: World, settings: FitSettings, *, home: Path, budget: Budget, watch: _Progress
) -> Tuning:
    began = budget.clock()
    folds = plan_folds(world, settings)
    key = _name_study(world, settings)
    rest = budget.seconds - (budget.clock() - began)
    with open_trials(home) as url:
        return tune(
            folds,
            settings=settings,
            budget=replace(budget, seconds=rest),
            url=url,
            key=key,
            watch=watch,
        )


def _name_study(world: World, settings: FitSettings) -> str:
    """Return a name that other data, settings or code do not have."""
    parts = [
        hash_history(world.history),
        str(world.until),
        [check.value for check in settings.check_order],
        settings.seed,
        settings.learners.as_dict(),
        hash_method(),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class _Progress:
    """Tells of trials at once, then now and then."""

    def __init__(self, name: str, on_step: Step) -> None:
        self._name, self._on_step = name, on_step
        self._told_at = -math.inf

    def __call__(self, n_trials: int, best: Difference | None) -> None:
        now = time.monotonic()
        if now - self._told_at < _PAUSE_SECONDS:
            return
        self._told_at = now
        told = "" if best is None else f", best log loss {best} against the defaults"
        self._on_step(f"{self._name}: {n_trials} trials done{told}")


def _record(found: Tuning | None, remark: str, *, minutes: float) -> dict[str, JsonValue]:
    best = None if found is None else found.best
    return {
        "remark": remark,
        "is_tuned": found is not None and found.is_tuned,
        "minutes": minutes,
        "n_trials": 0 if found is None else found.n_trials,
        "log_loss_difference": None if best is None else best.value,
        "standard_error": None if best is None else best.error,
        "n_leads": None if best is None else best.n_leads,
    }
