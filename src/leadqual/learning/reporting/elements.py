"""What the sections of a report are built from; every text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np

from leadqual.learning.metrics import Interval

NOT_KNOWN: Final = "n/a"
_SPACE: Final = "\u00a0"
_MAX_BESIDE: Final = 3
"""Columns that fit on a phone; the cells of a row with more of them stand below each other."""

_OURS: Final = ' class="ours"'
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Escaping keeps what leads wrote from being HTML; were it ever forgotten, nothing would run."""


def page(title: str, body: Iterable[str], *, style: str) -> str:
    """Return a whole page that loads nothing and runs nothing; `body` is HTML, `title` text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · leadqual</title><style>{style}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def text(words: str) -> str:
    """Return words as HTML; a number and its percent sign stay on one line."""
    return escape(words).replace(" %", f"{_SPACE}%")


def section(name: str, title: str, body: Iterable[str]) -> str:
    """Return a section that links can point at; `body` is HTML."""
    return f'<section id="{name}"><h2>{escape(title)}</h2>{"".join(body)}</section>'


def paragraph(words: str, style: str = "") -> str:
    """Return a paragraph of text."""
    kind = f' class="{style}"' if style else ""
    return f"<p{kind}>{text(words)}</p>"


def bullets(items: Sequence[str], style: str = "") -> str:
    """Return a list of texts; nothing for none."""
    kind = f' class="{style}"' if style else ""
    listed = "".join(f"<li>{text(item)}</li>" for item in items)
    return f"<ul{kind}>{listed}</ul>" if items else ""


def details(summary: str, body: str) -> str:
    """Return what is shown when asked for; `body` is HTML."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>" if body else ""


@dataclass(frozen=True)
class Column:
    """A column of a table with its title; cells are HTML.

    `style` is `n` for numbers, `name`, `range` for bars, or `words` for text that needs room;
    `wide` beside it leaves the column out on phones.
    """

    title: str
    style: str = ""


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    ours: int = -1,
    is_narrow: bool = False,
) -> str:
    """Return a table that scrolls by itself where it is too wide; nothing without rows.

    Parameters
    ----------
    columns : sequence of Column
        With the same length as each row.
    rows : sequence of sequence of str
        Cells as HTML; a row of one cell is a heading of those below it.
    ours : int
        Row that is set off.
    is_narrow : bool
        Whether it should not take the whole width.
    """
    if not rows:
        return ""
    styles = [f' class="{column.style}"' if column.style else "" for column in columns]
    titles = [f' data-title="{escape(column.title)}"' if column.title else "" for column in columns]
    head = "".join(
        f'<th scope="col"{style}>{escape(column.title)}</th>'
        for column, style in zip(columns, styles, strict=True)
    )
    body = "".join(
        _heading(row[0], len(columns))
        if len(row) == 1
        else f"<tr{_OURS if number == ours else ''}>"
        + "".join(
            f"<td{style}{title}>{cell}</td>"
            for cell, style, title in zip(row, styles, titles, strict=True)
        )
        + "</tr>"
        for number, row in enumerate(rows)
    )
    style = "scroll narrow" if is_narrow else "scroll"
    style += " stack" if len(columns) > _MAX_BESIDE else ""
    return (
        f'<div class="{style}" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _heading(cell: str, n_columns: int) -> str:
    return f'<tr class="group"><th scope="rowgroup" colspan="{n_columns}">{cell}</th></tr>'


def fold(parts: Iterable[str]) -> str:
    """Return several `details` side by side; an open one takes the whole width."""
    return f'<div class="fold">{"".join(parts)}</div>'


def percent(share: float) -> str:
    r"""Return a share in percent, finer where it is small.

    Examples
    --------
    >>> percent(0.213), percent(0.0123), percent(float("nan"))
    ('21\xa0%', '1.2\xa0%', 'n/a')
    """
    if not np.isfinite(share):
        return NOT_KNOWN
    whole = abs(share) >= 0.0995 or share == 0
    return f"{100 * share:.{0 if whole else 1}f}{_SPACE}%"


def number(value: float) -> str:
    """Return a figure with three digits behind the point."""
    return f"{value:.3f}" if np.isfinite(value) else NOT_KNOWN


def ratio(value: float) -> str:
    """Return a figure with two digits behind the point."""
    return f"{value:.2f}" if np.isfinite(value) else NOT_KNOWN


def count(n: float) -> str:
    """Return a number of leads."""
    return f"{round(n):,}"


def with_interval(found: Interval, form: str = "number") -> str:
    """Return a figure above its 95 % interval, as HTML; `form` is number, ratio or percent."""
    write = {"number": number, "ratio": ratio, "percent": percent}[form]
    if not np.isfinite([found.low, found.high]).all():
        return write(found.value)
    return (
        f'{write(found.value)}<span class="interval">{write(found.low)} to '
        f"{write(found.high)}</span>"
    )


def in_words(found: Interval, form: str = "percent") -> str:
    """Return a figure and its interval as text: 21 % (18 % to 25 %)."""
    write = {"number": number, "ratio": ratio, "percent": percent}[form]
    if not np.isfinite([found.low, found.high]).all():
        return write(found.value)
    return f"{write(found.value)} ({write(found.low)} to {write(found.high)})"


def span(
    found: Interval, *, scale: tuple[float, float], said: float | None = None, zero: bool = False
) -> str:
    """Return a bar from the lower to the upper bound with a dot at the figure.

    The same numbers stand beside it, so screen readers skip it.

    Parameters
    ----------
    found : Interval
        What is drawn; without bounds only the dot.
    scale : pair of float
        What the left and the right end stand for.
    said : float, optional
        A second mark: what was predicted.
    zero : bool
        Whether to mark 0.
    """
    low, high = scale

    def place(value: float) -> str:
        share = (value - low) / (high - low) if high > low else 0.5
        return f"{100 * min(max(share, 0.0), 1.0) * 0.94 + 3:.1f}%"

    parts = []
    if zero:
        parts.append(_line("zero", place(0.0), place(0.0), y=(0, 18)))
    if np.isfinite([found.low, found.high]).all():
        parts.append(_line("span", place(found.low), place(found.high), y=(9, 9)))
    if said is not None and np.isfinite(said):
        parts.append(_line("said", place(said), place(said), y=(2, 16)))
    if np.isfinite(found.value):
        parts.append(f'<circle class="value" cx="{place(found.value)}" cy="9" r="4"/>')
    return f'<svg aria-hidden="true">{"".join(parts)}</svg>'


def _line(style: str, x1: str, x2: str, *, y: tuple[int, int]) -> str:
    return f'<line class="{style}" x1="{x1}" x2="{x2}" y1="{y[0]}" y2="{y[1]}"/>'


def share_bar(share: float, most: float) -> str:
    """Return a bar as long as a share of the longest one; screen readers skip it."""
    width = 100 * share / most if most > 0 else 0.0
    bar = f'<rect class="share" y="3" height="12" width="{width:.1f}%"/>'
    return f'<svg aria-hidden="true">{bar}</svg>'


def scale_of(values: Iterable[float], *, low: float | None = None) -> tuple[float, float]:
    """Return the ends of a common scale for many spans; NaN is left out."""
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return 0.0, 1.0
    return min(known) if low is None else low, max(known)
