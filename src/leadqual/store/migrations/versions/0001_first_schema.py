"""Create every table, and the triggers that keep events and audit log append-only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from leadqual.store.migrations.append_only import guard, unguard
from leadqual.store.types import BigId, Flag, Real, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_AUDIT_HEAD = sa.table(
    "audit_head", sa.column("head_id"), sa.column("number"), sa.column("entry_hash")
)


def upgrade() -> None:
    """Apply this revision."""
    _create_api_keys()
    _create_audit()
    _create_audit_head()
    _create_external_ids()
    _create_idempotency()
    _create_imports()
    _create_leads()
    _create_model_aliases()
    _create_outbox()
    _create_standards()
    _create_suppressions()
    _create_users()
    _create_handoffs()
    _create_queue_items()
    _index_queue_items()
    _create_rescore()
    _create_scores()
    _create_sessions()
    _create_touches()
    _create_events()
    guard(event_columns=_KEPT)
    op.bulk_insert(_AUDIT_HEAD, [{"head_id": 1, "number": 0, "entry_hash": "0" * 64}])
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE queue_items SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, "
            "autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)"
        )


def downgrade() -> None:
    """Undo this revision: drop everything."""
    for name in reversed(_TABLES):
        op.drop_table(name)
    unguard()


_TABLES = (
    "api_keys",
    "audit",
    "audit_head",
    "external_ids",
    "idempotency",
    "imports",
    "leads",
    "model_aliases",
    "outbox",
    "standards",
    "suppressions",
    "users",
    "handoffs",
    "queue_items",
    "rescore",
    "scores",
    "sessions",
    "touches",
    "events",
)


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", BigId, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("scopes_json", sa.Text(), nullable=False),
        sa.Column("origins_json", sa.Text(), nullable=False),
        sa.Column("form_id", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
        sqlite_strict=True,
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", BigId, autoincrement=False, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail_json", sa.Text(), nullable=False),
        sa.Column("entry_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
        sqlite_strict=True,
    )


def _create_audit_head() -> None:
    op.create_table(
        "audit_head",
        sa.Column("head_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", BigId, nullable=False),
        sa.Column("entry_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("head_id", name="pk_audit_head"),
        sqlite_strict=True,
    )


def _create_external_ids() -> None:
    op.create_table(
        "external_ids",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("feed", "external_id", name="pk_external_ids"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_external_ids_lead_id", "external_ids", ["lead_id"])


def _create_idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("response_json", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_idempotency"),
        sqlite_strict=True,
    )
    op.create_index("ix_idempotency_at", "idempotency", ["at"])


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("import_id", BigId, nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_hash", sa.Text(), nullable=False),
        sa.Column("mapping_hash", sa.Text(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("n_rows", BigId, nullable=False),
        sa.Column("n_leads", BigId, nullable=False),
        sa.Column("n_events", BigId, nullable=False),
        sa.Column("n_rejected", BigId, nullable=False),
        sa.PrimaryKeyConstraint("import_id", name="pk_imports"),
        sa.UniqueConstraint(
            "feed", "file_hash", "mapping_hash", name="uq_imports_feed_file_hash_mapping_hash"
        ),
        sqlite_strict=True,
    )


def _create_leads() -> None:
    op.create_table(
        "leads",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("lead_json", sa.Text(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("touched_at", UtcTime(), nullable=False),
        sa.Column("n_touches", sa.Integer(), nullable=False),
        sa.Column("is_history", Flag(), nullable=False),
        sa.Column("erased_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", name="pk_leads"),
        sqlite_strict=True,
    )
    op.create_index("ix_leads_email_touched_at", "leads", ["email", "touched_at"])
    op.create_index("ix_leads_received_at", "leads", ["received_at"])


def _create_model_aliases() -> None:
    op.create_table(
        "model_aliases",
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("set_at", UtcTime(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alias", name="pk_model_aliases"),
        sqlite_strict=True,
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("message_id", BigId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=True),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("n_attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("delivered_at", UtcTime(), nullable=True),
        sa.Column("given_up_at", UtcTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", name="pk_outbox"),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at"],
        **_where("delivered_at IS NULL AND given_up_at IS NULL"),
    )


def _create_standards() -> None:
    op.create_table(
        "standards",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("activated_at", UtcTime(), nullable=True),
        sa.Column("activated_by", sa.Text(), nullable=True),
        sa.Column("is_active", Flag(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_standards"),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_standards_active",
        "standards",
        ["is_active"],
        unique=True,
        **_where("is_active = 1", "is_active"),
    )


def _create_suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_suppressions"),
        sqlite_strict=True,
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("is_active", Flag(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("username", name="pk_users"),
        sqlite_strict=True,
    )


def _create_handoffs() -> None:
    op.create_table(
        "handoffs",
        sa.Column("handoff_id", BigId, nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("brief_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.lead_id"], name="fk_handoffs_lead_id"),
        sa.PrimaryKeyConstraint("handoff_id", name="pk_handoffs"),
        sqlite_strict=True,
    )
    op.create_index("ix_handoffs_lead_id", "handoffs", ["lead_id"])


def _create_queue_items() -> None:
    op.create_table(
        "queue_items",
        sa.Column("item_id", BigId, nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rank", Real, nullable=False),
        sa.Column("order_key", Real, nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("wakes_at", UtcTime(), nullable=True),
        sa.Column("token", BigId, nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("handed_to", sa.Text(), nullable=True),
        sa.Column("handed_at", UtcTime(), nullable=True),
        sa.Column("owner_rep", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'claimed') = (claimed_by IS NOT NULL)",
            name="ck_queue_items_claimed_by_somebody",
        ),
        sa.CheckConstraint(
            "(state IN ('claimed', 'snoozed')) = (wakes_at IS NOT NULL)",
            name="ck_queue_items_waiting_until",
        ),
        sa.CheckConstraint(
            "(state IN ('won', 'lost', 'closed')) = (finished_at IS NOT NULL)",
            name="ck_queue_items_final_iff_finished",
        ),
        sa.CheckConstraint(
            "state IN ('open', 'claimed', 'snoozed', 'handed_off', 'opportunity', "
            "'won', 'lost', 'closed')",
            name="ck_queue_items_known_state",
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.lead_id"], name="fk_queue_items_lead_id"),
        sa.PrimaryKeyConstraint("item_id", name="pk_queue_items"),
        sqlite_strict=True,
    )


def _index_queue_items() -> None:
    op.create_index(
        "ix_queue_items_handed_at", "queue_items", ["handed_at"], **_where("handed_at IS NOT NULL")
    )
    op.create_index("ix_queue_items_lead_id_item_id", "queue_items", ["lead_id", "item_id"])
    op.create_index(
        "ix_queue_items_overdue",
        "queue_items",
        ["due_at", "queue"],
        **_where("finished_at IS NULL AND handed_at IS NULL"),
    )
    op.create_index("ix_queue_items_queue_created_at", "queue_items", ["queue", "created_at"])
    op.create_index(
        "ix_queue_items_ranked",
        "queue_items",
        ["queue", "state", sa.text("order_key DESC"), "item_id"],
        **_where("finished_at IS NULL"),
    )
    op.create_index(
        "ix_queue_items_wakes_at", "queue_items", ["wakes_at"], **_where("wakes_at IS NOT NULL")
    )
    op.create_index(
        "uq_queue_items_open",
        "queue_items",
        ["lead_id"],
        unique=True,
        **_where("finished_at IS NULL"),
    )


def _create_rescore() -> None:
    op.create_table(
        "rescore",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.lead_id"], name="fk_rescore_lead_id"),
        sa.PrimaryKeyConstraint("lead_id", name="pk_rescore"),
        sqlite_strict=True,
    )


def _create_scores() -> None:
    op.create_table(
        "scores",
        sa.Column("score_id", BigId, nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("scored_at", UtcTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("scored_by", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("standard_version", sa.Integer(), nullable=False),
        sa.Column("p_conversion", Real, nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("explored", Flag(), nullable=False),
        sa.Column("propensity", Real, nullable=False),
        sa.Column("score_json", sa.Text(), nullable=False),
        sa.Column("decision_json", sa.Text(), nullable=False),
        sa.Column("snapshot_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.lead_id"], name="fk_scores_lead_id"),
        sa.PrimaryKeyConstraint("score_id", name="pk_scores"),
        sqlite_strict=True,
    )
    op.create_index("ix_scores_lead_id_score_id", "scores", ["lead_id", "score_id"])


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_hash", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("csrf_token", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["username"], ["users.username"], name="fk_sessions_username"),
        sa.PrimaryKeyConstraint("session_hash", name="pk_sessions"),
        sqlite_strict=True,
    )
    op.create_index("ix_sessions_username", "sessions", ["username"])


def _create_touches() -> None:
    op.create_table(
        "touches",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("lead_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.lead_id"], name="fk_touches_lead_id"),
        sa.PrimaryKeyConstraint("lead_id", "number", name="pk_touches"),
        sqlite_strict=True,
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", BigId, nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("item_id", BigId, nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("occurred_at", UtcTime(), nullable=True),
        sa.Column("recorded_at", UtcTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("amount_usd", Real, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("event_key", sa.Text(), nullable=True),
        sa.Column("token", BigId, nullable=True),
        sa.Column("until", UtcTime(), nullable=True),
        sa.Column("handed_to", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["queue_items.item_id"], name="fk_events_item_id"),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.lead_id"], name="fk_events_lead_id"),
        sa.PrimaryKeyConstraint("event_id", name="pk_events"),
        sqlite_strict=True,
    )
    op.create_index("ix_events_lead_id", "events", ["lead_id"])
    op.create_index(
        "uq_events_event_key",
        "events",
        ["event_key"],
        unique=True,
        **_where("event_key IS NOT NULL"),
    )


def _where(condition: str, on_postgresql: str | None = None) -> dict[str, Any]:
    """Return the condition of a partial index."""
    return {
        "sqlite_where": sa.text(condition),
        "postgresql_where": sa.text(on_postgresql or condition),
    }


_KEPT = (
    "event_id",
    "lead_id",
    "item_id",
    "type",
    "actor",
    "occurred_at",
    "recorded_at",
    "reason",
    "amount_usd",
    "event_key",
    "token",
    "until",
    "handed_to",
)
"""Columns of an event that nothing may change; erasing a person empties the note."""
