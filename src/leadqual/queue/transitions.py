"""What an outcome does to a queue item: pure, the same for live work and for rebuilding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from leadqual.errors import ConflictError, StaleTokenError
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.queue.items import LEASE, PUT_OFF, QueueItem
from leadqual.queue.states import FINAL_STATES, ItemState, allowed_outcomes, next_state

UNNAMED: Final = "unnamed"
"""Who holds a lead that was worked by somebody who gave no name."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What an outcome needs beside the event: when it comes back, and to which AE it goes."""

    until: datetime | None = None
    handed_to: str | None = None


NO_EXTRAS: Final = Extras()


def check_token(item: QueueItem, event: OutcomeEvent, *, token: int | None) -> None:
    """Do nothing when whoever reports the event may still act on the item.

    A token must be the newest one. Without a token, a claimed item is open only to the one
    who claimed it.

    Raises
    ------
    StaleTokenError
        When somebody claimed the item after this token was given out.
    ConflictError
        When somebody else holds the item and no token was sent.
    """
    if token is not None and token != item.token:
        raise StaleTokenError(
            f"the claim with token {token} was lost: the lead was claimed again since "
            f"(state now: {item.state.value}); reload it and claim it again",
            allowed=allowed_outcomes(item.state),
        )
    if token is None and item.state is ItemState.CLAIMED and item.claimed_by != event.actor:
        raise ConflictError(
            "somebody holds this lead now; send the token of the claim, or wait until it is "
            "released"
        )


def advance(
    item: QueueItem, event: OutcomeEvent, *, now: datetime, extras: Extras = NO_EXTRAS
) -> QueueItem:
    """Return the item after an outcome.

    Parameters
    ----------
    item : QueueItem
        As of `now` (see `QueueItem.as_of`).
    event : OutcomeEvent
        What happened.
    now : datetime
        When we learned of it; used where the event itself says nothing.
    extras : Extras
        `until` for contact_later (default: in a day), `handed_to` for handed_off.

    Raises
    ------
    ConflictError
        When the state does not allow this outcome; `allowed` says which it does.
    """
    state = next_state(item.state, event.type)
    if state is None:
        allowed = allowed_outcomes(item.state)
        raise ConflictError(
            f"a lead that is {item.state.value} cannot become {event.type.value}; possible now: "
            f"{', '.join(allowed) or 'nothing'}",
            allowed=allowed,
        )
    at = event.recorded_at or now
    rested = replace(
        item, state=state, claimed_by=None, lease_until=None, snoozed_until=None, finished_at=None
    )
    if state in FINAL_STATES:
        return replace(rested, finished_at=at)
    if state is ItemState.CLAIMED:
        return _hold(item, event, at=at)
    if state is ItemState.SNOOZED:
        owner = item.claimed_by or event.actor or item.owner_rep or UNNAMED
        return replace(rested, snoozed_until=extras.until or at + PUT_OFF, owner_rep=owner)
    if state is ItemState.HANDED_OFF:
        giver = item.claimed_by or event.actor or item.owner_rep
        return replace(rested, handed_to=extras.handed_to, handed_at=at, owner_rep=giver)
    if event.type is OutcomeType.REJECTED:
        return replace(rested, handed_to=None, handed_at=None)
    return replace(rested, handed_to=item.handed_to or event.actor)


def _hold(item: QueueItem, event: OutcomeEvent, *, at: datetime) -> QueueItem:
    """Return the item held by whoever works it; a held one keeps its holder and token."""
    is_held = item.state is ItemState.CLAIMED
    return replace(
        item,
        state=ItemState.CLAIMED,
        claimed_by=item.claimed_by if is_held else event.actor or UNNAMED,
        lease_until=at + LEASE,
        snoozed_until=None,
        token=item.token if is_held else item.token + 1,
    )
