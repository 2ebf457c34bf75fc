"""Scorings, and what training reads of them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Integer, Text, and_, bindparam, delete, exists, func, select

from leadqual.store.statements.definitions import Statement, Statements
from leadqual.store.statements.inserts import insertion
from leadqual.store.statements.phrases import listed
from leadqual.store.tables import LEADS, RESCORE, SCORES, TOUCHES

_RECORD: Final = select(
    SCORES.c.score_id,
    SCORES.c.lead_id,
    SCORES.c.scored_at,
    SCORES.c.reason,
    SCORES.c.score_json,
    SCORES.c.decision_json,
)
_ID: Final = bindparam("id", type_=Text)
_N: Final = bindparam("n", type_=Integer)
_OF: Final = _RECORD.where(SCORES.c.lead_id == _ID)
_EARLIER: Final = SCORES.alias("earlier")
_IS_FIRST: Final = ~exists().where(
    _EARLIER.c.lead_id == SCORES.c.lead_id, _EARLIER.c.score_id < SCORES.c.score_id
)
_TRAINING: Final = (
    select(
        LEADS.c.lead_id,
        LEADS.c.feed,
        LEADS.c.is_history,
        LEADS.c.lead_json,
        TOUCHES.c.lead_json,
        SCORES.c.scored_at,
        SCORES.c.queue,
        SCORES.c.explored,
        SCORES.c.propensity,
        SCORES.c.snapshot_json,
    )
    .select_from(LEADS)
    .outerjoin(SCORES, and_(SCORES.c.lead_id == LEADS.c.lead_id, _IS_FIRST))
    .outerjoin(TOUCHES, and_(TOUCHES.c.lead_id == LEADS.c.lead_id, TOUCHES.c.number == 1))
    .where(LEADS.c.lead_id > bindparam("after", type_=Text), LEADS.c.erased_at.is_(None))
    .order_by(LEADS.c.lead_id)
    .limit(_N)
)


def _latest_many(dialect: str) -> Statement:
    newest = (
        select(func.max(SCORES.c.score_id))
        .where(SCORES.c.lead_id.in_(listed(dialect, "ids")))
        .group_by(SCORES.c.lead_id)
    )
    return _RECORD.where(SCORES.c.score_id.in_(newest))


STATEMENTS: Final[Statements] = {
    "insert": insertion(SCORES),
    "of": _OF.order_by(SCORES.c.score_id),
    "latest": _OF.order_by(SCORES.c.score_id.desc()).limit(1),
    "latest_many": _latest_many,
    "wait_for_model": insertion(RESCORE, is_idempotent=True),
    "wait_no_longer": delete(RESCORE).where(RESCORE.c.lead_id == _ID),
    "waiting": select(RESCORE.c.lead_id).order_by(RESCORE.c.lead_id).limit(_N),
    "training": _TRAINING,
}
