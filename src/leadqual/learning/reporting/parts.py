"""Parts of the judged leads, and what moves the scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import Final

from leadqual.learning.judging.influence import Influence, LevelEffect
from leadqual.learning.judging.slices import EXPLORED, Slice
from leadqual.learning.metrics import Interval
from leadqual.learning.report import EvaluationReport
from leadqual.learning.reporting.elements import (
    Column,
    count,
    details,
    fold,
    number,
    paragraph,
    percent,
    scale_of,
    section,
    share_bar,
    span,
    table,
    with_interval,
)
from leadqual.qualify.reference import CONVERSION
from leadqual.qualify.wording import label_of

N_CONVERSION: Final = 12
N_HEAD: Final = 6
_DIFFERS: Final = '<span class="tag">differs</span>'


def part_section(report: EvaluationReport) -> str:
    """Return the section on parts of the judged leads as HTML; empty without any."""
    if not report.slices:
        return ""
    return section("parts", "Does it hold everywhere?", _parts(report.slices))


def _parts(slices: Sequence[Slice]) -> Iterable[str]:
    n_off = sum(part.is_off for part in slices)
    said = (
        f"{n_off} of them differ beyond chance and are marked"
        if n_off
        else "none of them differs beyond chance"
    )
    yield paragraph(
        f"Observed and predicted rates in {len(slices)} parts of the judged leads: {said}, with "
        "the number of parts looked at in mind (Holm). The dot and its bar are observed, the "
        "upright mark is predicted."
    )
    scale = scale_of([one.high for one in slices] + [one.predicted for one in slices], low=0.0)
    columns = [
        Column("", "name"),
        Column("leads", "n"),
        Column("observed", "n"),
        Column("predicted", "n"),
        Column("", "range"),
        Column("AUC", "n wide"),
        Column(""),
    ]
    rows = []
    for field, parts in groupby(slices, key=lambda one: one.field):
        name = "How they were queued" if field == EXPLORED else label_of(field)
        rows += [[escape(name)], *(_part_row(part, scale) for part in parts)]
    yield table(columns, rows)


def _part_row(part: Slice, scale: tuple[float, float]) -> list[str]:
    observed = Interval(part.observed, part.low, part.high)
    return [
        escape(part.level),
        count(part.n_leads),
        with_interval(observed, "percent"),
        percent(part.predicted),
        span(observed, scale=scale, said=part.predicted),
        number(part.auc),
        _DIFFERS if part.is_off else "",
    ]


def driver_section(report: EvaluationReport) -> str:
    """Return the section on what moves the scores as HTML; empty where nothing does."""
    if not any(report.influence.values()):
        return ""
    return section("drivers", "What moves the scores", _drivers(report))


def _drivers(report: EvaluationReport) -> Iterable[str]:
    yield paragraph(
        "How much each column moves the prediction of a judged lead, on average and without its "
        "sign. This is what the model does, not what causes wins; columns that say the same share "
        "it. Open a column to see per value what it adds to the log-odds, and what was observed "
        "beside what was predicted."
    )
    is_sum = str(report.learned.get("conversion", "")).startswith("one step")
    if not is_sum:
        yield paragraph(
            "Conversion is a product of several answers: its parts are of first order. Those of "
            "fit, authority and budget are exact.",
            "soft",
        )
    for target in (CONVERSION, *(name for name in report.influence if name != CONVERSION)):
        found = report.influence.get(target, ())
        if not found:
            continue
        if target == CONVERSION:
            yield f"<h3>{CONVERSION}</h3>{_influences(found, N_CONVERSION)}"
            yield fold(_levels(one) for one in found[:N_CONVERSION])
        else:
            inner = _influences(found, N_HEAD) + fold(_levels(one) for one in found[:N_HEAD])
            yield details(f"{target}: what moves it", inner)


def _influences(found: Sequence[Influence], n_shown: int) -> str:
    most = max(one.share for one in found)
    columns = [
        Column("", "name"), Column("", "range"), Column("share", "n"), Column("direction", "words"),
    ]  # fmt: skip
    rows = [
        [
            escape(one.label),
            share_bar(one.share, most),
            percent(one.share),
            escape(one.direction),
        ]
        for one in found[:n_shown]
    ]
    rest = found[n_shown:]
    more = ""
    if rest:
        together = sum(one.share for one in rest)
        more = paragraph(f"{len(rest)} more columns together: {percent(together)}.", "soft")
    return table(columns, rows) + more


def _levels(one: Influence) -> str:
    """Return what each value of a column does and what was observed, folded away."""
    parts = [level.part for level in one.levels if level.part is not None]
    marked = sum(part.is_off for part in parts)
    title = f"{one.label}: by value" + (f" ({marked} differ)" if marked else "")
    scale = scale_of([part.high for part in parts] + [part.predicted for part in parts], low=0.0)
    columns = [
        Column("", "name"),
        Column("leads", "n"),
        Column("adds", "n"),
        Column("observed", "n"),
        Column("predicted", "n"),
        Column("", "range"),
        Column(""),
    ]
    rows = [_level_row(level, scale) for level in one.levels]
    return details(title, table(columns, rows))


def _level_row(level: LevelEffect, scale: tuple[float, float]) -> list[str]:
    start = [escape(level.level), count(level.n_leads), f"{level.effect:+.2f}"]
    part = level.part
    if part is None:
        return [*start, "too few", "", "", ""]
    observed = Interval(part.observed, part.low, part.high)
    return [
        *start,
        with_interval(observed, "percent"),
        percent(part.predicted),
        span(observed, scale=scale, said=part.predicted),
        _DIFFERS if part.is_off else "",
    ]
