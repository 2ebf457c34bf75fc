"""The model card: what a version is, how good it was, and what it does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from leadqual.learning.fitting import FittedModel
from leadqual.learning.judging.judged import Judged
from leadqual.learning.metrics import Interval
from leadqual.learning.report import EvaluationReport
from leadqual.qualify.score import Head

_SHOWN = (
    ("auc", "AUC"),
    ("lift_10", "lift at 10 %"),
    ("captured_20", "wins in top 20 %"),
    ("log_loss", "log loss"),
    ("ece", "calibration error"),
    ("observed_expected", "observed/expected"),
)
_SHOWN_OF_HEADS = tuple(pair for pair in _SHOWN if pair[0] not in {"lift_10", "captured_20"})


def model_card(
    model: FittedModel,
    report: EvaluationReport | None,
    *,
    overrides: Mapping[str, str] | None = None,
) -> str:
    """Return the card of a model as Markdown.

    Parameters
    ----------
    model : FittedModel
        The version that the card goes with.
    report : EvaluationReport, optional
        None when there was too little to judge by: the card says so.
    overrides : mapping of str to str, optional
        Columns that the leakage guard stopped and somebody let through, with the reason.
    """
    bundle, summary = model.bundle, model.bundle.summary
    lines = [
        f"# Model {bundle.version}",
        "",
        f"Made {bundle.created_at:%Y-%m-%d %H:%M} UTC from `{model.history.source}`: "
        f"{summary['n_leads']} leads, {summary['n_won']} won, {summary['n_not_won']} known not to "
        "be.",
        f"Conversion: {summary['conversion']}.",
        *_tuning(summary.get("tuning")),
        "",
        "## How good",
        "",
        *_figures(report),
        "",
        "## What each question was learned from",
        "",
        *_heads(model),
        "",
        "## Limits",
        "",
        *[f"- {said}" for said in _limits(report)],
        *[f"- {note}" for note in model.notes],
        *[f"- column `{name}` looked like a leak and was kept: {why}"
          for name, why in (overrides or {}).items()],
        "- Scores are for ranking and planning sales work. They are no ground for decisions about "
        "people outside of it.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _tuning(record: object) -> list[str]:
    """Say how the learners' numbers were tuned; nothing where nobody asked for that."""
    return [f"Learners: {record['remark']}."] if isinstance(record, Mapping) else []


def _limits(report: EvaluationReport | None) -> tuple[str, ...]:
    if report is None:
        return ("not judged: nobody knows yet how well it ranks, or how far its levels are off",)
    return *report.without_skill, report.selection.text


def _figures(report: EvaluationReport | None) -> list[str]:
    if report is None:
        return ["Not judged: too few matured outcomes came after the leads it could learn from."]
    lines = [report.protocol, "", *[f"- {verdict}" for verdict in report.verdicts], ""]
    lines += _table(report.conversion, _SHOWN)
    for head, judged in report.heads.items():
        title = f"**{head.value}** (against what the events imply)"
        lines += ["", title, "", *_table(judged, _SHOWN_OF_HEADS)]
    return lines


def _table(judged: Judged, shown: Sequence[tuple[str, str]]) -> list[str]:
    head = "| | " + " | ".join(label for _, label in shown) + " |"
    rows = [
        f"| {name} | " + " | ".join(_cell(found[metric]) for metric, _ in shown) + " |"
        for name, found in judged.comparison.metrics.items()
    ]
    return [
        f"{judged.n_leads} leads, {judged.n_yes} yes; 95 % bootstrap intervals.",
        "",
        head,
        "|---" * (len(shown) + 1) + "|",
        *rows,
    ]


def _cell(found: Interval) -> str:
    if not np.isfinite(found.value):
        return "n/a"
    if not np.isfinite(found.low):
        return f"{found.value:.3f}"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _heads(model: FittedModel) -> list[str]:
    lines = []
    for head in Head:
        found = next(f for c, f in model.labels.heads.items() if c.value == head.value)
        why = model.not_learnable.get(head)
        lines.append(
            f"- {head.value}: {why}"
            if why is not None
            else f"- {head.value}: {found.n_yes} leads known to pass, {found.n_no} to fail"
        )
    return lines
