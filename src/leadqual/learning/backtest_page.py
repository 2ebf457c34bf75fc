"""A backtest as one page: four curves and the figures behind them.

Self-contained: no script, no font, no picture from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from leadqual.learning.backtest_result import AUC_WITHIN, POOLED, SHOWN, Backtest
from leadqual.learning.metrics import Interval
from leadqual.learning.plots import Axis, Line, plot

_TITLES: Final = {
    "auc": ("AUC", "Share of pairs (one won, one not) ranked right; the dotted line is chance."),
    AUC_WITHIN: ("AUC within steps", "Only pairs of one step."),
    "lift_10": ("lift at 10 %", "Wins in the best tenth, against a random tenth (dotted)."),
    "ece": ("calibration error", "Mean gap between predicted and observed rates; 0 is right."),
    "observed_expected": ("observed/expected", "1 is right; above 1 too few wins were predicted."),
    "log_loss": ("log loss", "How wrong the probabilities are; smaller is better."),
}
_EVEN: Final = {"auc": 0.5, "lift_10": 1.0, "observed_expected": 1.0}
_MOST: Final = {"auc": 1.0, "observed_expected": 4.0}
"""Observed over expected may be anything where next to nothing was predicted."""

_MARK_STEPS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0)

_COLOURS: Final = ("#8a94a1", "#2459a8", "#0f8a6d", "#b4570b", "#a3317f", "#7a6a00")
_DASHES: Final = ("7 4", "", "", "5 3", "2 3", "8 3 2 3")
_STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto;
  max-width: 68rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .4rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
.verdicts { padding: .8rem 1rem .8rem 2rem; background: #eef3fa; border-left: 4px solid #2459a8; }
table { border-collapse: collapse; font-size: .86rem; margin: .6rem 0; display: block;
  overflow-x: auto; }
th, td { text-align: right; padding: .25rem .45rem; border-bottom: 1px solid #dde3ea;
  white-space: nowrap; vertical-align: top; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
.interval { color: #5b6675; display: block; font-size: .8rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1.2rem; }
figure { margin: 0; } figcaption, .legend { font-size: .86rem; color: #3a4554; }
.legend span { display: inline-block; margin-right: 1.2rem; white-space: nowrap; }
.legend svg { width: 2.2rem; height: .7rem; margin-right: .4rem; vertical-align: middle; }
figure svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif;
  fill: #3a4554; }
.grid { stroke: #e3e8ee; } .even { stroke: #8a94a1; fill: none; stroke-dasharray: 3 3; }
@media print { body { margin: 0; } figure { break-inside: avoid; } }
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
    body = [
        f"<h1>{escape(title)}</h1><p>{escape(found.protocol)}</p>",
        '<ul class="verdicts">',
        *[f"<li>{escape(verdict)}</li>" for verdict in found.verdicts],
        "</ul>",
        "<h2>Step by step</h2>",
        f"<p>Each point joins steps until 20 leads were won and 20 were not: {len(found.curve)} "
        f"points from {len(found.steps)} steps.</p>",
        _legend(found.predictors),
        f'<div class="plots">{"".join(_figure(found, name) for name in SHOWN)}</div>',
        "<h2>Over all judged arrivals</h2>",
        f"<p>{len(found.judged)} leads, {int(found.won.sum())} won. Every figure stands above its "
        "95 % interval (bootstrap). The AUC within steps counts only pairs of one step: what is "
        "left of a difference there is ranking, not a level that moves with time.</p>",
        _pooled(found),
        "<h2>Points of the curves: AUC</h2>",
        _points(found),
    ]
    colours = "".join(
        f".p{i} {{ stroke: {colour}; fill: none; stroke-width: 2; stroke-dasharray: {dash}; }} "
        for i, (colour, dash) in enumerate(zip(_COLOURS, _DASHES, strict=True))
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · leadqual</title><style>{_STYLE}{colours}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _legend(predictors: Sequence[str]) -> str:
    shown = "".join(
        f'<span><svg viewBox="0 0 40 10" aria-hidden="true"><line class="p{i}" x1="0" y1="5" '
        f'x2="40" y2="5"/></svg>{escape(name)}</span>'
        for i, name in enumerate(predictors)
    )
    return f'<p class="legend">{shown}</p>'


def _figure(found: Backtest, metric: str) -> str:
    """Draw one curve per predictor over the steps."""
    title, about = _TITLES[metric]
    n_steps = len(found.steps)
    lines = [
        Line(
            "",
            [
                ((point.first + point.last + 1) / 2, point.metrics[name][metric])
                for point in found.curve
                if np.isfinite(point.metrics[name][metric])
            ],
            f"p{i}",
        )
        for i, name in enumerate(found.predictors)
    ]
    y = _scale(metric, [value for line in lines for _, value in line.points], title)
    if metric in _EVEN:
        lines.insert(0, Line("", [(0, _EVEN[metric]), (n_steps, _EVEN[metric])], "even"))
    unit = "row" if found.horizon_days is None else "day"
    x = Axis(f"{unit} of arrival", high=n_steps, labels=found.marks)
    drawn = plot(lines, x=x, y=y, title=f"{title} over time")
    return f"<figure>{drawn}<figcaption>{escape(title)}. {escape(about)}</figcaption></figure>"


def _scale(metric: str, values: Sequence[float], title: str) -> Axis:
    """Choose an axis with even marks that shows all points, and what is chance or right."""
    even = _EVEN.get(metric, 0.0)
    low = min([*values, even]) if metric == "auc" else 0.0
    high = min(max([*values, even]), _MOST.get(metric, np.inf))
    for step in _MARK_STEPS:
        start = np.floor(low / step + 1e-9) * step
        if start + 4 * step >= high:
            break
    return Axis(title, low=start, high=start + 4 * step, is_share=metric == "ece")


def _pooled(found: Backtest) -> str:
    rows = [(name, table) for name, table in found.pooled.metrics.items()]
    rows += [
        (f"retrained minus {name.removeprefix('leadqual, ')}", table)
        for name, table in found.pooled.differences.items()
    ]
    head = "".join(f"<th>{escape(_TITLES[name][0])}</th>" for name in POOLED)
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(_cell(table[metric]) for metric in POOLED)}</tr>"
        for name, table in rows
    )
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(found: Interval) -> str:
    if not np.isfinite(found.value):
        return "<td>n/a</td>"
    between = f"[{found.low:.3f}, {found.high:.3f}]" if np.isfinite(found.low) else ""
    return f'<td>{found.value:.3f}<span class="interval">{between}</span></td>'


def _points(found: Backtest) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in ("judged", "won", *found.predictors))
    rows = []
    for point in found.curve:
        cells = [str(point.n_judged), str(point.n_won)]
        values = [point.metrics[name]["auc"] for name in found.predictors]
        cells += [f"{value:.3f}" if np.isfinite(value) else "n/a" for value in values]
        name = found.steps[point.first].name
        rows.append(f"<tr><td>{escape(name)}</td>{''.join(f'<td>{c}</td>' for c in cells)}</tr>")
    return (
        f"<table><thead><tr><th>from</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )
