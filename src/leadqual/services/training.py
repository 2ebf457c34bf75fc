"""Train one version: read, guard, judge, fit, register. Nothing is promoted here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import JsonValue, TypeAdapter
from threadpoolctl import threadpool_limits

from leadqual.errors import BundleError, ConflictError, LeakageError, NotEnoughDataError
from leadqual.learning.card import model_card
from leadqual.learning.evaluation import evaluate
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.gate import Verdict, judge
from leadqual.learning.guard import find_leaks
from leadqual.learning.metrics import Interval
from leadqual.learning.report import EvaluationReport
from leadqual.learning.report_html import render
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history
from leadqual.qualify.bundle import ModelBundle
from leadqual.registry.lock import hold_training_lock
from leadqual.services.histories import HistorySource, hash_history, load_history
from leadqual.services.registering import CARD, REPORT, Candidate, Registered, register
from leadqual.services.workshop import Workshop, active_standard

Step = Callable[[str], None]
"""Told the name of each step as it begins."""

_JSON: Final = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True)
class Judgement:
    """What is known of how good a version is.

    `report` is None where there was too little to judge by; `verdict` then refuses and says so.
    """

    report: EvaluationReport | None
    verdict: Verdict

    @property
    def headline(self) -> str:
        """Return the figures in one line."""
        if self.report is None:
            return self.verdict.reasons[0]
        found = self.report.conversion.ours
        loss, auc = found["log_loss"], found["auc"]
        return f"AUC {_in_words(auc)}, log loss {_in_words(loss)}"

    def metrics(self) -> dict[str, float]:
        """Return every figure with its bounds, and the others' AUC and log loss beside them."""
        if self.report is None:
            return {}
        flat: dict[str, float] = {}
        for name, found in self.report.metrics().items():
            flat |= {name: found.value, f"{name}.low": found.low, f"{name}.high": found.high}
        for other, table in self.report.conversion.comparison.metrics.items():
            for name in ("auc", "log_loss"):
                flat[f"beside.{other.replace(' ', '_')}.{name}"] = table[name].value
        return flat


@dataclass(frozen=True)
class Trained:
    """A registered version and everything that is known of it.

    `not_learnable` names the heads that the written rules answer for, and why; `problems` what
    did not work but lost no training (a lab book out of reach).
    """

    version: str
    bundle_dir: Path
    judgement: Judgement
    not_learnable: Mapping[str, str]
    notes: tuple[str, ...]
    run_id: str | None
    problems: tuple[str, ...]

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
            "run_id": self.run_id,
            "problems": list(self.problems),
        }

    def summary(self) -> str:
        """Return the result as text for people."""
        report = self.judgement.report
        lines = [f"model {self.version}: {self.judgement.headline}"]
        lines += [] if report is None else ["", report.protocol, *report.verdicts]
        lines += [
            f"{head}: not learnable from this history, scored by rules ({why})"
            for head, why in self.not_learnable.items()
        ]
        lines += ["", *(f"gate: {reason}" for reason in self.judgement.verdict.reasons)]
        lines += [f"card and report: {self.bundle_dir}"]
        how = "" if self.judgement.verdict.promote else ' --force "REASON"'
        return "\n".join([*lines, f"serve it: leadqual promote {self.version}{how}"])


def train(
    workshop: Workshop,
    source: HistorySource,
    *,
    now: datetime,
    leak_reason: str | None = None,
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
    on_step : callable
        Told each step.

    Raises
    ------
    ConflictError
        Another training is under way.
    LeakageError
        Columns look known only after the outcome.
    NotEnoughDataError, TrainingError
        There is too little to learn from; leads are then scored by rules.
    FileFormatError, MappingError
        The export cannot be read.
    """
    with hold_training_lock(workshop.registry.models_dir) as is_first:
        if not is_first:
            raise ConflictError(
                "another training is running in this deployment; wait for it to finish"
            )
        return train_under_lock(workshop, source, now=now, leak_reason=leak_reason, on_step=on_step)


def train_under_lock(
    workshop: Workshop,
    source: HistorySource,
    *,
    now: datetime,
    leak_reason: str | None = None,
    on_step: Step,
) -> Trained:
    """Do what `train` does, for a caller who holds the training lock."""
    began = time.perf_counter()
    workshop.registry.sweep(now=now)
    on_step("Reading the history")
    loaded = load_history(workshop.store, source, now=now)
    settings = FitSettings(check_order=active_standard(workshop).check_order)
    # Spinning BLAS threads make small fits many times slower on a busy machine.
    with threadpool_limits(limits=1):
        on_step("Looking for leaks")
        overrides = _guard(loaded.history, source, settings=settings, leak_reason=leak_reason)
        on_step("Judging on the newest matured leads")
        champion, problems = load_champion(workshop)
        judgement = judge_history(loaded.history, source, settings=settings, champion=champion)
        on_step("Fitting on all leads")
        fitted = fit_bundle(
            loaded.history,
            as_of=source.as_of,
            version=workshop.registry.next_version(now.date()),
            created_at=now,
            settings=settings,
        )
    on_step("Registering the version")
    candidate = _candidate(
        fitted, judgement, origin=loaded.origin, history=loaded.history, overrides=overrides
    )
    ended_at = now + timedelta(seconds=time.perf_counter() - began)
    registered = register(workshop, candidate, started_at=now, ended_at=ended_at)
    return _trained(fitted, judgement, registered, problems=problems)


def judge_history(
    history: History,
    source: HistorySource,
    *,
    settings: FitSettings,
    champion: ModelBundle | None,
) -> Judgement:
    """Judge the method on the newest matured leads, beside the champion and the baselines.

    Too few leads to judge by is a refusal with the numbers, not an error.
    """
    try:
        report = evaluate(history, as_of=source.as_of, settings=settings, champion=champion)
    except NotEnoughDataError as error:
        refused = Verdict(promote=False, reasons=(f"cannot be judged: {error}",), numbers={})
        return Judgement(report=None, verdict=refused)
    return Judgement(report=report, verdict=judge(report))


def load_champion(workshop: Workshop) -> tuple[ModelBundle | None, tuple[str, ...]]:
    """Return the champion, or None and why it cannot stand beside a candidate."""
    version = workshop.models.aliases().champion
    if version is None:
        return None, ()
    try:
        return workshop.registry.load(version), ()
    except BundleError as error:
        return None, (f"nothing was compared with the champion: {error}",)


def _guard(
    history: History, source: HistorySource, *, settings: FitSettings, leak_reason: str | None
) -> dict[str, str]:
    """Stop at columns that look like leaks; return those that are let through, and why."""
    labels = label_history(history, as_of=source.as_of, check_order=settings.check_order)
    findings = find_leaks(history, labels)
    if findings and not leak_reason:
        raise LeakageError(findings)
    return {name: f"{why}; kept because: {leak_reason}" for name, why in findings.items()}


def _candidate(
    fitted: FittedModel,
    judgement: Judgement,
    *,
    origin: str,
    history: History,
    overrides: Mapping[str, str],
) -> Candidate:
    report = judgement.report
    documents = {CARD: model_card(fitted, report, overrides=overrides)}
    if report is not None:
        documents[REPORT] = render(report, title=f"Model {fitted.bundle.version}")
    return Candidate(
        bundle=fitted.bundle,
        history=history,
        origin=origin,
        data_hash=hash_history(history),
        metrics=judgement.metrics(),
        headline=judgement.headline,
        documents=documents,
        gate=_JSON.validate_python(judgement.verdict.as_dict()),
        notes=_JSON.validate_python({
            "known_until": fitted.bundle.summary.get("known_until"),
            "not_learnable": _by_name(fitted),
            "leaks_let_through": dict(overrides),
        }),
    )


def _trained(
    fitted: FittedModel, judgement: Judgement, registered: Registered, *, problems: tuple[str, ...]
) -> Trained:
    return Trained(
        version=fitted.bundle.version,
        bundle_dir=registered.bundle_dir,
        judgement=judgement,
        not_learnable=_by_name(fitted),
        notes=fitted.notes,
        run_id=registered.run_id,
        problems=(*problems, *registered.problems),
    )


def _by_name(fitted: FittedModel) -> dict[str, str]:
    return {head.value: why for head, why in fitted.not_learnable.items()}


def _in_words(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
