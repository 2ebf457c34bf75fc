"""The top of a report: what a reader should take away before reading on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from leadqual.learning.report import EvaluationReport
from leadqual.learning.reporting.elements import (
    bullets,
    count,
    in_words,
    number,
    paragraph,
    percent,
    text,
)


def summarise(report: EvaluationReport, *, title: str) -> str:
    """Return heading, headline, key figures and verdicts as HTML."""
    known = "" if report.known_until is None else f", known until {report.known_until[:10]}"
    tone, headline = report.headline
    return "".join([
        f"<header><h1>{escape(title)}</h1>",
        paragraph(f"History {report.source}{known}", "soft"),
        f'<div class="headline {tone.value}"><p>{text(headline)}</p></div>',
        _figures(report),
        bullets(report.verdicts),
        paragraph(report.champion_remark) if report.champion_remark else "",
        "</header>",
    ])


def link_to(sections: Sequence[tuple[str, str]]) -> str:
    """Return links to the sections of the page; entries are their name and title."""
    listed = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title in sections)
    return f'<nav aria-label="Sections"><ul>{listed}</ul></nav>'


def _figures(report: EvaluationReport) -> str:
    judged = report.conversion
    ours = judged.ours
    within = "" if report.horizon_days is None else f" within {report.horizon_days:.0f} days"
    expected = judged.n_yes / max(ours["observed_expected"].value, 1e-12)
    rows = [
        (
            "Wins in the best fifth of leads",
            percent(ours["captured_20"].value),
            f"{percent(ours['captured_20'].low)} to {percent(ours['captured_20'].high)}; "
            f"chance: {percent(0.2)}",
        ),
        (
            "Ranking (AUC)",
            number(ours["auc"].value),
            f"{number(ours['auc'].low)} to {number(ours['auc'].high)}; chance: 0.5",
        ),
        (
            "Wins predicted / came",
            f"{count(expected)} / {count(judged.n_yes)}",
            f"observed/expected {in_words(ours['observed_expected'], 'ratio')}",
        ),
        (
            "Judged on leads it had not seen",
            count(judged.n_leads),
            f"{count(judged.n_yes)} won{within} ({percent(judged.n_yes / judged.n_leads)})",
        ),
    ]
    revenue = report.revenue_by_value
    if np.isfinite(revenue.value):
        rows.append((
            "Revenue in the best fifth, by expected value",
            percent(revenue.value),
            f"{percent(revenue.low)} to {percent(revenue.high)}; chance: {percent(0.2)}",
        ))
    listed = "".join(
        f'<div><dt>{escape(name)}</dt><dd class="big">{escape(value)}</dd>'
        f'<dd class="soft">{escape(about)}</dd></div>'
        for name, value, about in rows
    )
    return f'<dl class="figures">{listed}</dl>'
