"""A backtest as one page: four curves and the figures behind them.

Self-contained: no script, no font, no picture from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from leadqual.learning.replay.result import AUC_WITHIN, POOLED, SHOWN, Backtest
from leadqual.learning.replay.steps import RETRAINED, SHORT_NAMES
from leadqual.learning.reporting.charts import draw_key, figure
from leadqual.learning.reporting.elements import (
    Column,
    bullets,
    count,
    number,
    page,
    paragraph,
    section,
    table,
    text,
    with_interval,
)
from leadqual.learning.reporting.plots import Axis, Line, plot
from leadqual.learning.reporting.style import STYLE

_TITLES: Final = {
    "auc": ("AUC", "Share of pairs (one won, one not) ranked right; the thin line is chance."),
    AUC_WITHIN: ("AUC within steps", ""),
    "lift_10": ("lift at 10 %", "Wins in the best tenth, against a random tenth (the thin line)."),
    "ece": ("calibration error", "Mean gap between predicted and observed rates; 0 is right."),
    "observed_expected": (
        "observed/expected",
        "1 (the thin line) is right; above 1 too few wins were predicted. Above 4 is drawn at 4.",
    ),
    "log_loss": ("log loss", ""),
}
_EVEN: Final = {"auc": 0.5, "lift_10": 1.0, "observed_expected": 1.0}
_MOST: Final = {"auc": 1.0, "observed_expected": 4.0}
"""Observed over expected may be anything where next to nothing was predicted."""

_MARK_STEPS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0)
_LINES: Final = (
    ("#8a94a1", "7 4"),
    ("#2459a8", ""),
    ("#0f8a6d", "9 3"),
    ("#b4570b", ""),
    ("#a3317f", "2 3"),
    ("#7a6a00", "8 3 2 3"),
)
_STYLE: Final = """
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure { max-width: none; } svg text { font-size: 13px; }
"""


def render(found: Backtest, *, title: str = "Backtest") -> str:
    """Return a backtest as one HTML page.

    Parameters
    ----------
    found : Backtest
        From `backtest`.
    title : str
        Heading.
    """
    styles = _STYLE + "".join(
        f".p{i} {{ stroke: {colour}; fill: none; stroke-width: 2.2; stroke-dasharray: {dash}; }}\n"
        for i, (colour, dash) in enumerate(_LINES)
    )
    body = [
        f"<h1>{escape(title)}</h1>",
        paragraph(found.protocol),
        _headline(found),
        _curves(found),
        _pooled(found),
        _points(found),
    ]
    return page(title, body, style=STYLE + styles)


def _headline(found: Backtest) -> str:
    verdict = found.headline.partition(":")[0]
    style = {"Retraining paid": "good", "Retraining cost": "bad"}.get(verdict, "mixed")
    said = paragraph(found.headline)
    return f'<div class="headline {style}">{said}</div>{bullets(found.verdicts)}'


def _curves(found: Backtest) -> str:
    key = [(f"p{i}", name) for i, name in enumerate(found.predictors)]
    joined = (
        f"Each point joins steps until 20 leads were won and 20 were not: {len(found.curve)} "
        f"points from {len(found.steps)} steps."
    )
    drawn = "".join(_figure(found, metric) for metric in SHOWN)
    charts = f'<div class="charts">{drawn}</div>'
    return section("steps", "Step by step", [paragraph(joined), draw_key(key), charts])


def _figure(found: Backtest, metric: str) -> str:
    """Draw one curve per predictor over the steps."""
    title, about = _TITLES[metric]
    n_steps = len(found.steps)
    lines = [
        Line(
            [
                ((point.first + point.last + 1) / 2, point.metrics[name][metric])
                for point in found.curve
                if np.isfinite(point.metrics[name][metric])
            ],
            f"p{i}",
        )
        for i, name in enumerate(found.predictors)
    ]
    y = _scale(metric, [value for line in lines for _, value in line.points])
    if metric in _EVEN:
        lines.insert(0, Line([(0, _EVEN[metric]), (n_steps, _EVEN[metric])], "even"))
    unit = "row" if found.horizon_days is None else "day"
    x = Axis(f"{unit} of arrival", high=n_steps, labels=found.marks)
    drawn = plot(lines, x=x, y=y, title=f"{title} over time")
    return figure(title, drawn, caption=about)


def _scale(metric: str, values: Sequence[float]) -> Axis:
    """Choose an axis with even marks that shows all points, and what is chance or right."""
    even = _EVEN.get(metric, 0.0)
    low = min([*values, even]) if metric == "auc" else 0.0
    high = min(max([*values, even]), _MOST.get(metric, np.inf))
    for step in _MARK_STEPS:
        start = np.floor(low / step + 1e-9) * step
        if start + 4 * step >= high:
            break
    return Axis(_TITLES[metric][0], low=start, high=start + 4 * step, is_share=metric == "ece")


def _pooled(found: Backtest) -> str:
    differences = {
        f"minus {name.removeprefix('leadqual, ')}": metrics
        for name, metrics in found.pooled.differences.items()
    }
    rows = [
        [text(name), *(with_interval(metrics[metric]) for metric in POOLED)]
        for name, metrics in [*found.pooled.metrics.items(), *differences.items()]
    ]
    rows.insert(len(found.predictors), ["Retrained model minus another, paired"])
    columns = [Column("", "name"), *(Column(_TITLES[metric][0], "n") for metric in POOLED)]
    about = (
        f"{count(len(found.judged))} leads, {count(found.won.sum())} won. Every figure stands "
        "above its 95 % interval (bootstrap). The AUC within steps counts only pairs of one "
        "step: what is left of a difference there is ranking, not a level that moves with time."
    )
    ours = found.predictors.index(RETRAINED)
    shown = table(columns, rows, ours=ours)
    return section("pooled", "Over all judged arrivals", [paragraph(about), shown])


def _points(found: Backtest) -> str:
    columns = [Column("from", "name"), Column("judged", "n"), Column("won", "n")]
    columns += [Column(SHORT_NAMES[name], "n") for name in found.predictors]
    rows = [
        [
            text(found.steps[point.first].name),
            count(point.n_judged),
            count(point.n_won),
            *(number(point.metrics[name]["auc"]) for name in found.predictors),
        ]
        for point in found.curve
    ]
    return section("points", "Points of the curves: AUC", [table(columns, rows)])
