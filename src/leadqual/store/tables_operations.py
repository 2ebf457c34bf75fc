"""Tables around the leads: who may ask, what was answered, what is sent, what serves."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)

from leadqual.store.metadata import METADATA
from leadqual.store.types import BigId, Flag, UtcTime


class KeyColumns(TypedColumns):
    """API keys, by their SHA-256."""

    key_id: Named[int] = Column(BigId, primary_key=True)
    name: Named[str] = Column(Text)
    kind: Named[str] = Column(Text)
    prefix: Named[str] = Column(Text)
    key_hash: Named[str] = Column(Text, unique=True)
    scopes_json: Named[str] = Column(Text)
    origins_json: Named[str] = Column(Text)
    form_id: Named[str | None] = Column(Text)
    created_at: Named[datetime] = Column(UtcTime)
    created_by: Named[str] = Column(Text)
    expires_at: Named[datetime | None] = Column(UtcTime)
    revoked_at: Named[datetime | None] = Column(UtcTime)
    last_used_at: Named[datetime | None] = Column(UtcTime)


class UserColumns(TypedColumns):
    """People who can log in."""

    username: Named[str] = Column(Text, primary_key=True)
    password_hash: Named[str] = Column(Text)
    role: Named[str] = Column(Text)
    is_active: Named[bool] = Column(Flag)
    full_name: Named[str | None] = Column(Text)
    created_at: Named[datetime] = Column(UtcTime)
    updated_at: Named[datetime] = Column(UtcTime)


class SessionColumns(TypedColumns):
    """Logins, by the SHA-256 of their id."""

    session_hash: Named[str] = Column(Text, primary_key=True)
    username: Named[str] = Column(Text, ForeignKey("users.username"), index=True)
    csrf_token: Named[str] = Column(Text)
    created_at: Named[datetime] = Column(UtcTime)
    seen_at: Named[datetime] = Column(UtcTime)
    expires_at: Named[datetime] = Column(UtcTime)


class IdempotencyColumns(TypedColumns):
    """Answers to be given again for the same key."""

    scope: Named[str] = Column(Text, primary_key=True)
    key: Named[str] = Column(Text, primary_key=True)
    body_hash: Named[str] = Column(Text)
    response_json: Named[str] = Column(Text)
    at: Named[datetime] = Column(UtcTime, index=True)


class OutboxColumns(TypedColumns):
    """Messages written with what they are about, sent afterwards."""

    message_id: Named[int] = Column(BigId, primary_key=True)
    kind: Named[str] = Column(Text)
    lead_id: Named[str | None] = Column(Text)
    payload_json: Named[str] = Column(Text)
    created_at: Named[datetime] = Column(UtcTime)
    n_attempts: Named[int] = Column(Integer)
    due_at: Named[datetime] = Column(UtcTime)
    delivered_at: Named[datetime | None] = Column(UtcTime)
    given_up_at: Named[datetime | None] = Column(UtcTime)
    last_error: Named[str | None] = Column(Text)


class AuditColumns(TypedColumns):
    """The audit log: each hash covers its entry and the hash before it."""

    number: Named[int] = Column(BigId, primary_key=True, autoincrement=False)
    at: Named[datetime] = Column(UtcTime)
    actor: Named[str] = Column(Text)
    action: Named[str] = Column(Text)
    subject: Named[str] = Column(Text)
    detail_json: Named[str] = Column(Text)
    entry_hash: Named[str] = Column(Text)


class AuditHeadColumns(TypedColumns):
    """One row: where the chain ends, so that a cut-off tail shows; also its lock."""

    head_id: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    number: Named[int] = Column(BigId)
    entry_hash: Named[str] = Column(Text)


class StandardColumns(TypedColumns):
    """Versions of the written standard."""

    version: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    yaml: Named[str] = Column(Text)
    owner: Named[str] = Column(Text)
    created_at: Named[datetime] = Column(UtcTime)
    created_by: Named[str] = Column(Text)
    activated_at: Named[datetime | None] = Column(UtcTime)
    activated_by: Named[str | None] = Column(Text)
    is_active: Named[bool] = Column(Flag)


class AliasColumns(TypedColumns):
    """Which model version serves and which one shadows it."""

    alias: Named[str] = Column(Text, primary_key=True)
    version: Named[str] = Column(Text)
    previous: Named[str | None] = Column(Text)
    set_at: Named[datetime] = Column(UtcTime)
    set_by: Named[str] = Column(Text)
    reason: Named[str] = Column(Text)


class ImportColumns(TypedColumns):
    """Files that were imported."""

    import_id: Named[int] = Column(BigId, primary_key=True)
    feed: Named[str] = Column(Text)
    file_name: Named[str] = Column(Text)
    file_hash: Named[str] = Column(Text)
    mapping_hash: Named[str] = Column(Text)
    started_at: Named[datetime] = Column(UtcTime)
    started_by: Named[str] = Column(Text)
    finished_at: Named[datetime | None] = Column(UtcTime)
    n_rows: Named[int] = Column(BigId)
    n_leads: Named[int] = Column(BigId)
    n_events: Named[int] = Column(BigId)
    n_rejected: Named[int] = Column(BigId)


KEYS: Final = Table("api_keys", METADATA, KeyColumns, sqlite_strict=True)
USERS: Final = Table("users", METADATA, UserColumns, sqlite_strict=True)
SESSIONS: Final = Table("sessions", METADATA, SessionColumns, sqlite_strict=True)
IDEMPOTENCY: Final = Table("idempotency", METADATA, IdempotencyColumns, sqlite_strict=True)
OUTBOX: Final = Table("outbox", METADATA, OutboxColumns, sqlite_strict=True)
AUDIT: Final = Table("audit", METADATA, AuditColumns, sqlite_strict=True)
AUDIT_HEAD: Final = Table("audit_head", METADATA, AuditHeadColumns, sqlite_strict=True)
STANDARDS: Final = Table("standards", METADATA, StandardColumns, sqlite_strict=True)
ALIASES: Final = Table("model_aliases", METADATA, AliasColumns, sqlite_strict=True)
IMPORTS: Final = Table(
    "imports",
    METADATA,
    ImportColumns,
    UniqueConstraint("feed", "file_hash", "mapping_hash"),
    sqlite_strict=True,
)
