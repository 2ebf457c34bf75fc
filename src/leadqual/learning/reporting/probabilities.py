"""Whether the probabilities are right: conversion, heads and steps of the funnel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

import numpy as np

from leadqual.learning.judging.judged import Judged
from leadqual.learning.report import EvaluationReport
from leadqual.learning.reporting.charts import draw_reliability
from leadqual.learning.reporting.elements import (
    Column,
    bullets,
    count,
    details,
    number,
    paragraph,
    percent,
    section,
    table,
    with_interval,
)


def probability_section(report: EvaluationReport) -> str:
    """Return the section on probabilities as HTML."""
    return section("probabilities", "Are the probabilities right?", _probabilities(report))


def _probabilities(report: EvaluationReport) -> Iterable[str]:
    yield paragraph(
        "Each dot is a tenth of the judged leads with the 95 % interval of what came true. On the "
        "dashed line, ten in a hundred means ten in a hundred; a bar that crosses it is right as "
        "far as can be told."
    )
    shown = {"conversion": report.conversion}
    shown |= {head.value: judged for head, judged in report.heads.items()}
    yield _charts(shown)
    yield "<h3>Calibration with 95 % intervals</h3>"
    yield _table({**shown, **report.stages})
    yield paragraph(
        "The calibration error is a mean of gaps without sign, so counting alone makes some of it: "
        "beside it stands what perfect probabilities would show on as many leads. Slope: below 1 "
        "the probabilities are too extreme, above 1 too timid.",
        "soft",
    )
    if report.heads:
        yield paragraph(
            "Fit, authority and budget are judged on what reps recorded about later leads. That is "
            "not the whole truth: reps stop at the first thing that is missing, name wrong reasons "
            "and let some through.",
            "soft",
        )
    steps = [f"{name}: {judged.remark}" for name, judged in report.stages.items() if judged.remark]
    yield details(
        "Steps of the funnel", _charts(report.stages) + bullets(steps) if report.stages else ""
    )
    missing = [f"{head.value}: {why}" for head, why in report.heads_not_judged.items()]
    missing += [f"{name}: {why}" for name, why in report.stages_not_judged.items()]
    if missing:
        yield "<h3>Not judged</h3>" + bullets(missing, "soft")


def _charts(judged: Mapping[str, Judged]) -> str:
    drawn = (
        draw_reliability(
            found.reliability,
            name,
            caption=f"{count(found.n_leads)} leads, {count(found.n_yes)} yes: {read(found)}.",
        )
        for name, found in judged.items()
    )
    return f'<div class="charts small">{"".join(drawn)}</div>'


def _table(judged: Mapping[str, Judged]) -> str:
    columns = [
        Column("", "name"),
        Column("leads, yes", "n"),
        Column("AUC", "n"),
        Column("calibration error", "n"),
        Column("by chance", "n"),
        Column("slope", "n"),
        Column("observed / expected", "n"),
        Column("read as", "words"),
    ]
    rows = [
        [
            escape(name),
            f'{count(found.n_leads)}<span class="interval">{percent(found.n_yes / found.n_leads)}'
            "</span>",
            with_interval(found.ours["auc"]),
            with_interval(found.ours["ece"]),
            number(found.ece_by_chance),
            with_interval(found.ours["slope"], "ratio"),
            with_interval(found.ours["observed_expected"], "ratio"),
            escape(read(found)),
        ]
        for name, found in judged.items()
    ]
    return table(columns, rows)


def read(judged: Judged) -> str:
    """Say in words what level, spread and ranking of some probabilities are like."""
    ratio, slope = judged.ours["observed_expected"], judged.ours["slope"]
    said = []
    if ratio.low > 1:
        said.append(f"level too low by {percent(1 - 1 / ratio.value)}")
    elif ratio.high < 1:
        said.append(f"level too high by {percent(1 / ratio.value - 1)}")
    if np.isfinite(slope.value) and judged.has_ranking_skill:
        said += ["too extreme"] if slope.high < 1 else []
        said += ["too timid"] if slope.low > 1 else []
    if not judged.has_ranking_skill:
        said.append("no skill in ranking")
    return ", ".join(said) or "right as far as can be told"
