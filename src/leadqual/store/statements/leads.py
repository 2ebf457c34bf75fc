"""Leads, their touches, and what their feeds call them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, Text, bindparam, func, null, select, union_all, update

from leadqual.leads.schema import Motion
from leadqual.store.statements.definitions import Statement, Statements
from leadqual.store.statements.inserts import insertion
from leadqual.store.statements.phrases import listed, motion
from leadqual.store.tables import EXTERNAL_IDS, LEADS, TOUCHES

_RECORD: Final = select(
    LEADS.c.lead_id,
    LEADS.c.feed,
    LEADS.c.lead_json,
    LEADS.c.received_at,
    LEADS.c.touched_at,
    LEADS.c.n_touches,
    LEADS.c.erased_at,
)
_ID: Final = bindparam("id", type_=Text)
_FEED: Final = bindparam("source_feed", type_=Text)
_ONE: Final = _RECORD.where(LEADS.c.lead_id == _ID)


def _many(dialect: str) -> Statement:
    return _RECORD.where(LEADS.c.lead_id.in_(listed(dialect, "ids")))


def _known_by_external(dialect: str) -> Select[*tuple[Any, ...]]:
    """Return a select of external id and lead id for a feed and a list of its ids."""
    return select(EXTERNAL_IDS.c.external_id, EXTERNAL_IDS.c.lead_id).where(
        EXTERNAL_IDS.c.feed == _FEED,
        EXTERNAL_IDS.c.external_id.in_(listed(dialect, "externals")),
    )


def _known(dialect: str) -> Statement:
    """Return one statement for all that an arrival can be known by: most are known by nothing."""
    return union_all(
        _known_by_external(dialect).add_columns(null().label("email")),
        select(null(), LEADS.c.lead_id, LEADS.c.email).where(
            LEADS.c.email.in_(listed(dialect, "emails"))
        ),
    )


def _count_by_motion(dialect: str) -> Statement:
    """Return all and those of one motion: sorting by motion takes three times as long."""
    is_outbound = motion(dialect) == Motion.OUTBOUND.value
    return select(func.count(), func.count().filter(is_outbound)).where(
        LEADS.c.received_at >= bindparam("since"),
        LEADS.c.received_at < bindparam("until_", type_=LEADS.c.received_at.type),
    )


STATEMENTS: Final[Statements] = {
    "get": _ONE,
    "get_locked": _ONE.with_for_update(key_share=True),
    "get_many": _many,
    "by_external": _RECORD.join(EXTERNAL_IDS, EXTERNAL_IDS.c.lead_id == LEADS.c.lead_id).where(
        EXTERNAL_IDS.c.feed == _FEED,
        EXTERNAL_IDS.c.external_id == bindparam("external", type_=Text),
    ),
    "known": _known,
    "known_by_external": _known_by_external,
    "count": (
        select(func.count()).select_from(LEADS).where(LEADS.c.received_at >= bindparam("since"))
    ),
    "count_by_motion": _count_by_motion,
    "insert": insertion(LEADS, is_idempotent=True),
    "insert_old": insertion(LEADS),
    "insert_external": insertion(EXTERNAL_IDS, is_idempotent=True),
    "insert_old_external": insertion(EXTERNAL_IDS),
    "insert_touch": insertion(TOUCHES),
    "update": (
        update(LEADS)
        .where(LEADS.c.lead_id == _ID)
        .values(
            lead_json=bindparam("lead_json", type_=Text),
            email=bindparam("email", type_=Text),
            touched_at=bindparam("touched_at", type_=LEADS.c.touched_at.type),
            n_touches=bindparam("n_touches", type_=LEADS.c.n_touches.type),
        )
    ),
    "touches": (
        select(
            TOUCHES.c.lead_id, TOUCHES.c.number, TOUCHES.c.feed, TOUCHES.c.at, TOUCHES.c.lead_json
        )
        .where(TOUCHES.c.lead_id == _ID)
        .order_by(TOUCHES.c.number)
    ),
}
