"""The life of a queue item, as one table.

::

    open ──claim──> claimed ──outcome──> handed_off ──accepted──> opportunity ──> won | lost
     ^  ^             │  │                   │
     │  └──release────┘  │                   └──rejected──> open (back to the rep, with history)
     │  └──lease expires─┘
     └──due── snoozed <──snooze / contact_later
    any rep state ──disqualified, no_response, spam, …──> closed
    any rep state ──won, lost (by an account manager or a CRM)──> won | lost

Final if and only if it has a finish time (a CHECK in the database says the same).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from leadqual.outcomes.events import OutcomeType


class ItemState(StrEnum):
    """Where an item stands."""

    OPEN = "open"
    CLAIMED = "claimed"
    SNOOZED = "snoozed"
    HANDED_OFF = "handed_off"
    OPPORTUNITY = "opportunity"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


FINAL_STATES: Final = frozenset({ItemState.WON, ItemState.LOST, ItemState.CLOSED})

_REP: Final[Mapping[OutcomeType, ItemState]] = {
    OutcomeType.CONTACTED: ItemState.CLAIMED,
    OutcomeType.MEETING_BOOKED: ItemState.CLAIMED,
    OutcomeType.CONTACT_LATER: ItemState.SNOOZED,
    OutcomeType.NO_RESPONSE: ItemState.CLOSED,
    OutcomeType.DISQUALIFIED: ItemState.CLOSED,
    OutcomeType.HANDED_OFF: ItemState.HANDED_OFF,
    OutcomeType.BAD_DATA: ItemState.CLOSED,
    OutcomeType.DUPLICATE: ItemState.CLOSED,
    OutcomeType.SPAM: ItemState.CLOSED,
    OutcomeType.DO_NOT_CONTACT: ItemState.CLOSED,
}

_CLOSED_DEAL: Final = {OutcomeType.WON: ItemState.WON, OutcomeType.LOST: ItemState.LOST}
"""An account manager closes without handing over, and a CRM tells what happened elsewhere."""

TRANSITIONS: Final[Mapping[ItemState, Mapping[OutcomeType, ItemState]]] = {
    ItemState.OPEN: {**_REP, **_CLOSED_DEAL},
    ItemState.CLAIMED: {**_REP, **_CLOSED_DEAL},
    ItemState.SNOOZED: {**_REP, **_CLOSED_DEAL},
    ItemState.HANDED_OFF: {
        OutcomeType.ACCEPTED: ItemState.OPPORTUNITY,
        OutcomeType.REJECTED: ItemState.OPEN,
        **_CLOSED_DEAL,
    },
    ItemState.OPPORTUNITY: _CLOSED_DEAL,
    ItemState.WON: {},
    ItemState.LOST: {OutcomeType.WON: ItemState.WON},
    ItemState.CLOSED: {OutcomeType.WON: ItemState.WON},
}
"""State and outcome to the next state; what is absent is refused with 409.

A win is recorded whatever went before it (a lead written off can still buy): losing the
label would be worse than an unusual path.
"""


def next_state(state: ItemState, outcome: OutcomeType) -> ItemState | None:
    """Return the state after an outcome, or None where the state forbids it."""
    return TRANSITIONS[state].get(outcome)


def allowed_outcomes(state: ItemState) -> tuple[OutcomeType, ...]:
    """Return the outcomes that a state allows, in the order of `OutcomeType`."""
    return tuple(outcome for outcome in OutcomeType if outcome in TRANSITIONS[state])
