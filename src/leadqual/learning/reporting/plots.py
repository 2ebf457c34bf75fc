"""Small plots as inline SVG, without any library on the reader's side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

Point = tuple[float, float]

WIDTH: Final = 420
HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 24, 12, 48


@dataclass(frozen=True)
class Line:
    """One series: its points in data units and its CSS class.

    `sizes` draws dots of these radii in pixels instead of a line. `spans` are a lower and an upper
    value per point: bars where there are dots, a band where there is a line.
    """

    points: Sequence[Point]
    style: str
    sizes: Sequence[float] = ()
    spans: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Axis:
    """One axis from `low` to `high`, with its title; `is_share` labels it in percent.

    `labels` are five texts that stand at even distances instead of numbers; the outer two stay
    within the axis.
    """

    title: str
    high: float = 1.0
    is_share: bool = True
    low: float = 0.0
    labels: tuple[str, ...] = ()

    def share(self, value: float) -> float:
        """Return where a value lies on the axis, in [0, 1]; values outside lie at its end."""
        length = self.high - self.low
        return min(max((value - self.low) / (length if length > 0 else 1.0), 0.0), 1.0)

    def anchor(self, step: int) -> str:
        """Return which part of the text of a mark stands at it."""
        return {0: "start", 4: "end"}.get(step, "middle") if self.labels else "middle"

    def label(self, step: int) -> str:
        """Return what stands at one of the five marks."""
        if self.labels:
            return self.labels[step]
        value = self.low + step / 4 * (self.high - self.low)
        if not self.is_share:
            return f"{value:.3g}"
        percent = 100 * value
        is_even = percent >= 10 or percent == int(percent)
        return f"{percent:.0f} %" if is_even else f"{percent:.1f} %"


def plot(lines: Sequence[Line], *, x: Axis, y: Axis, title: str) -> str:
    """Return an `<svg>` element with axes and series.

    Parameters
    ----------
    lines : sequence of Line
        Drawn in order; points outside the axes are cut off.
    x, y : Axis
        An axis without length counts as one of length 1.
    title : str
        For screen readers.
    """
    return "".join([
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        _grid(x, y),
        *[_series(line, x, y) for line in lines],
        "</svg>",
    ])


def _x(value: float, axis: Axis) -> float:
    return _LEFT + axis.share(value) * (WIDTH - _LEFT - _RIGHT)


def _y(value: float, axis: Axis) -> float:
    return HEIGHT - _BOTTOM - axis.share(value) * (HEIGHT - _TOP - _BOTTOM)


def _grid(x: Axis, y: Axis) -> str:
    parts = []
    for step in range(5):
        share = step / 4
        at_x = _x(x.low + share * (x.high - x.low), x)
        at_y = _y(y.low + share * (y.high - y.low), y)
        bottom = HEIGHT - _BOTTOM
        parts += [
            f'<line class="grid" x1="{at_x:.1f}" y1="{_TOP}" x2="{at_x:.1f}" y2="{bottom}"/>',
            f'<line class="grid" x1="{_LEFT}" y1="{at_y:.1f}" x2="{WIDTH - _RIGHT}" '
            f'y2="{at_y:.1f}"/>',
            f'<text x="{at_x:.1f}" y="{bottom + 18}" text-anchor="{x.anchor(step)}">'
            f"{escape(x.label(step))}</text>",
            f'<text x="{_LEFT - 6}" y="{at_y + 4:.1f}" text-anchor="end">'
            f"{escape(y.label(step))}</text>",
        ]
    middle_x, middle_y = (WIDTH + _LEFT - _RIGHT) / 2, (HEIGHT + _TOP - _BOTTOM) / 2
    parts += [
        f'<text x="{middle_x:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x.title)}</text>',
        f'<text transform="translate(13 {middle_y:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.title)}</text>",
    ]
    return "".join(parts)


def _series(line: Line, x: Axis, y: Axis) -> str:
    places = [(_x(a, x), _y(b, y)) for a, b in line.points]
    spans = _spans(line, x, y)
    if line.sizes:
        return spans + "".join(
            f'<circle class="{line.style}" cx="{a:.1f}" cy="{b:.1f}" r="{size:.1f}"/>'
            for (a, b), size in zip(places, line.sizes, strict=True)
        )
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    return f'{spans}<polyline class="{line.style}" points="{path}"/>'


def _spans(line: Line, x: Axis, y: Axis) -> str:
    """Draw what the values may be: a bar per dot, or a band along a line."""
    if not line.spans:
        return ""
    ends = [
        (_x(a, x), _y(low, y), _y(high, y))
        for (a, _), (low, high) in zip(line.points, line.spans, strict=True)
    ]
    if line.sizes:
        return "".join(
            f'<line class="{line.style} bar" x1="{a:.1f}" x2="{a:.1f}" y1="{low:.1f}" '
            f'y2="{high:.1f}"/>'
            for a, low, high in ends
        )
    around = [*((a, high) for a, _, high in ends), *((a, low) for a, low, _ in reversed(ends))]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in around)
    return f'<polygon class="{line.style} band" points="{path}"/>'
