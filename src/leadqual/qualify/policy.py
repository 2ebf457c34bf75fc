"""The part of the written standard that turns probabilities into answers and grades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leadqual.qualify.score import Head


@dataclass(frozen=True, slots=True)
class HeadThresholds:
    """`yes` at or above one probability, `no` at or below the other, else `unknown`."""

    yes: float = 0.6
    no: float = 0.35


@dataclass(frozen=True)
class ScoringPolicy:
    """Thresholds per head, and grades by percentile of expected value (highest first)."""

    heads: Mapping[Head, HeadThresholds] = field(
        default_factory=lambda: {head: HeadThresholds() for head in Head}
    )
    grade_bands: tuple[tuple[str, int], ...] = (("A", 90), ("B", 70), ("C", 40), ("D", 0))

    @cached_property
    def limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return from where each head answers yes, and up to where no; each of shape (3,)."""
        yes, no = zip(*((self.heads[head].yes, self.heads[head].no) for head in Head), strict=True)
        return np.array(yes), np.array(no)

    @cached_property
    def grade_of(self) -> tuple[str, ...]:
        """Return the grade of each percentile: the first whose band it reaches, else the last."""
        last = self.grade_bands[-1][0]
        return tuple(
            next((grade for grade, low in self.grade_bands if place >= low), last)
            for place in range(101)
        )
