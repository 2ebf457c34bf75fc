"""Outcome events and work entries: rows of one append-only table."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Integer, Text, and_, bindparam, case, distinct, func, or_, select

from leadqual.outcomes.events import OutcomeType
from leadqual.queue.items import WorkKind
from leadqual.store.statements.definitions import Builders, Statement, Statements
from leadqual.store.statements.inserts import insertion
from leadqual.store.statements.phrases import motion
from leadqual.store.tables import EVENTS, ITEMS, LEADS
from leadqual.store.types import BigId, Real

_IS_OUTCOME: Final = and_(*(EVENTS.c.type != kind.value for kind in WorkKind))
EVENT_COLUMNS: Final = (
    EVENTS.c.event_id,
    EVENTS.c.event_key,
    EVENTS.c.lead_id,
    EVENTS.c.type,
    EVENTS.c.actor,
    EVENTS.c.occurred_at,
    EVENTS.c.recorded_at,
    EVENTS.c.reason,
    EVENTS.c.amount_usd,
    EVENTS.c.note,
)
_EVENT: Final = select(*EVENT_COLUMNS)
_ENTRY: Final = select(
    EVENTS.c.event_id,
    EVENTS.c.item_id,
    EVENTS.c.lead_id,
    EVENTS.c.type,
    EVENTS.c.actor,
    EVENTS.c.recorded_at,
    EVENTS.c.token,
    EVENTS.c.until,
    EVENTS.c.handed_to,
)
_ID: Final = bindparam("id", type_=Text)
_UNTIL: Final = bindparam("until_", type_=EVENTS.c.recorded_at.type)

STATEMENTS: Final[Statements] = {
    "insert": insertion(EVENTS, is_idempotent=True, returning=[EVENTS.c.event_id]),
    "insert_many": insertion(EVENTS, is_idempotent=True),
    "insert_entry": insertion(EVENTS),
    "item_of": (
        select(ITEMS.c.item_id)
        .where(ITEMS.c.lead_id == _ID)
        .order_by(ITEMS.c.item_id.desc())
        .limit(1)
        .with_for_update()
    ),
    "lead": select(LEADS.c.lead_id).where(LEADS.c.lead_id == _ID),
    "by_key": _EVENT.where(EVENTS.c.event_key == bindparam("key", type_=Text)),
    "of": _EVENT.where(EVENTS.c.lead_id == _ID, _IS_OUTCOME).order_by(EVENTS.c.event_id),
    "entries_of": _ENTRY.where(EVENTS.c.lead_id == _ID, ~_IS_OUTCOME).order_by(EVENTS.c.event_id),
    "after": (
        _EVENT
        .where(EVENTS.c.event_id > bindparam("after", type_=BigId), _IS_OUTCOME)
        .order_by(EVENTS.c.event_id)
        .limit(bindparam("n", type_=Integer))
    ),
    "counts": (
        select(EVENTS.c.type, func.count(distinct(EVENTS.c.lead_id)))
        .where(
            _IS_OUTCOME,
            EVENTS.c.recorded_at >= bindparam("since"),
            EVENTS.c.recorded_at < _UNTIL,
        )
        .group_by(EVENTS.c.type)
    ),
}


def _furthest(dialect: str, *stages: frozenset[OutcomeType]) -> Statement:
    """Return leads by motion and by the last stage that their events of a period prove."""
    place = case(
        *(
            (or_(*(EVENTS.c.type == kind.value for kind in sorted(kinds))), number)
            for number, kinds in enumerate(stages, 1)
        ),
        else_=0,
    )
    since = bindparam("since", type_=EVENTS.c.recorded_at.type)
    recorded_at = func.coalesce(EVENTS.c.recorded_at, since)
    by_lead = (
        select(
            EVENTS.c.lead_id,
            func.max(place).label("place"),
            func.sum(func.coalesce(EVENTS.c.amount_usd, 0.0)).label("amount_usd"),
        )
        .where(_IS_OUTCOME, recorded_at >= since, recorded_at < _UNTIL)
        .group_by(EVENTS.c.lead_id)
        .subquery()
    )
    return (
        select(
            motion(dialect).label("motion"),
            by_lead.c.place,
            func.count(),
            func.sum(by_lead.c.amount_usd, type_=Real),
        )
        .join_from(by_lead, LEADS, LEADS.c.lead_id == by_lead.c.lead_id)
        .group_by("motion", by_lead.c.place)
    )


BUILDERS: Final[Builders] = {"furthest": _furthest}
