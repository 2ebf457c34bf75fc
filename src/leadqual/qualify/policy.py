"""The part of the written standard that turns probabilities into answers and grades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leadqual.qualify.score import Head


@dataclass(frozen=True, slots=True)
class HeadThresholds:
    """`yes` at or above one probability, `no` at or below the other, else `unknown`."""

    yes: float = 0.6
    no: float = 0.35


@dataclass(frozen=True, slots=True)
class ScoringPolicy:
    """Thresholds per head, and grades by percentile of expected value (highest first)."""

    heads: Mapping[Head, HeadThresholds] = field(
        default_factory=lambda: {head: HeadThresholds() for head in Head}
    )
    grade_bands: tuple[tuple[str, int], ...] = (("A", 90), ("B", 70), ("C", 40), ("D", 0))
