"""How far each lead came: its state, the reason it stopped for, and the funnel steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.outcomes.checks import CHECKS, Check
from leadqual.outcomes.events import OutcomeType, Reason
from leadqual.outcomes.timeline import NO_REASON, REASONS, TYPES, Timeline

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


class State(IntEnum):
    """How far a lead had come at the moment of knowledge."""

    UNWORKED = 0
    WORKING = 1
    UNREACHED = 2
    DISQUALIFIED = 3
    QUALIFIED = 4
    REJECTED = 5
    OPPORTUNITY = 6
    LOST = 7
    WON = 8


ENDS: Final = (State.UNREACHED, State.DISQUALIFIED, State.REJECTED, State.LOST)
"""Known not to have converted, as far as the history goes."""

_STATE_OF: Final = {
    OutcomeType.HANDED_OFF: State.QUALIFIED,
    OutcomeType.ACCEPTED: State.OPPORTUNITY,
    OutcomeType.DISQUALIFIED: State.DISQUALIFIED,
    OutcomeType.REJECTED: State.REJECTED,
    OutcomeType.LOST: State.LOST,
    OutcomeType.WON: State.WON,
}
_TALKED: Final = (OutcomeType.CONTACTED, OutcomeType.MEETING_BOOKED, OutcomeType.CONTACT_LATER)
# Of two events at one time (or without times) the one listed later in _STATE_OF counts.
_RANK: Final = {kind: rank for rank, kind in enumerate(_STATE_OF, start=1)}
_CHECK_OF_REASON: Final = {
    Reason.BAD_FIT: Check.FIT,
    Reason.NO_AUTHORITY: Check.AUTHORITY,
    Reason.NO_NEED: Check.NEED,
    Reason.TIMING: Check.NEED,
    Reason.COMPETITOR: Check.NEED,
    Reason.NO_BUDGET: Check.BUDGET,
}


@dataclass(frozen=True)
class Progress:
    """Where each lead stood; all arrays have shape (n_leads,).

    `failed_check` is the index in `CHECKS` of what the last conclusive event blamed, -1 where
    it gave no reason or one that blames no check. `was_reached` means somebody talked to it.
    """

    state: Codes
    failed_check: Codes
    was_reached: Flags
    was_handed_off: Flags
    was_accepted: Flags

    def is_in(self, *states: State) -> Flags:
        """Return which leads stand in one of these states, shape (n_leads,)."""
        return np.isin(self.state, states)


@dataclass(frozen=True)
class StageLabels:
    """One step of the funnel: who came to it, whose answer is known, and who passed.

    Parameters
    ----------
    name : str
        `reached`, `qualified`, `accepted` or `won`.
    is_in, is_known, is_passed : ndarray of bool, shape (n_leads,)
        Each is a subset of the one before it.
    available_days : ndarray of float64, shape (n_leads,)
        From entering the stage to the moment of knowledge; NaN without times.
    answer_days : ndarray of float64, shape (n_leads,)
        From entering the stage to its answer; NaN where unknown or without times.
    """

    name: str
    is_in: Flags
    is_known: Flags
    is_passed: Flags
    available_days: Floats
    answer_days: Floats


def follow_leads(timeline: Timeline) -> Progress:
    """Find the state of each lead from the last conclusive event, whatever their order.

    A win stays a win. Calls after a conclusive event change nothing: a reopened lead keeps its
    answer until there is another.
    """
    n_leads = len(timeline.moment_days)
    state = np.full(n_leads, int(State.UNWORKED), dtype=np.intp)
    talked = timeline.has(*_TALKED)
    state[talked] = State.WORKING
    state[_went_silent(timeline)] = State.UNREACHED
    reason = np.full(n_leads, NO_REASON, dtype=np.intp)
    rank = np.array([_RANK.get(kind, 0) for kind in TYPES])[timeline.kind]
    order = np.lexsort((timeline.reason, rank, np.nan_to_num(timeline.at_days, nan=-np.inf)))
    order = order[rank[order] > 0]
    state_of_kind = np.array([int(_STATE_OF.get(kind, State.UNWORKED)) for kind in TYPES])
    # The last write of a repeated index wins, so the last conclusive event remains.
    state[timeline.lead[order]] = state_of_kind[timeline.kind[order]]
    reason[timeline.lead[order]] = timeline.reason[order]
    is_unreachable = reason == REASONS.index(Reason.UNREACHABLE)
    state[is_unreachable & (state == State.DISQUALIFIED)] = State.UNREACHED
    state[timeline.has(OutcomeType.WON)] = State.WON
    is_concluded = state > State.UNREACHED
    was_handed_off = timeline.has(OutcomeType.HANDED_OFF, OutcomeType.ACCEPTED)
    return Progress(
        state=state,
        failed_check=np.where(state == State.WON, -1, _blamed_check(reason)),
        was_reached=talked | is_concluded | was_handed_off,
        was_handed_off=was_handed_off | np.isin(state, (State.REJECTED, State.WON)),
        was_accepted=timeline.has(OutcomeType.ACCEPTED) | (state == State.WON),
    )


def _blamed_check(reason: Codes) -> Codes:
    """Index in `CHECKS` of what a reason blames, -1 where it blames none."""
    blamed = [CHECKS.index(_CHECK_OF_REASON[r]) if r in _CHECK_OF_REASON else -1 for r in REASONS]
    return np.array([*blamed, -1], dtype=np.intp)[reason]


def _went_silent(timeline: Timeline) -> Flags:
    """Leads whose last word was `no_response`, after any conversation."""
    silent_at = timeline.last_days(OutcomeType.NO_RESPONSE)
    talked_at = timeline.last_days(*_TALKED)
    return timeline.has(OutcomeType.NO_RESPONSE) & ~(silent_at < talked_at)


def label_stages(
    progress: Progress, timeline: Timeline, *, is_usable: Flags
) -> tuple[StageLabels, ...]:
    """Return the four steps of the funnel, each on the leads that came to it.

    Parameters
    ----------
    progress : Progress
        Of the same leads.
    timeline : Timeline
        For the times of entering a stage and of its answer.
    is_usable : ndarray of bool, shape (n_leads,)
        Leads that may be learned from.
    """
    is_won = progress.is_in(State.WON)
    is_ended = progress.is_in(*ENDS)
    is_worked = is_usable & ~progress.is_in(State.UNWORKED)
    is_reached = is_worked & progress.was_reached
    is_qualified = is_reached & progress.was_handed_off
    is_accepted = is_qualified & progress.was_accepted
    handed = timeline.first_days(OutcomeType.HANDED_OFF)
    accepted = timeline.first_days(OutcomeType.ACCEPTED)
    sdr_ends = (OutcomeType.DISQUALIFIED, OutcomeType.HANDED_OFF, OutcomeType.NO_RESPONSE)
    sdr_done = timeline.first_days(*sdr_ends, OutcomeType.LOST)
    answered = timeline.first_days(*_TALKED, *sdr_ends)
    ae_done = timeline.first_days(OutcomeType.ACCEPTED, OutcomeType.REJECTED)
    closed = timeline.first_days(OutcomeType.WON, OutcomeType.LOST)
    created = timeline.moment_days
    steps = (
        ("reached", (is_worked, is_reached), (created, answered)),
        ("qualified", (is_reached, is_qualified), (created, sdr_done)),
        ("accepted", (is_qualified, is_accepted), (handed, ae_done)),
        ("won", (is_accepted, is_won & is_accepted), (accepted, closed)),
    )
    return tuple(
        StageLabels(
            name=name,
            is_in=is_in,
            is_known=is_in & (is_passed | is_ended),
            is_passed=is_passed,
            available_days=np.where(is_in, timeline.as_of_days - start, np.nan),
            answer_days=np.where(is_in & (is_passed | is_ended), end - start, np.nan).clip(min=0),
        )
        for name, (is_in, is_passed), (start, end) in steps
    )
