"""Train one version: read, guard, judge, fit, register. Nothing is promoted here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import JsonValue, TypeAdapter

from leadqual.errors import ConflictError, InputError, LeakageError
from leadqual.learning.card import model_card
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.guard import find_leaks
from leadqual.learning.report_html import render
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.labels import label_history
from leadqual.registry.lock import hold_training_lock
from leadqual.services.effort import Effort, Stage, StageClock, Step
from leadqual.services.histories import HistorySource, LoadedHistory, Rejections, load_history
from leadqual.services.judging import Judgement, judge_history, load_champion, say_refused
from leadqual.services.registering import CARD, REPORT, Candidate, register
from leadqual.services.tuning import (
    TUNING,
    FindLearners,
    LearnersFound,
    Past,
    keep_defaults,
    tune_for,
)
from leadqual.services.workshop import Workshop, active_standard

_JSON: Final = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True)
class Trained:
    """A registered version and everything that is known of it.

    `not_learnable` names the heads that the written rules answer for, and why; `tuning` how the
    learners' numbers were tuned, None for the defaults; `problems` what did not work but lost no
    training (a lab book out of reach); `effort` what it took.
    """

    version: str
    bundle_dir: Path
    judgement: Judgement
    not_learnable: Mapping[str, str]
    notes: tuple[str, ...]
    tuning: Mapping[str, JsonValue] | None
    run_id: str | None
    problems: tuple[str, ...]
    rejections: Rejections
    effort: Effort

    def as_dict(self) -> dict[str, object]:
        """Return the result as JSON values."""
        report = self.judgement.report
        return {
            "version": self.version,
            "bundle_dir": str(self.bundle_dir),
            "metrics": self.judgement.metrics(),
            "verdicts": [] if report is None else list(report.verdicts),
            "protocol": None if report is None else report.protocol,
            "gate": self.judgement.verdict.as_dict(),
            "not_learnable": dict(self.not_learnable),
            "notes": list(self.notes),
            "tuning": None if self.tuning is None else dict(self.tuning),
            "run_id": self.run_id,
            "problems": list(self.problems),
            "rejected": self.rejections.as_dict(),
            "effort": self.effort.as_metrics(),
        }

    def summary(self) -> str:
        """Return the result as text for people."""
        report = self.judgement.report
        lines = [f"model {self.version}: {self.judgement.headline}"]
        lines += [] if report is None else ["", report.protocol, *report.verdicts]
        lines += [f"{head}: {why}" for head, why in self.not_learnable.items()]
        lines += [] if self.tuning is None else [str(self.tuning["remark"])]
        lines += self.rejections.lines()
        lines += ["", *(f"gate: {reason}" for reason in self.judgement.verdict.reasons)]
        lines += [self.effort.line(), f"card and report: {self.bundle_dir}"]
        how = "" if self.judgement.verdict.promote else ' --force "REASON"'
        return "\n".join([*lines, f"serve it: leadqual promote {self.version}{how}"])


def train(
    workshop: Workshop,
    source: HistorySource,
    *,
    now: datetime,
    leak_reason: str | None = None,
    tune_minutes: float | None = None,
    on_step: Step,
) -> Trained:
    """Train, judge and register a version as challenger.

    Parameters
    ----------
    workshop : Workshop
        The deployment.
    source : HistorySource
        What to learn from.
    now : datetime, aware
        Names the version.
    leak_reason : str, optional
        Why to go on although columns look like leaks; kept in the model card.
    tune_minutes : float, optional
        How long to tune the learners' numbers before; None for the defaults.
    on_step : callable
        Told each step.

    Raises
    ------
    ConflictError
        Another training is under way.
    LeakageError
        Columns look known only after the outcome.
    InputError
        `leak_reason` says nothing, or `tune_minutes` is not above 0 and at most a day.
    ConfigError
        Tuning was asked for and optuna is not installed.
    NotEnoughDataError, TrainingError
        There is too little to learn from; leads are then scored by rules.
    FileFormatError, MappingError
        The export cannot be read.
    """
    if leak_reason is not None and not leak_reason.strip():
        raise InputError(
            "--allow-leaks got an empty reason; say why these columns were known when the lead "
            "came, for those who read the model card"
        )
    find: FindLearners = keep_defaults
    if tune_minutes is not None:
        find = tune_for(tune_minutes, home=workshop.settings.home, on_step=on_step)
    with hold_training_lock(workshop.registry.models_dir) as is_first:
        if not is_first:
            raise ConflictError(
                "another training is running in this deployment; wait for it to finish"
            )
        clock = StageClock(on_step)
        clock.begin(Stage.READING)
        loaded = load_history(workshop.store, source, now=now)
        return train_loaded(
            workshop,
            loaded,
            as_of=source.as_of,
            now=now,
            choices=TrainingChoices(leak_reason=leak_reason, find_learners=find),
            clock=clock,
        )


@dataclass(frozen=True, slots=True)
class TrainingChoices:
    """What whoever asks for a training decides: `leak_reason` as for `train`, and whose learners.

    `find_learners` is asked once, before anything is judged.
    """

    leak_reason: str | None = None
    find_learners: FindLearners = keep_defaults


def train_loaded(
    workshop: Workshop,
    loaded: LoadedHistory,
    *,
    as_of: datetime | None,
    now: datetime,
    choices: TrainingChoices,
    clock: StageClock,
) -> Trained:
    """Do the rest of `train`, for a caller who holds the training lock and has read a history."""
    began = time.perf_counter()
    workshop.registry.sweep(now=now)
    standard = active_standard(workshop)
    settings = FitSettings(check_order=standard.check_order)
    clock.begin(Stage.LEAKS)
    labels = label_history(loaded.history, as_of=as_of, check_order=settings.check_order)
    overrides = _guard(find_leaks(loaded.history, labels), choices.leak_reason)
    champion, problems = load_champion(workshop)
    clock.begin(Stage.TUNING)
    found = choices.find_learners(Past(loaded.history, as_of, settings, champion))
    settings = replace(settings, learners=found.learners)
    clock.begin(Stage.JUDGING)
    judgement = judge_history(
        loaded.history,
        as_of=as_of,
        settings=settings,
        champion=champion,
        learners_of_folds=found.of_folds,
    ).in_place(standard, refused=say_refused(loaded, overrides))
    clock.begin(Stage.FITTING)
    fitted = fit_bundle(
        loaded.history,
        as_of=as_of,
        version=workshop.registry.next_version(now.date()),
        created_at=now,
        settings=settings,
    )
    fitted = _note_tuning(fitted, found)
    candidate = _candidate(fitted, judgement, loaded, settings=settings, overrides=overrides)
    candidate = replace(candidate, effort=clock.read().as_metrics())
    clock.begin(Stage.REGISTERING)
    ended_at = now + timedelta(seconds=time.perf_counter() - began)
    registered = register(workshop, candidate, started_at=now, ended_at=ended_at)
    return Trained(
        version=fitted.bundle.version,
        bundle_dir=registered.bundle_dir,
        judgement=judgement,
        not_learnable=_by_name(fitted),
        notes=fitted.notes,
        tuning=found.record,
        run_id=registered.run_id,
        problems=(*problems, *registered.problems),
        rejections=loaded.rejections,
        effort=clock.read(),
    )


def _note_tuning(fitted: FittedModel, found: LearnersFound) -> FittedModel:
    """Write into the bundle how its learners were tuned, where they were."""
    if found.record is None:
        return fitted
    summary = {**fitted.bundle.summary, TUNING: dict(found.record)}
    return replace(fitted, bundle=replace(fitted.bundle, summary=summary))


def _guard(findings: dict[str, str], leak_reason: str | None) -> dict[str, str]:
    """Stop at columns that look like leaks; return those that are let through, and why."""
    if findings and not leak_reason:
        raise LeakageError(findings)
    said = " ".join((leak_reason or "").split())
    return {name: f"{why}; kept because: {said}" for name, why in findings.items()}


def _candidate(
    fitted: FittedModel,
    judgement: Judgement,
    loaded: LoadedHistory,
    *,
    settings: FitSettings,
    overrides: Mapping[str, str],
) -> Candidate:
    report = judgement.report
    documents = {CARD: model_card(fitted, report, overrides=overrides)}
    if report is not None:
        documents[REPORT] = render(report, title=f"Model {fitted.bundle.version}")
    return Candidate(
        bundle=fitted.bundle,
        history=loaded.history,
        origin=loaded.origin,
        data_hash=loaded.data_hash,
        metrics=judgement.metrics(),
        headline=judgement.headline,
        documents=documents,
        gate=_JSON.validate_python(judgement.verdict.as_dict()),
        notes=_JSON.validate_python({
            "known_until": fitted.bundle.summary.get("known_until"),
            "check_order": [check.value for check in settings.check_order],
            "seed": settings.seed,
            "learners": settings.learners.as_dict(),
            "tuning": fitted.bundle.summary.get(TUNING),
            "not_learnable": _by_name(fitted),
            "leaks_let_through": dict(overrides),
        }),
    )


def _by_name(fitted: FittedModel) -> dict[str, str]:
    return {head.value: why for head, why in fitted.not_learnable.items()}
