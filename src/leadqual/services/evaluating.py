"""Judge the method, or one version, on a history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from leadqual.learning.coverage import Refused
from leadqual.learning.evaluation import evaluate as evaluate_history
from leadqual.learning.guard import find_leaks
from leadqual.learning.judged import CHAMPION
from leadqual.learning.report import EvaluationReport
from leadqual.learning.report_html import render
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.labels import label_history
from leadqual.qualify.bundle import ModelBundle
from leadqual.routing.standard import Standard
from leadqual.routing.standard_parts import CutMode
from leadqual.services.histories import HistorySource, LoadedHistory, load_history
from leadqual.services.workshop import Workshop, active_standard

Step = Callable[[str], None]


@dataclass(frozen=True)
class Evaluated:
    """A report three ways: JSON values, text, and one HTML page with plots."""

    document: dict[str, object]
    text: str
    html: str


def evaluate(
    workshop: Workshop,
    source: HistorySource,
    *,
    now: datetime,
    version: str | None,
    on_step: Step,
) -> Evaluated:
    """Judge a model made the usual way on the newest matured leads of a history.

    Parameters
    ----------
    version : str or None
        A registered version that is judged on the same leads, beside the baselines, unless it
        has learned from them.

    Raises
    ------
    BundleError
        There is no such version, or it may not be used.
    NotEnoughDataError, TrainingError
        There is too little to judge by.
    FileFormatError, MappingError
        The export cannot be read.
    """
    bundle: ModelBundle | None = None
    if version is not None:
        on_step(f"Loading model {version}")
        bundle = workshop.registry.load(version)
    on_step("Reading the history")
    loaded = load_history(workshop.store, source, now=now)
    standard = active_standard(workshop)
    on_step("Looking for leaks")
    labels = label_history(loaded.history, as_of=source.as_of, check_order=standard.check_order)
    refused = say_refused(loaded, find_leaks(loaded.history, labels))
    on_step("Fitting on the older part, judging on the newest")
    settings = FitSettings(check_order=standard.check_order)
    report = evaluate_history(
        loaded.history, as_of=source.as_of, settings=settings, champion=bundle
    )
    report = put_in_place(report, standard, refused=refused)
    title = "Evaluation" if version is None else f"Evaluation of model {version}"
    return Evaluated(
        document={
            "version": version,
            **report.as_dict(),
            "rejected": loaded.rejections.as_dict(),
        },
        text="\n".join([_text(report, version), *loaded.rejections.lines()]),
        html=render(report, title=title),
    )


def say_refused(loaded: LoadedHistory, leaks: Mapping[str, str]) -> Refused:
    """Return what of a history was not used, or should not be, and why."""
    rejections = loaded.rejections
    return Refused(rows=rejections.n_rows, problems=rejections.problems, leaks=leaks)


def put_in_place(
    report: EvaluationReport, standard: Standard, *, refused: Refused
) -> EvaluationReport:
    """Add to a report what the deployment knows: its capacity, and what of the data was refused.

    A capacity is marked only where the standard fills it: in the other mode its numbers decide
    nothing.
    """
    cut = standard.cut
    capacity = None
    if cut.mode is CutMode.FILL_CAPACITY:
        capacity = cut.fill_capacity.mrr.capacity_per_day + cut.fill_capacity.sdr.capacity_per_day
    curve = report.capacity
    if curve is not None:
        n_days = len(set(standard.business_hours.weekdays))
        curve = curve.of_team(capacity=capacity, days_per_week=n_days)
    return replace(report, capacity=curve, refused=refused)


def _text(report: EvaluationReport, version: str | None) -> str:
    comparison = report.conversion.comparison.metrics
    lines = [report.protocol, *report.verdicts, ""]
    names = ("auc", "average_precision", "lift_10", "captured_20", "log_loss", "ece")
    shown = [name for name in names if name in report.conversion.ours]
    lines.append("  ".join(["predictor".ljust(22), *(name.rjust(22) for name in shown)]))
    for predictor, table in comparison.items():
        label = version if predictor == CHAMPION and version is not None else predictor
        cells = [
            f"{table[name].value:.3f} [{table[name].low:.3f}, {table[name].high:.3f}]".rjust(22)
            for name in shown
        ]
        lines.append("  ".join([label.ljust(22), *cells]))
    remarks = () if report.champion_remark is None else (report.champion_remark,)
    lines += ["", *remarks, *report.notes]
    return "\n".join(lines)
