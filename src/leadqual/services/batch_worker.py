"""What any process does for a file that is scored.

Nothing here needs the store or the registry: importing those takes a new process longer than all
the rest of its start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

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
    with without_pandas():
        scorer = StretchScorer(plan.scorer)
        pa.scalar(0)  # asks for it, and does not ask again
    return partial(score_part, scorer, plan.file)


@contextmanager
def without_pandas() -> Iterator[None]:
    """Let Arrow find no pandas, unless it was imported already.

    Arrow imports it, a third of a second, only to ask whether a list is one of its own. Not for
    use beside other threads that may import it.
    """
    sys.meta_path.insert(0, _NoPandas)
    try:
        yield
    finally:
        sys.meta_path.remove(_NoPandas)


class _NoPandas:
    """Finds that there is no pandas."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def score_part(scorer: StretchScorer, file: ScoreFile, stretch: Stretch) -> Scored:
    """Return the scores of a stretch as its file takes them."""
    scored = scorer.score(stretch)
    if file.is_parquet:
        return Scored(scored.columns, b"", scored.n_rejected)
    return Scored({}, csv_lines(stretch, scored.columns, file), scored.n_rejected)
