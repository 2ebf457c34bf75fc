"""Whether the world is still the one that was learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from leadqual.learning.judging.drift import MOVED, MOVED_FAR, Changes, Drift
from leadqual.learning.judging.win_rate import Period
from leadqual.learning.metrics import Interval
from leadqual.learning.report import EvaluationReport
from leadqual.learning.reporting.elements import (
    Column,
    count,
    details,
    paragraph,
    percent,
    ratio,
    scale_of,
    section,
    span,
    table,
    with_interval,
)

MAX_SHOWN: Final = 12
_JUDGED: Final = '<span class="interval">judged</span>'
_LEARNED: Final = '<span class="interval">learned from</span>'


def change_section(report: EvaluationReport) -> str:
    """Return the section on drift as HTML."""
    return section("changes", "Has the world changed?", _changes(report))


def _changes(report: EvaluationReport) -> Iterable[str]:
    changes = report.changes
    if changes is None:
        yield paragraph("This history has no order in time, so no change can be told.")
        return
    yield from _win_rate(changes.win_rate, report.horizon_days)
    yield from _predictions(changes)
    yield from _columns(changes)


def _win_rate(periods: Sequence[Period], horizon_days: float | None) -> Iterable[str]:
    if not periods:
        return
    before = [one for one in periods if not one.is_judged]
    after = [one for one in periods if one.is_judged]
    within = "" if horizon_days is None else f" within {horizon_days:.0f} days"
    yield "<h3>Win rate</h3>"
    who = "worked leads" if horizon_days is None else "worked leads that are old enough"
    yield paragraph(
        f"Share won{within} of the {who}, in periods with equally many: "
        f"{percent(_mean(before))} before, {percent(_mean(after))} among the judged leads."
    )
    scale = scale_of([one.high for one in periods], low=0.0)
    columns = [
        Column("from", "name"), Column("leads", "n"), Column("won", "n"), Column("rate", "n"),
        Column("", "range"),
    ]  # fmt: skip
    rows = [
        [
            f"{escape(one.name)}{_JUDGED if one.is_judged else _LEARNED}",
            count(one.n_leads),
            count(one.n_won),
            with_interval(Interval(one.observed, one.low, one.high), "percent"),
            span(Interval(one.observed, one.low, one.high), scale=scale),
        ]
        for one in periods
    ]
    yield table(columns, rows)


def _mean(periods: Sequence[Period]) -> float:
    n_leads = sum(one.n_leads for one in periods)
    return sum(one.n_won for one in periods) / n_leads if n_leads else float("nan")


def _predictions(changes: Changes) -> Iterable[str]:
    found = changes.predictions
    yield "<h3>Predictions</h3>"
    word = "about the same spread"
    if found.index > MOVED:
        word = "a different spread" if found.index <= MOVED_FAR else "a very different spread"
    yield paragraph(
        f"Mean prediction {percent(found.mean_before)} for the leads learned from and "
        f"{percent(found.mean_after)} for the judged ones, {word} (index {ratio(found.index)}). "
        "Some of it is natural: the former have shaped the model."
    )


def _columns(changes: Changes) -> Iterable[str]:
    moved = changes.moved
    yield "<h3>Columns</h3>"
    yield paragraph(
        f"{len(moved)} of {len(changes.features)} columns moved between the worked leads learned "
        f"from and the judged ones: index above {MOVED:g} and beyond chance; above {MOVED_FAR:g} "
        "is a lot (population stability index)."
    )
    yield _drift_table(moved[:MAX_SHOWN])
    rest = [one for one in changes.features if one not in moved[:MAX_SHOWN]]
    yield details(f"The other {len(rest)} columns", _drift_table(rest) if rest else "")


def _drift_table(found: Sequence[Drift]) -> str:
    columns = [
        Column("", "name"),
        Column("index", "n"),
        Column("new", "n"),
        Column("what moved", "words"),
    ]
    rows = [
        [
            escape(one.label),
            f'<span class="off">{ratio(one.index)}</span>'
            if one.has_moved_far
            else ratio(one.index),
            percent(one.share_new) if one.share_new else "",
            escape(one.text),
        ]
        for one in found
    ]
    return table(columns, rows)
