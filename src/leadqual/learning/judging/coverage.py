"""What a history says and what it leaves open, and who was judged at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.outcomes.checks import Check
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity
from leadqual.qualify.score import Head

Codes = NDArray[np.intp]

MATURITY_DAYS: Final = (30, 60, 90, 180)
_YOUNG_SHARE: Final = 0.5


@dataclass(frozen=True)
class Known:
    """How many leads one question or step can be judged by, in the whole history.

    `n_open` came to it and have no answer; of a head, nothing was recorded that says.
    """

    n_yes: int
    n_no: int
    n_open: int


@dataclass(frozen=True)
class Coverage:
    """What the events of a history say.

    Parameters
    ----------
    counts : mapping of str to int
        Leads per kind of label (`Labels.counts`).
    heads, stages : mapping of str to Known
        Per head among worked leads, per step of the funnel among those that came to it; no
        steps where the history records no work.
    share_of_wins_by_days : mapping of int to float
        How much of the wins has come at these ages; empty without times or with few wins.
    n_open, n_young : int
        Worked leads without an end, and those of them younger than half of the wins take.
    """

    counts: Mapping[str, int]
    heads: Mapping[str, Known]
    stages: Mapping[str, Known]
    share_of_wins_by_days: Mapping[int, float]
    n_open: int
    n_young: int


def measure_coverage(labels: Labels, maturity: Maturity) -> Coverage:
    """Count what a history says of its leads."""
    is_open = labels.is_open
    curve = maturity.curve
    days_told = MATURITY_DAYS if curve.days else ()
    return Coverage(
        counts=labels.counts(),
        heads={head.value: _known_of_head(labels, head) for head in Head},
        stages={
            stage.name: Known(
                n_yes=int(stage.is_passed.sum()),
                n_no=int((stage.is_known & ~stage.is_passed).sum()),
                n_open=int((stage.is_in & ~stage.is_known).sum()),
            )
            for stage in (labels.stages if labels.records_work else ())
        },
        share_of_wins_by_days={days: float(curve.share_by(float(days))) for days in days_told},
        n_open=int(is_open.sum()),
        n_young=int((is_open & (maturity.share_by_now < _YOUNG_SHARE)).sum()),
    )


def _known_of_head(labels: Labels, head: Head) -> Known:
    found = labels.heads[Check(head.value)]
    n_worked = int((labels.is_usable & labels.is_worked).sum())
    return Known(found.n_yes, found.n_no, max(n_worked - found.n_yes - found.n_no, 0))


@dataclass(frozen=True)
class Selection:
    """Who was judged, of the leads that came in the judged time.

    `n_explored` counts judged leads that were queued at random; `records_work` is false where the
    history does not say who was worked.
    """

    n_arrived: int
    n_worked: int
    n_judged: int
    n_explored: int
    records_work: bool

    @property
    def text(self) -> str:
        """Say what the judged leads cannot tell."""
        if self.n_worked < self.n_arrived:
            said = (
                f"{self.n_arrived - self.n_worked:,} of the {self.n_arrived:,} leads that came in "
                "the judged time were never worked: nobody knows what would have become of them, "
                "so nothing here is judged on them. If reps or an older score chose by something "
                "that the columns do not show, such leads are won less often than predicted."
            )
        elif not self.records_work:
            said = (
                "This history does not say which leads were worked: one that nobody called counts "
                "like any other, and leads that never got into it are judged by nobody."
            )
        else:
            said = (
                "Every lead that came in the judged time was worked. Leads that never got into "
                "this history are judged by nobody."
            )
        if self.n_explored:
            return (
                f"{said} {self.n_explored:,} judged leads were queued at random; they speak for "
                "the others, see the parts."
            )
        return f"{said} None of the judged leads was queued at random, which could tell."

    def as_dict(self) -> dict[str, object]:
        """Return the counts and the sentence as JSON values."""
        return {**asdict(self), "text": self.text}


def measure_selection(history: History, labels: Labels, judged: Codes) -> Selection:
    """Count who could have been judged and who was.

    Parameters
    ----------
    history, labels : History, Labels
        All leads.
    judged : ndarray of intp
        Rows that were judged, ascending.
    """
    between = np.zeros(labels.n_leads, dtype=bool)
    if len(judged):
        between[judged[0] : judged[-1] + 1] = True
    between &= labels.is_usable
    explored = history.explored
    return Selection(
        n_arrived=int(between.sum()),
        n_worked=int((between & labels.is_worked).sum()),
        n_judged=len(judged),
        n_explored=0 if explored is None else int(explored[judged].sum()),
        records_work=labels.records_work,
    )


@dataclass(frozen=True)
class Refused:
    """What was not used, and why; empty where nothing was looked for.

    Parameters
    ----------
    rows : mapping of str to int
        Rows of the export that are no usable lead or outcome, by file.
    problems : mapping of str to int
        Their commonest reasons, without values.
    leaks : mapping of str to str
        Columns that look known only after the outcome, and why. They were used all the same:
        an evaluation stops at nothing.
    """

    rows: Mapping[str, int]
    problems: Mapping[str, int]
    leaks: Mapping[str, str]
