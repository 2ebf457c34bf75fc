"""What became of the judged leads at each step of the funnel, those still waiting weighted for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.level import answers_until, censoring_weights
from leadqual.outcomes.progress import StageLabels

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class StageAnswers:
    """The judged leads that came to one step.

    Parameters
    ----------
    name : str
        As in `StageLabels`.
    rows : ndarray of intp, shape (n,)
        Leads whose answer counts.
    passed : ndarray of float64, shape (n,)
        1 passed, 0 not.
    weights : ndarray of float64, shape (n,)
        How many leads each stands for: itself, and those too young to have answered as late.
    n_waiting : int
        Leads without an answer and too young to be called stopped.
    horizon_days : float
        Who has not answered after so long counts as stopped; NaN without times.
    """

    name: str
    rows: Codes
    passed: Floats
    weights: Floats
    n_waiting: int
    horizon_days: float

    @property
    def text(self) -> str:
        """Say in words how open leads were counted."""
        if not np.isfinite(self.horizon_days):
            return f"{self.n_waiting} without an answer left out: nothing tells their age"
        said = f"no answer within {self.horizon_days:.0f} days counts as stopped"
        if not self.n_waiting:
            return said
        return f"{said}; {self.n_waiting} younger ones without an answer left out and weighted for"


def answer_stage(stage: StageLabels, judged: Codes) -> StageAnswers:
    """Return what is known of the judged leads that came to a step.

    The same rule by which the step is learned: an answer counts, and so does silence for longer
    than nearly all answers took. Leads younger than that without an answer are left out, and
    slow answers of others weigh more for it: leaving them out alone would favour fast answers.

    Parameters
    ----------
    stage : StageLabels
        Of the whole history, as of the evaluation.
    judged : ndarray of intp
        Rows that are judged.
    """
    answer, horizon = answers_until(stage)
    place = judged[stage.is_in[judged]]
    available = stage.available_days[place]
    known, weights = censoring_weights(available, answer[place], horizon_days=horizon)
    known &= np.isfinite(answer[place]) | np.isfinite(available)
    has_times = bool(np.isfinite(available).any())
    return StageAnswers(
        name=stage.name,
        rows=place[known],
        passed=stage.is_passed[place][known].astype(np.float64),
        weights=weights[known],
        n_waiting=int((~known).sum()),
        horizon_days=horizon if has_times else float("nan"),
    )
