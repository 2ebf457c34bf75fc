"""Every table, once; migrations are compared with this by a test.

Texts that hold JSON keep it as written: JSONB would turn the float 1e16 into an integer and
refuse escapes that JSON allows, and a snapshot must come back as it was scored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Named,
    Table,
    Text,
    TypedColumns,
)

from leadqual.store.metadata import METADATA
from leadqual.store.types import BigId, Flag, Real, UtcTime


class LeadColumns(TypedColumns):
    """One row per lead: what its last touch said."""

    lead_id: Named[str] = Column(Text, primary_key=True)
    feed: Named[str] = Column(Text)
    email: Named[str | None] = Column(Text)
    lead_json: Named[str] = Column(Text)
    received_at: Named[datetime] = Column(UtcTime)
    touched_at: Named[datetime] = Column(UtcTime)
    n_touches: Named[int] = Column(Integer)
    is_history: Named[bool] = Column(Flag)
    erased_at: Named[datetime | None] = Column(UtcTime)


class ExternalIdColumns(TypedColumns):
    """What each feed calls a lead; a lead can come through several feeds."""

    feed: Named[str] = Column(Text, primary_key=True)
    external_id: Named[str] = Column(Text, primary_key=True)
    lead_id: Named[str] = Column(Text, index=True)


class TouchColumns(TypedColumns):
    """What each touch said, once there is more than one."""

    lead_id: Named[str] = Column(Text, ForeignKey("leads.lead_id"), primary_key=True)
    number: Named[int] = Column(Integer, primary_key=True)
    feed: Named[str] = Column(Text)
    at: Named[datetime] = Column(UtcTime)
    lead_json: Named[str] = Column(Text)


class ScoreColumns(TypedColumns):
    """One row per scoring, with the snapshot that was scored."""

    score_id: Named[int] = Column(BigId, primary_key=True)
    lead_id: Named[str] = Column(Text, ForeignKey("leads.lead_id"))
    scored_at: Named[datetime] = Column(UtcTime)
    reason: Named[str] = Column(Text)
    scored_by: Named[str] = Column(Text)
    model_version: Named[str] = Column(Text)
    standard_version: Named[int] = Column(Integer)
    p_conversion: Named[float] = Column(Real)
    queue: Named[str] = Column(Text)
    explored: Named[bool] = Column(Flag)
    propensity: Named[float] = Column(Real)
    score_json: Named[str] = Column(Text)
    decision_json: Named[str] = Column(Text)
    snapshot_json: Named[str] = Column(Text)


class RescoreColumns(TypedColumns):
    """Leads whose latest score is by the rules, waiting for a model."""

    lead_id: Named[str] = Column(Text, ForeignKey("leads.lead_id"), primary_key=True)


class ItemColumns(TypedColumns):
    """Queue items; `wakes_at` ends the lease or the snooze, whichever the state has."""

    item_id: Named[int] = Column(BigId, primary_key=True)
    lead_id: Named[str] = Column(Text, ForeignKey("leads.lead_id"))
    queue: Named[str] = Column(Text)
    state: Named[str] = Column(Text)
    rank: Named[float] = Column(Real)
    order_key: Named[float] = Column(Real)
    due_at: Named[datetime | None] = Column(UtcTime)
    created_at: Named[datetime] = Column(UtcTime)
    claimed_by: Named[str | None] = Column(Text)
    wakes_at: Named[datetime | None] = Column(UtcTime)
    token: Named[int] = Column(BigId)
    finished_at: Named[datetime | None] = Column(UtcTime)
    handed_to: Named[str | None] = Column(Text)
    handed_at: Named[datetime | None] = Column(UtcTime)
    owner_rep: Named[str | None] = Column(Text)


class HandoffColumns(TypedColumns):
    """Briefs, newest last; personal notes go with the lead when it is erased."""

    handoff_id: Named[int] = Column(BigId, primary_key=True)
    lead_id: Named[str] = Column(Text, ForeignKey("leads.lead_id"), index=True)
    brief_json: Named[str] = Column(Text)


class EventColumns(TypedColumns):
    """Outcome events and the work log in one order; triggers refuse changes."""

    event_id: Named[int] = Column(BigId, primary_key=True)
    lead_id: Named[str] = Column(Text, ForeignKey("leads.lead_id"), index=True)
    item_id: Named[int | None] = Column(BigId, ForeignKey("queue_items.item_id"))
    type: Named[str] = Column(Text)
    actor: Named[str | None] = Column(Text)
    occurred_at: Named[datetime | None] = Column(UtcTime)
    recorded_at: Named[datetime | None] = Column(UtcTime)
    reason: Named[str | None] = Column(Text)
    amount_usd: Named[float | None] = Column(Real)
    note: Named[str | None] = Column(Text)
    event_key: Named[str | None] = Column(Text)
    token: Named[int | None] = Column(BigId)
    until: Named[datetime | None] = Column(UtcTime)
    handed_to: Named[str | None] = Column(Text)


class SuppressionColumns(TypedColumns):
    """Keyed marks of erased persons: enough to know them again, not who they were."""

    mark: Named[bytes] = Column(LargeBinary, primary_key=True)
    at: Named[datetime] = Column(UtcTime)


LEADS: Final = Table(
    "leads",
    METADATA,
    LeadColumns,
    Index(None, "email", "touched_at"),
    Index(None, "received_at"),
    sqlite_strict=True,
)
EXTERNAL_IDS: Final = Table(
    "external_ids", METADATA, ExternalIdColumns, sqlite_strict=True, sqlite_with_rowid=False
)
TOUCHES: Final = Table("touches", METADATA, TouchColumns, sqlite_strict=True)
SCORES: Final = Table(
    "scores", METADATA, ScoreColumns, Index(None, "lead_id", "score_id"), sqlite_strict=True
)
RESCORE: Final = Table("rescore", METADATA, RescoreColumns, sqlite_strict=True)
ITEMS: Final = Table(
    "queue_items",
    METADATA,
    ItemColumns,
    CheckConstraint(
        "(state IN ('won', 'lost', 'closed')) = (finished_at IS NOT NULL)",
        name="final_iff_finished",
    ),
    CheckConstraint(
        "state IN ('open', 'claimed', 'snoozed', 'handed_off', 'opportunity', 'won', 'lost', "
        "'closed')",
        name="known_state",
    ),
    CheckConstraint("(state = 'claimed') = (claimed_by IS NOT NULL)", name="claimed_by_somebody"),
    CheckConstraint(
        "(state IN ('claimed', 'snoozed')) = (wakes_at IS NOT NULL)", name="waiting_until"
    ),
    sqlite_strict=True,
)
HANDOFFS: Final = Table("handoffs", METADATA, HandoffColumns, sqlite_strict=True)
EVENTS: Final = Table("events", METADATA, EventColumns, sqlite_strict=True)
SUPPRESSIONS: Final = Table("suppressions", METADATA, SuppressionColumns, sqlite_strict=True)
