"""What any process does for a file that is scored.

Nothing here needs the store or the registry: importing those takes a new process longer than all
the rest of its start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from leadqual.services.batch_columns import Stretch
from leadqual.services.batch_scorer import ScorerPlan, StretchScorer
from leadqual.services.score_files import Scored, ScoreFile, csv_lines


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a process needs to score stretches of a file."""

    scorer: ScorerPlan
    file: ScoreFile


def begin(plan: FilePlan) -> Callable[[Stretch], Scored]:
    """Return what scores stretches in another process."""
    # Arrow imports pandas, a third of a second, only to ask whether a value is one of its own.
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]  # says that there is none
    return partial(score_part, StretchScorer(plan.scorer), plan.file)


def score_part(scorer: StretchScorer, file: ScoreFile, stretch: Stretch) -> Scored:
    """Return the scores of a stretch as its file takes them."""
    scored = scorer.score(stretch)
    if file.is_parquet:
        return Scored(scored.columns, b"", scored.n_rejected)
    return Scored({}, csv_lines(stretch, scored.columns, file), scored.n_rejected)
