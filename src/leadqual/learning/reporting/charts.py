"""The charts of a report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from leadqual.learning.judging.calibration import Bin
from leadqual.learning.judging.capacity import CapacityCurve
from leadqual.learning.judging.curves import Gain, Points
from leadqual.learning.reporting.elements import percent, text
from leadqual.learning.reporting.plots import Axis, Line, plot

_DOT = 4.5


def figure(title: str, drawn: str, *, caption: str, key: str = "") -> str:
    """Return a chart with its title, the meaning of its lines and what it says."""
    return (
        f"<figure><b>{escape(title)}</b>{key}{drawn}"
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def draw_key(entries: Sequence[tuple[str, str]]) -> str:
    """Return what each line is; entries are its style and its name."""
    shown = "".join(
        f'<span><svg viewBox="0 0 38 14" aria-hidden="true">{_sample(style)}</svg>'
        f"{escape(name)}</span>"
        for style, name in entries
    )
    return f'<p class="key">{shown}</p>'


def _sample(style: str) -> str:
    if style == "dot":
        return (
            '<line class="dot bar" x1="19" x2="19" y1="0" y2="14"/>'
            '<circle class="dot" cx="19" cy="7" r="4"/>'
        )
    return f'<line class="{style}" x1="0" x2="38" y1="7" y2="7"/>'


def draw_reliability(bins: Sequence[Bin], title: str, *, caption: str = "") -> str:
    """Draw what was predicted against what came true, in tenths of the leads with intervals."""
    highest = max(max(one.predicted, one.observed) for one in bins)
    widest = max(one.high for one in bins)
    high = _round_up(min(max(highest * 1.1, min(widest, highest * 1.6)), 1.0))
    drawn = plot(
        [
            Line([(0.0, 0.0), (high, high)], "even"),
            Line(
                [(one.predicted, one.observed) for one in bins],
                "dot",
                sizes=[_DOT] * len(bins),
                spans=[(one.low, one.high) for one in bins],
            ),
        ],
        x=Axis("predicted", high),
        y=Axis("observed", high),
        title=f"Reliability of {title}: predicted against observed rates",
    )
    return figure(title, drawn, caption=caption)


def draw_gain(gain: Gain) -> str:
    """Draw which share of wins, and of revenue, so much work would have caught."""
    lines = [
        Line([(0.0, 0.0), (1.0, 1.0)], "even"),
        _with_band(gain.worked, gain.wins, (gain.wins_low, gain.wins_high), style="a"),
    ]
    key = [("a", "wins, with 95 % band"), ("even", "any order")]
    if gain.revenue:
        bands = (gain.revenue_low, gain.revenue_high)
        lines.append(_with_band(gain.worked, gain.revenue, bands, style="b"))
        key.insert(1, ("b", "revenue, by expected value"))
    half = gain.wins[10]
    return figure(
        "Gain",
        plot(
            lines,
            x=Axis("leads worked, best first"),
            y=Axis("caught"),
            title="Gain: share of wins caught against share of leads worked",
        ),
        caption=f"The better half of the leads holds {percent(half)} of the wins.",
        key=draw_key(key),
    )


def draw_lift(gain: Gain) -> str:
    """Draw how many times more wins than chance the best leads hold."""
    worked = gain.worked[1:]

    def lift(caught: Points) -> Points:
        return tuple(c / w for c, w in zip(caught[1:], worked, strict=True))

    lines = [
        Line([(0.0, 1.0), (1.0, 1.0)], "even"),
        _with_band(worked, lift(gain.wins), (lift(gain.wins_low), lift(gain.wins_high)), style="a"),
    ]
    key = [("a", "wins, with 95 % band"), ("even", "any order")]
    most = [*lift(gain.wins), *lift(gain.wins_high)]
    if gain.revenue:
        lines.append(Line(list(zip(worked, lift(gain.revenue), strict=True)), "b"))
        key.insert(1, ("b", "revenue, by expected value"))
        most += lift(gain.revenue)
    high = next((end for end in (2.0, 4.0, 6.0) if max(most) <= end), 8.0)
    return figure(
        "Lift",
        plot(
            lines,
            x=Axis("leads worked, best first"),
            y=Axis("times chance", high, is_share=False),
            title="Lift: wins among the best leads, compared with chance",
        ),
        caption=f"The best tenth holds {lift(gain.wins)[1]:.1f} times as many wins as any tenth.",
        key=draw_key(key),
    )


def draw_capacity(curve: CapacityCurve) -> str:
    """Draw how many wins so many leads a working day would have caught."""
    top = _round_up_count(max(curve.n_wins, 1))
    right = _round_up_count(curve.busiest_per_day)
    lines = [
        _with_band(curve.leads_per_day, curve.wins, (curve.low, curve.high), style="a"),
    ]
    key = [("a", "wins caught, with 95 % band")]
    if curve.capacity is not None and curve.capacity <= right:
        lines.append(Line([(curve.capacity, 0.0), (curve.capacity, top)], "mark"))
        key.append(("mark", f"capacity of the standard: {curve.capacity} a day"))
    return figure(
        "Capacity",
        plot(
            lines,
            x=Axis("leads worked per working day", right, is_share=False),
            y=Axis("wins caught", top, is_share=False),
            title="Capacity: wins caught against leads worked per working day",
        ),
        caption=say_capacity(curve),
        key=draw_key(key),
    )


def say_capacity(curve: CapacityCurve) -> str:
    """Say what half the work would have caught, and how far the standard's capacity goes."""
    per_day = np.array(curve.leads_per_day)
    wins = np.array(curve.wins)
    n_needed = float(per_day[np.searchsorted(wins, 0.8 * curve.n_wins)])
    said = (
        f"Over {curve.n_weeks:.0f} weeks {curve.n_wins} of the judged leads were won; the busiest "
        f"week brought {curve.busiest_per_day:.1f} per working day. The best {n_needed:.1f} a day "
        "of each week hold 80 % of the wins."
    )
    if curve.capacity is None:
        return said
    if curve.capacity > curve.busiest_per_day:
        return f"{said} The standard's capacity of {curve.capacity} a day is more than ever came."
    share = curve.at_capacity
    bounds = f" ({percent(share.low)} to {percent(share.high)})" if np.isfinite(share.low) else ""
    return (
        f"{said} The standard's capacity of {curve.capacity} a day would have caught "
        f"{percent(share.value)}{bounds}."
    )


def _with_band(x: Points, y: Points, bounds: tuple[Points, Points], *, style: str) -> Line:
    spans = list(zip(*bounds, strict=True)) if bounds[0] else []
    return Line(list(zip(x, y, strict=True)), style, spans=spans)


def _round_up(share: float) -> float:
    """Return an end of an axis in percent that quarters well."""
    for end in (0.02, 0.04, 0.08, 0.1, 0.12, 0.16, 0.2, 0.24, 0.32, 0.4, 0.48, 0.6, 0.8):
        if share <= end:
            return end
    return 1.0


def _round_up_count(n: float) -> float:
    """Return an end of an axis in counts that quarters well."""
    step = 4 * 10.0 ** (int(np.floor(np.log10(max(n, 1e-6)))) - 1)
    return float(np.ceil(n / step) * step)
