"""What there was to learn from, what was left out, and what was fitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from leadqual.learning.judging.coverage import Known
from leadqual.learning.report import EvaluationReport
from leadqual.learning.reporting.elements import (
    Column,
    bullets,
    count,
    details,
    number,
    paragraph,
    percent,
    section,
    share_bar,
    table,
)
from leadqual.qualify.wording import shown

MAX_DROPPED: Final = 40
_COUNTS: Final = {
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


def history_section(report: EvaluationReport) -> str:
    """Return the section on labels and their age as HTML."""
    return section("history", "What there was to learn from", _history(report))


def _history(report: EvaluationReport) -> Iterable[str]:
    coverage = report.coverage
    counts = [
        [escape(_COUNTS.get(name, name)), count(n)] for name, n in coverage.counts.items() if n
    ]
    yield table([Column("", "name"), Column("", "n")], counts, is_narrow=True)
    yield from _maturity(report)
    yield "<h3>Which answers are known</h3>"
    yield _known({**coverage.heads, **coverage.stages})
    if report.notes:
        part = " of the older part, that was learned from" if report.changes is not None else ""
        yield f"<h3>Peculiarities{part}</h3>" + bullets(report.notes)


def _maturity(report: EvaluationReport) -> Iterable[str]:
    coverage = report.coverage
    yield "<h3>How long wins take</h3>"
    shares = coverage.share_of_wins_by_days
    if not shares:
        yield paragraph("Not known: there are no times, or too few wins with one.")
        return
    rows = [
        [f"within {days} days", share_bar(share, 1.0), percent(share)]
        for days, share in shares.items()
    ]
    columns = [Column(""), Column("", "range"), Column("of wins", "n")]
    yield table(columns, rows, is_narrow=True)
    n_worked = coverage.n_open + coverage.counts["ended_without_win"] + coverage.counts["won"]
    young = f"{count(coverage.n_young)} of them are younger than half of the wins take"
    yield paragraph(
        f"{count(coverage.n_open)} of {count(n_worked)} worked leads are open "
        f"({percent(coverage.n_open / max(n_worked, 1))}); "
        + (f"{young} and say next to nothing yet." if coverage.n_young else "none is very young.")
    )


def _known(known: Mapping[str, Known]) -> str:
    columns = [
        Column("", "name"), Column("yes", "n"), Column("no", "n"), Column("not known", "n"),
        Column("known", "n"),
    ]  # fmt: skip
    rows = []
    for name, found in known.items():
        n_all = found.n_yes + found.n_no + found.n_open
        rows.append([
            escape(name),
            count(found.n_yes),
            count(found.n_no),
            count(found.n_open),
            percent((found.n_yes + found.n_no) / n_all) if n_all else "",
        ])
    return table(columns, rows, is_narrow=True)


def refusal_section(report: EvaluationReport) -> str:
    """Return the section on what was not used, and why, as HTML."""
    return section("refused", "What was refused or left out", _refusals(report))


def _refusals(report: EvaluationReport) -> Iterable[str]:
    refused = report.refused
    yield "<h3>Columns that may know the outcome</h3>"
    if refused.leaks:
        yield paragraph(
            "These look known only after the outcome. They were used here all the same, so every "
            "figure above may be too good; training stops at them."
        )
        yield bullets([f"{shown(name)}: {why}" for name, why in refused.leaks.items()])
    else:
        yield paragraph("None found. The guard finds gross leaks; it cannot find every one.")
    dropped = report.learned.get("dropped")
    if isinstance(dropped, Mapping) and dropped:
        listed = [f"{shown(str(name))}: {why}" for name, why in list(dropped.items())[:MAX_DROPPED]]
        more = len(dropped) - len(listed)
        listed += [f"and {more} more"] if more > 0 else []
        yield details(f"Columns that were left out, and why ({len(dropped)})", bullets(listed))
    if refused.rows:
        counted = ", ".join(f"{count(n)} of {shown(name)}" for name, n in refused.rows.items())
        yield "<h3>Rows that could not be used</h3>" + paragraph(f"{counted}. Most often:")
        yield bullets([f"{count(n)} x {problem}" for problem, n in refused.problems.items()])


def method_section(report: EvaluationReport) -> str:
    """Return the section on what the judged leads cannot say, and how it was done, as HTML."""
    return section("limits", "What this cannot say, and how it was done", _method(report))


def _method(report: EvaluationReport) -> Iterable[str]:
    yield paragraph(report.selection.text)
    yield paragraph(report.protocol)
    yield paragraph(
        f"Judged model: {report.learned.get('conversion', '')}, from {count(report.n_train)} leads "
        f"with {count(report.n_train_won)} wins."
    )
    yield details("Learners that were chosen, by validation", _learners(report))


def _learners(report: EvaluationReport) -> str:
    """Return recipe and validation losses per head, step and direct model."""
    found = {"conversion, direct": report.learned.get("direct")}
    for kind in ("heads", "stages"):
        members = report.learned.get(kind)
        if isinstance(members, Mapping):
            found |= {str(name): member for name, member in members.items()}
    rows = [
        [escape(name), escape(str(member["recipe"])), _losses(member.get("validation_log_loss"))]
        for name, member in found.items()
        if isinstance(member, Mapping) and "recipe" in member
    ]
    columns = [
        Column("", "name"),
        Column("chosen", "words"),
        Column("validation log loss of candidates", "words"),
    ]
    return table(columns, rows)


def _losses(losses: object) -> str:
    if not isinstance(losses, Mapping) or not losses:
        return '<span class="soft">nothing to choose</span>'
    best = sorted(losses.items(), key=lambda pair: pair[1])
    return "<br>".join(f"{escape(str(name))} {number(float(loss))}" for name, loss in best)
