"""Steps of a backtest done one after the other, or in several processes at once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from leadqual.errors import TrainingError
from leadqual.learning.replay.clock import ReplayPlan
from leadqual.learning.replay.steps import StepScores, score_step
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.history import History

_LOOK_EVERY_SECONDS: Final = 2.0
_WATCHER: Final = "leadqual-watches-parent"


def score_steps(
    history: History, plan: ReplayPlan, steps: Sequence[int], *, settings: FitSettings, jobs: int
) -> Iterator[StepScores]:
    """Yield steps as they are finished, in any order; each is the same whatever `jobs` is.

    Parameters
    ----------
    history, plan, settings : History, ReplayPlan, FitSettings
        As for `score_step`.
    steps : sequence of int
        Numbers of the steps to do.
    jobs : int
        Processes at once; 1 works in this one.

    Raises
    ------
    NotEnoughDataError
        As `score_step`.
    TrainingError
        A process was killed.
    """
    if jobs == 1 or len(steps) < 2:
        for step in steps:
            yield score_step(history, plan, step, settings=settings)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parallel = Parallel(
        n_jobs=min(jobs, len(steps)),
        backend="loky",
        return_as="generator_unordered",
        batch_size=1,
        max_nbytes=None,
    )
    parent = os.getpid()
    done: Iterable[StepScores] = parallel(
        delayed(_score_elsewhere)(history, plan, step, settings=settings, parent=parent)
        for step in steps
    )
    try:
        yield from done
    except TerminatedWorkerError as error:
        raise TrainingError(
            "one of the processes of this backtest was killed, most often for want of memory; "
            "finished steps are kept: run it again with fewer --jobs"
        ) from error


def _score_elsewhere(
    history: History, plan: ReplayPlan, step: int, *, settings: FitSettings, parent: int
) -> StepScores:
    """Do one step in a process of its own, which ends with its parent."""
    if not any(thread.name == _WATCHER for thread in threading.enumerate()):
        threading.Thread(target=_end_with, args=(parent,), name=_WATCHER, daemon=True).start()
    return score_step(history, plan, step, settings=settings)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone: joblib's would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_SECONDS)
    os._exit(1)
