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
    def limits(self) -> NDArray[np.float64]:
        """Return from where each head is no no, and from where it is a yes; shape (2, 1, 3).

        A yes is never a no, whatever the thresholds.
        """
        yes = np.array([self.heads[head].yes for head in Head])
        above_no = np.nextafter([self.heads[head].no for head in Head], np.inf)
        return np.stack([np.minimum(above_no, yes), yes])[:, None]

    @cached_property
    def grade_of(self) -> tuple[str, ...]:
        """Return the grade of each percentile: the first whose band it reaches, else the last."""
        last = self.grade_bands[-1][0]
        return tuple(
            next((grade for grade, low in self.grade_bands if place >= low), last)
            for place in range(101)
        )
