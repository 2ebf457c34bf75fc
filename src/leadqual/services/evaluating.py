"""Judge the method, or one version, on a history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from leadqual.learning.evaluation import evaluate as evaluate_history
from leadqual.learning.guard import find_leaks
from leadqual.learning.judging.judged import CHAMPION
from leadqual.learning.metrics import Interval
from leadqual.learning.report import EvaluationReport
from leadqual.learning.report_html import render
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.labels import label_history
from leadqual.qualify.bundle import ModelBundle
from leadqual.services.histories import HistorySource, load_history
from leadqual.services.judging import put_in_place, say_refused
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


def _text(report: EvaluationReport, version: str | None) -> str:
    comparison = report.conversion.comparison.metrics
    lines = [report.headline[1], "", report.protocol, *report.verdicts, ""]
    names = ("auc", "average_precision", "lift_10", "captured_20", "log_loss", "ece")
    shown = [name for name in names if name in report.conversion.ours]
    lines.append("  ".join(["predictor".ljust(22), *(name.rjust(22) for name in shown)]))
    for predictor, table in comparison.items():
        label = version if predictor == CHAMPION and version is not None else predictor
        lines.append("  ".join([label.ljust(22), *(_cell(table[name]) for name in shown)]))
    remarks = () if report.champion_remark is None else (report.champion_remark,)
    lines += ["", *_calibration(report), "", *remarks, *report.notes, report.selection.text]
    return "\n".join(lines)


def _calibration(report: EvaluationReport) -> list[str]:
    """Return calibration error, slope and level of conversion, heads and steps as a table."""
    judged = {"conversion": report.conversion}
    judged |= {head.value: found for head, found in report.heads.items()}
    names = ("ece", "slope", "observed_expected")
    lines = ["  ".join(["calibration of".ljust(22), *(name.rjust(22) for name in names)])]
    for name, found in {**judged, **report.stages}.items():
        lines.append("  ".join([name.ljust(22), *(_cell(found.ours[n]) for n in names)]))
    return lines


def _cell(found: Interval) -> str:
    known = np.isfinite([found.value, found.low, found.high]).all()
    said = f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]" if known else "n/a"
    return said.rjust(22)
