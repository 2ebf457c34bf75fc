"""One page that says how good a model is: readable by sales, checkable by a data scientist.

Self-contained: no script, no font, no picture from elsewhere, so it can be mailed and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

import numpy as np

from leadqual.learning.curves import Gain, Slice
from leadqual.learning.metrics import Interval
from leadqual.learning.plots import Axis, Line, plot
from leadqual.learning.report import OURS, EvaluationReport, Judged

_METRICS: Final = (
    ("auc", "AUC", "Share of pairs (one won, one not) that are ranked right; 0.5 is chance."),
    ("average_precision", "average precision", "Precision averaged down the ranking."),
    ("lift_10", "lift at 10 %", "Wins in the best tenth, compared with a random tenth."),
    ("captured_20", "wins in top 20 %", "Share of all wins among the best fifth."),
    ("revenue_20", "revenue in top 20 %", "The same for revenue, ranked by probability."),
    ("log_loss", "log loss", "How wrong the probabilities are; smaller is better."),
    ("brier", "Brier", "Mean squared error of the probabilities; smaller is better."),
    ("ece", "calibration error", "Mean gap between predicted and observed rates."),
    ("slope", "slope", "1 is right; below 1 the probabilities are too extreme."),
    ("observed_expected", "observed/expected", "1 is right; above 1 too few wins were predicted."),
)
NOT_KNOWN: Final = "n/a"
_HEAD_METRICS: Final = ("auc", "log_loss", "brier", "ece", "slope", "observed_expected")
_COVERAGE: Final = {
    "leads": "leads in the history",
    "future": "created after the moment of knowledge",
    "excluded": "spam, bad data, duplicates, not to be contacted",
    "never_worked": "never worked: no answer, not a failure",
    "open": "open: not won yet, counted as far as they are old",
    "ended_without_win": "ended without a win",
    "won": "won",
    "events_clamped": "events dated before their lead",
    "events_of_unknown_leads": "events of leads that are not in the history",
}
_STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto;
  max-width: 68rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
.quiet { color: #5b6675; } .verdicts { padding: .8rem 1rem .8rem 2rem; background: #eef3fa;
  border-left: 4px solid #2459a8; }
table { border-collapse: collapse; font-size: .86rem; margin: .6rem 0; display: block;
  overflow-x: auto; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid #dde3ea;
  white-space: nowrap; vertical-align: top; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
td.ours, th.ours { font-weight: 600; background: #eef3fa; }
.interval { color: #5b6675; display: block; font-weight: 400; font-size: .8rem; }
.plots { display: flex; flex-wrap: wrap; gap: 1.2rem; } figure { margin: 0; flex: 1 1 22rem;
  max-width: 30rem; } figcaption { font-size: .86rem; color: #5b6675; }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: #3a4554; }
.grid { stroke: #e3e8ee; } .a { stroke: #2459a8; fill: none; stroke-width: 2.2; }
.b { stroke: #b4570b; fill: none; stroke-width: 2.2; stroke-dasharray: 6 3; }
.even { stroke: #8a94a1; fill: none; stroke-dasharray: 3 3; }
.dot { stroke: #2459a8; fill: #2459a8; fill-opacity: .65; stroke-width: 2; }
@media print { body { margin: 0; } .plots { break-inside: avoid; } }
"""


def render(report: EvaluationReport, *, title: str = "Evaluation") -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    report : EvaluationReport
        From `evaluate`.
    title : str
        Heading, a model version say.
    """
    known = "" if report.known_until is None else f", known until {report.known_until[:10]}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(report.source)}{known}</p>',
        _list(report.verdicts, "verdicts"),
        f"<p>{escape(report.protocol)}</p>",
        *_conversion(report),
        *_heads(report),
        *_slices(report.slices),
        *_history(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · leadqual</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _conversion(report: EvaluationReport) -> Iterable[str]:
    judged = report.conversion
    within = "" if report.horizon_days is None else f" within {report.horizon_days:.0f} days"
    yield f"<h2>Will it be won{within}?</h2>"
    yield (
        f"<p>{judged.n_leads} leads, {judged.n_yes} won ({judged.n_yes / judged.n_leads:.1%}). "
        "Every figure stands above its 95 % interval (bootstrap); all predictors were fitted on "
        "the same leads and columns and judged on the same ones.</p>"
    )
    yield _metric_table(judged)
    if np.isfinite(report.revenue_by_value.value):
        yield (
            "<p>Ranked by expected value (probability times amount), the best fifth of leads holds "
            f"{_percent(report.revenue_by_value)} of revenue.</p>"
        )
    yield f'<div class="plots">{_reliability(judged, "conversion")}{_gain(report.gain)}</div>'


def _heads(report: EvaluationReport) -> Iterable[str]:
    yield "<h2>Fit, authority, budget</h2>"
    yield (
        "<p>Judged on what reps recorded about later leads. That is not the whole truth: reps stop "
        "at the first thing that is missing, name wrong reasons and let some through.</p>"
    )
    for head, judged in report.heads.items():
        yield f"<h3>{head.value}</h3><p>{judged.n_leads} leads known, {judged.n_yes} pass.</p>"
        if head in report.heads_without_skill:
            yield _list((report.heads_without_skill[head],), "verdicts")
        yield _metric_table(judged, _HEAD_METRICS)
        yield f'<div class="plots">{_reliability(judged, head.value)}</div>'
    if report.heads_not_judged:
        named = (f"{head.value}: {why}" for head, why in report.heads_not_judged.items())
        yield _list(tuple(named), "quiet")


def _slices(slices: Sequence[Slice]) -> Iterable[str]:
    if not slices:
        return
    yield "<h2>Parts of the judged leads</h2>"
    rows = "".join(
        f"<tr><td>{escape(part.field)}: {escape(part.level)}</td><td>{part.n_leads}</td>"
        f"<td>{part.n_won}</td><td>{part.observed:.1%}</td><td>{part.predicted:.1%}</td>"
        f"<td>{_number(part.auc)}</td></tr>"
        for part in slices
    )
    yield (
        "<table><thead><tr><th>part</th><th>leads</th><th>won</th><th>observed</th>"
        f"<th>predicted</th><th>AUC</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _history(report: EvaluationReport) -> Iterable[str]:
    yield "<h2>What there was to learn from</h2>"
    rows = "".join(
        f"<tr><td>{escape(_COVERAGE.get(name, name))}</td><td>{n}</td></tr>"
        for name, n in report.coverage.items()
        if n
    )
    yield f"<table><tbody>{rows}</tbody></table>"
    shares = report.learned.get("share_of_wins_by_days")
    if isinstance(shares, dict) and shares:
        told = ", ".join(f"{share:.0%} within {days} days" for days, share in shares.items())
        yield f"<p>How long wins take: {told}.</p>"
    yield (
        f"<p>Judged model: {escape(str(report.learned.get('conversion', '')))}, from "
        f"{report.n_train} leads with {report.n_train_won} wins.</p>"
    )
    if report.notes:
        yield _list(report.notes, "notes")


def _metric_table(judged: Judged, metrics: Sequence[str] | None = None) -> str:
    """One row per metric, one column per predictor; the last rows are paired differences."""
    found = judged.comparison.metrics
    head = "".join(f"<th{_ours(name)}>{escape(name)}</th>" for name in found)
    rows = []
    for metric, label, why in _METRICS:
        is_known = any(np.isfinite(row[metric].value) for row in found.values())
        if is_known and (metrics is None or metric in metrics):
            cells = "".join(f"<td{_ours(n)}>{_cell(row[metric])}</td>" for n, row in found.items())
            rows.append(f'<tr><td title="{escape(why)}">{escape(label)}</td>{cells}</tr>')
    for metric, label in (
        ("auc", "our AUC minus theirs"),
        ("log_loss", "our log loss minus theirs"),
    ):
        cells = "".join(
            f"<td>{_cell(judged.comparison.differences[name][metric])}</td>"
            for name in found
            if name != OURS
        )
        rows.append(f'<tr><td>{label}</td><td class="ours"></td>{cells}</tr>')
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _ours(name: str) -> str:
    return ' class="ours"' if name == OURS else ""


def _cell(found: Interval) -> str:
    if not np.isfinite([found.low, found.high]).all():
        return _number(found.value)
    return (
        f'{_number(found.value)}<span class="interval">{_number(found.low)} to '
        f"{_number(found.high)}</span>"
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else NOT_KNOWN


def _percent(found: Interval) -> str:
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})"


def _reliability(judged: Judged, name: str) -> str:
    points = [(expected, observed) for expected, observed, _ in judged.reliability]
    highest = max(max(point) for point in points)
    high = min(1.0, np.ceil(highest * 20) / 20)
    drawn = plot(
        [
            Line("predicted as observed", [(0.0, 0.0), (high, high)], "even"),
            Line("tenths of the leads", points, "dot", [4.0] * len(points)),
        ],
        x=Axis("predicted", high),
        y=Axis("observed", high),
        title=f"Reliability of {name}",
    )
    return (
        f"<figure>{drawn}<figcaption>Reliability of {escape(name)}: each dot is a tenth of the "
        "leads. On the line, ten in a hundred means ten in a hundred.</figcaption></figure>"
    )


def _gain(gain: Gain) -> str:
    lines = [
        Line("any order", [(0.0, 0.0), (1.0, 1.0)], "even"),
        Line("wins", list(zip(gain.worked, gain.wins, strict=True)), "a"),
    ]
    if gain.revenue:
        revenue = list(zip(gain.worked, gain.revenue, strict=True))
        lines.append(Line("revenue, by expected value", revenue, "b"))
    drawn = plot(lines, x=Axis("leads worked, best first"), y=Axis("caught"), title="Gain and lift")
    fifth = gain.wins[4]
    return (
        f"<figure>{drawn}<figcaption>Working the best fifth of leads catches {fifth:.0%} of the "
        f"wins, {fifth / 0.2:.1f} times what chance would.</figcaption></figure>"
    )


def _list(items: Sequence[str], style: str) -> str:
    return f'<ul class="{style}">{"".join(f"<li>{escape(item)}</li>" for item in items)}</ul>'
