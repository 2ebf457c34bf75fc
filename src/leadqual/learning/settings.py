"""What a fit may be told; everything else is one default for every data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leadqual.outcomes.labels import DEFAULT_CHECK_ORDER
from leadqual.outcomes.progress import Check

MIN_PER_CLASS: Final = 40
"""Fewer answers on either side, and nothing is called learned."""

FEW_WINS: Final = 150
"""Below this many wins the plain model on all leads has as much say as the heads."""

MAX_ROWS: Final = 200_000
"""Only the newest leads of a longer history are learned from: the matrix must fit in memory."""


@dataclass(frozen=True)
class FitSettings:
    """Choices of the team and of the run.

    Parameters
    ----------
    check_order : sequence of Check
        How reps go through fit, authority, need and budget; from the written standard.
    seed : int
        Same data, same seed, same model.
    """

    check_order: Sequence[Check] = DEFAULT_CHECK_ORDER
    seed: int = 0
