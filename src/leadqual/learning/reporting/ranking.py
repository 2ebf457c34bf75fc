"""Whom to call first: gain, lift, capacity, and what else one could use."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

import numpy as np

from leadqual.learning.judging.judged import OURS, Judged
from leadqual.learning.metrics import Interval
from leadqual.learning.report import EvaluationReport
from leadqual.learning.reporting.charts import draw_capacity, draw_gain, draw_lift
from leadqual.learning.reporting.elements import (
    Column,
    details,
    fold,
    number,
    paragraph,
    percent,
    scale_of,
    section,
    span,
    table,
    with_interval,
)

_WORKED: Final = ((1, 0.05), (2, 0.1), (4, 0.2), (6, 0.3), (10, 0.5))
"""Point of the gain curve, and the share of leads it stands for."""

METRICS: Final = (
    ("auc", "AUC", "pairs (one won, one not) ranked right; 0.5 is chance"),
    ("average_precision", "average precision", "precision averaged down the ranking"),
    ("lift_10", "lift at 10 %", "wins in the best tenth, compared with a random tenth"),
    ("captured_20", "wins in top 20 %", "share of all wins among the best fifth"),
    ("revenue_20", "revenue in top 20 %", "the same for revenue, ranked by probability"),
    ("log_loss", "log loss", "how wrong the probabilities are; smaller is better"),
    ("brier", "Brier", "mean squared error of the probabilities; smaller is better"),
    ("ece", "calibration error", "mean gap between predicted and observed rates"),
    ("slope", "slope", "1 is right; below 1 the probabilities are too extreme"),
    ("observed_expected", "observed/expected", "1 is right; above 1 too few wins were predicted"),
)
_HEAD_METRICS: Final = ("auc", "log_loss", "brier", "ece", "slope", "observed_expected")


def rank_section(report: EvaluationReport) -> str:
    """Return the section on ranking as HTML."""
    return section("ranking", "Whom to call first", _rank(report))


def _rank(report: EvaluationReport) -> Iterable[str]:
    gain = report.gain
    yield paragraph(
        "Leads are put in order by the model and worked from the top."
        + (
            " The judged leads came after everything that it was fitted on."
            if report.changes is not None
            else ""
        )
    )
    charts = [draw_gain(gain), draw_lift(gain)]
    if report.capacity is not None:
        charts.append(draw_capacity(report.capacity))
    yield f'<div class="charts">{"".join(charts)}</div>'
    if report.capacity is None:
        yield paragraph(
            "Leads per day cannot be told: this history has no times, or is too short.", "soft"
        )
    yield details("The same as numbers", _worked(report))


def _worked(report: EvaluationReport) -> str:
    gain = report.gain
    bounds = gain.wins_low and gain.wins_high
    rows = []
    for place, share in _WORKED:
        low, high = (gain.wins_low[place], gain.wins_high[place]) if bounds else (np.nan, np.nan)
        caught = Interval(gain.wins[place], low, high)
        lift = Interval(caught.value / share, low / share, high / share)
        row = [
            f"best {percent(share)}",
            with_interval(caught, "percent"),
            with_interval(lift, "ratio"),
        ]
        if gain.revenue:
            row.append(percent(gain.revenue[place]))
        rows.append(row)
    columns = [Column("worked"), Column("of all wins", "n"), Column("times chance", "n")]
    if gain.revenue:
        columns.append(Column("of revenue, by value", "n"))
    return table(columns, rows, is_narrow=True)


def others_section(report: EvaluationReport) -> str:
    """Return the section on what else one could use as HTML."""
    return section("others", "Beside what else one could use", _others(report))


def _others(report: EvaluationReport) -> Iterable[str]:
    yield paragraph(
        "All were fitted on the same leads and columns and judged on the same ones. Bars are 95 % "
        "intervals of the difference on the same resamples: one that touches zero is no difference."
    )
    yield _differences(report.conversion)
    tables = {"conversion": metric_table(report.conversion)}
    tables |= {head.value: metric_table(it, _HEAD_METRICS) for head, it in report.heads.items()}
    yield fold(details(f"Every figure for {name}", body) for name, body in tables.items())


def _differences(judged: Judged) -> str:
    found = judged.comparison
    scale = scale_of(
        bound
        for row in found.differences.values()
        for bound in (row["auc"].low, row["auc"].high, 0.0)
    )
    ours = found.metrics[OURS]
    rows = [[OURS, with_interval(ours["auc"]), "", "", with_interval(ours["log_loss"]), ""]]
    for name, difference in found.differences.items():
        theirs = found.metrics[name]
        rows.append([
            escape(name),
            number(theirs["auc"].value),
            span(difference["auc"], scale=scale, zero=True),
            _difference(difference["auc"], is_loss=False),
            number(theirs["log_loss"].value),
            _difference(difference["log_loss"], is_loss=True),
        ])
    columns = [
        Column("", "name"),
        Column("AUC", "n"),
        Column("our AUC minus theirs", "range"),
        Column("", "words"),
        Column("log loss", "n"),
        Column("our log loss minus theirs", "words"),
    ]
    return table(columns, rows, ours=0)


def _difference(found: Interval, *, is_loss: bool) -> str:
    """Return a paired difference in figures and words, as HTML."""
    if not np.isfinite([found.low, found.high]).all():
        return f"{found.value:+.3f}"
    is_better = found.high < 0 if is_loss else found.low > 0
    is_worse = found.low > 0 if is_loss else found.high < 0
    word = "no clear difference"
    if is_better:
        word = '<span class="fine">we are better</span>'
    elif is_worse:
        word = '<span class="off">we are worse</span>'
    return (
        f'{word}<span class="interval">{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})'
        "</span>"
    )


def metric_table(judged: Judged, metrics: tuple[str, ...] | None = None) -> str:
    """Return one row per metric and one column per predictor, as HTML.

    Parameters
    ----------
    judged : Judged
        What is shown.
    metrics : tuple of str, optional
        Only these.
    """
    found = judged.comparison.metrics
    rows = []
    for metric, label, about in METRICS:
        is_known = any(np.isfinite(row[metric].value) for row in found.values())
        if is_known and (metrics is None or metric in metrics):
            name = f'{escape(label)}<span class="interval">{escape(about)}</span>'
            rows.append([name, *(with_interval(row[metric]) for row in found.values())])
    return table([Column("", "name"), *(Column(name, "n") for name in found)], rows)
