"""One outcome into the store: the event, the queue item's move and the brief of a hand-off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from leadqual.errors import ConflictError, InputError, NotFoundError
from leadqual.leads.normalise import CLOCK_TOLERANCE, EARLIEST
from leadqual.leads.schema import Message, Text, Usd
from leadqual.outcomes.events import TAKES_REASON, OutcomeEvent, OutcomeType, Reason
from leadqual.queue.handoff import NO_ANSWERS, RepAnswers, build_handoff
from leadqual.queue.states import ItemState
from leadqual.queue.transitions import Extras
from leadqual.services.calls import Call, Role
from leadqual.services.duties import check_duty
from leadqual.services.queues import visible
from leadqual.store import StoredEvent, Tx
from leadqual.store.queue_items import QueueRepository


class Outcome(BaseModel):
    """One outcome as a rep, an AE or a CRM reports it (body of `POST …/outcomes`).

    `token` is the fencing token of the claim, needed while somebody else holds the lead;
    `until` is when a lead of type `contact_later` comes back (default: in a day); `handed_to`
    names the AE of a hand-off (None: any AE), `answers` are the rep's part of its brief.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: OutcomeType
    reason: Reason | None = None
    amount_usd: Usd | None = None
    occurred_at: AwareDatetime | None = None
    note: Message | None = None
    token: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    until: AwareDatetime | None = None
    handed_to: Text | None = None
    answers: RepAnswers | None = None


class OutcomeOf(Outcome):
    """One row of `POST /v1/outcomes/batch`: an outcome of a lead named by either id."""

    lead_id: Text | None = None
    external_id: Text | None = None
    feed: Text = "api"


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """An event that is on disk, and where the lead stands after it (None: in no queue)."""

    event_id: str
    lead_id: str
    type: OutcomeType
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    state: ItemState | None


_BELONGS_TO: Final = {
    "amount_usd": frozenset({OutcomeType.WON}),
    "until": frozenset({OutcomeType.CONTACT_LATER}),
    "handed_to": frozenset({OutcomeType.HANDED_OFF}),
    "answers": frozenset({OutcomeType.HANDED_OFF}),
    "reason": TAKES_REASON,
}


def check_outcome(outcome: Outcome, call: Call) -> None:
    """Do nothing when an outcome makes sense and is the caller's to report.

    Raises
    ------
    PermissionDeniedError
        When the caller's role does not report this type.
    InputError
        When a field is missing or out of place, or a time is impossible.
    """
    check_duty(call.principal, outcome.type)
    for name, types in _BELONGS_TO.items():
        if getattr(outcome, name) is not None and outcome.type not in types:
            where = " or ".join(sorted(kind.value for kind in types))
            raise InputError(f"{name} belongs to {where} only; leave it out")
    if outcome.type is OutcomeType.REJECTED and outcome.reason is None:
        raise InputError("a hand-off is rejected with a reason: the rep learns from it")
    if outcome.until is not None and outcome.until <= call.now:
        raise InputError("until lies in the past; say when the lead comes back")
    occurred_at = outcome.occurred_at
    if occurred_at is not None and not EARLIEST <= occurred_at <= call.now + CLOCK_TOLERANCE:
        raise InputError("occurred_at is in the future or before 1990; say when it happened")


def record_outcome(tx: Tx, lead_id: str, outcome: Outcome, *, call: Call) -> RecordedOutcome:
    """Write one checked outcome within a transaction.

    A lead that is in no queue (imported history) has its events all the same.

    Raises
    ------
    NotFoundError, ConflictError, StaleTokenError
    InputError
        When the AE of a hand-off does not exist.
    """
    items, token = _reach(tx, lead_id, outcome, call=call)
    event = _event(lead_id, outcome, call)
    before = tx.events.of(lead_id) if outcome.type is OutcomeType.HANDED_OFF else ()
    stored, _ = tx.events.append(event)
    item = None
    if items is not None:
        extras = Extras(until=outcome.until, handed_to=_checked_ae(tx, outcome.handed_to))
        item = items.apply(lead_id, event, token=token, now=call.now, extras=extras)
    if outcome.type is OutcomeType.HANDED_OFF:
        _save_brief(tx, event, before, outcome=outcome)
    payload = {"type": event.type.value, "state": None if item is None else item.state.value}
    tx.outbox.put(f"outcome.{event.type.value}", payload, lead_id=lead_id, at=call.now)
    return RecordedOutcome(
        event_id=str(stored.event_id),
        lead_id=lead_id,
        type=event.type,
        occurred_at=event.occurred_at or call.now,
        recorded_at=call.now,
        actor=call.principal.name,
        state=None if item is None else item.state,
    )


def _reach(
    tx: Tx, lead_id: str, outcome: Outcome, *, call: Call
) -> tuple[QueueRepository | None, int | None]:
    """Return the queues that an outcome moves the lead in, and under which token; None: in none.

    Somebody who sees only an earlier stay of the lead in a queue can still add a win: it ends
    what was begun since, whosever that is.
    """
    items = visible(tx, call.principal)
    item, newest = items.get(lead_id, now=call.now), tx.queue.get(lead_id, now=call.now)
    if item is None:
        if call.principal.role is not None or newest is not None:
            raise NotFoundError("the lead is in none of your queues")
        return None, None
    if newest is None or item.item_id == newest.item_id:
        return items, outcome.token
    if outcome.type is not OutcomeType.WON:
        raise ConflictError(
            "the lead came to us again since and is worked anew; only a win can be added",
            allowed=(OutcomeType.WON.value,),
        )
    return tx.queue, None


def _event(lead_id: str, outcome: Outcome, call: Call) -> OutcomeEvent:
    return OutcomeEvent(
        lead_id=lead_id,
        type=outcome.type,
        actor=call.principal.name,
        occurred_at=outcome.occurred_at or call.now,
        recorded_at=call.now,
        reason=outcome.reason,
        amount_usd=outcome.amount_usd,
        note=outcome.note or None,
    )


def _checked_ae(tx: Tx, username: str | None) -> str | None:
    """Return the AE that a hand-off goes to, if it names one."""
    if not username:
        return None
    user = tx.users.find(username)
    if user is None or not user.is_active or user.role != Role.AE:
        raise InputError("handed_to names no active AE; leave it out to let any AE take the lead")
    return username


def _save_brief(
    tx: Tx, event: OutcomeEvent, before: tuple[StoredEvent, ...], *, outcome: Outcome
) -> None:
    """Write the brief of a hand-off, where the lead has a score to put in it."""
    scored = tx.scores.latest(event.lead_id)
    if scored is None:
        return
    brief = build_handoff(
        event.lead_id,
        tx.leads.get(event.lead_id).lead,
        scored.score,
        event=event,
        history=[stored.event for stored in before],
        answers=outcome.answers or NO_ANSWERS,
    )
    tx.handoffs.save(brief.model_copy(update={"handed_to": outcome.handed_to or None}))
