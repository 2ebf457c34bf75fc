"""What the repositories return and take: frozen, typed, times aware and in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from leadqual.leads.records import dump_record
from leadqual.leads.schema import Lead, Scalar
from leadqual.outcomes.events import OutcomeEvent
from leadqual.qualify.score import LeadScore
from leadqual.routing.decision import Decision


class StoreInfo(NamedTuple):
    """What the database is. `schema` is its revision, None while it has no schema of ours."""

    dialect: str
    version: str
    schema: str | None
    warnings: tuple[str, ...] = ()


class CheckReport(NamedTuple):
    """What an integrity check found; nothing in `problems` means sound."""

    problems: tuple[str, ...]
    n_audit_entries: int
    n_items: int

    @property
    def is_sound(self) -> bool:
        """Return whether no problem was found."""
        return not self.problems


class LeadRecord(NamedTuple):
    """One lead as it stands now.

    `lead` is what the last touch said. `received_at` is the first touch, `touched_at` the last,
    `n_touches` how many there were. After erasure `erased_at` is set and `lead` holds only
    source, motion and creation time.
    """

    lead_id: str
    feed: str
    lead: Lead
    received_at: datetime
    touched_at: datetime
    n_touches: int
    erased_at: datetime | None = None


class Touch(NamedTuple):
    """One time the person came to us, and what they said then; `number` counts from 1."""

    lead_id: str
    number: int
    feed: str
    at: datetime
    lead: Lead


class NewLead(NamedTuple):
    """One lead that came just now, to be stored with others."""

    lead_id: str
    feed: str
    lead: Lead
    received_at: datetime


class OldLead(NamedTuple):
    """One row of a bulk insert of leads from the past, with what is looked at taken out of it.

    It is learned from as it was imported, and was never scored when it came. `lead_json` is what
    `Lead.model_dump_json(exclude_none=True)` gives.
    """

    lead_id: str
    feed: str
    external_id: str | None
    email: str | None
    lead_json: str
    received_at: datetime

    @classmethod
    def of(cls, new: NewLead) -> OldLead:
        """Return the same lead as its row."""
        return cls(
            lead_id=new.lead_id,
            feed=new.feed,
            external_id=new.lead.external_id,
            email=new.lead.contact.email,
            lead_json=new.lead.model_dump_json(exclude_none=True),
            received_at=new.received_at,
        )


class Inserted(NamedTuple):
    """What became of one row of a bulk insert: the id it has now, and whether it is new."""

    lead_id: str
    created: bool


class KnownLeads(NamedTuple):
    """Leads that are stored already, by what a feed calls them and by their address."""

    by_external: Mapping[tuple[str, str], LeadRecord]
    by_email: Mapping[str, LeadRecord]


@dataclass(frozen=True)
class NewScore:
    """One scoring to be stored: what was scored (`snapshot`, flat), and why.

    `score_json` and `decision_json` are written once, for the store and for whoever waits.
    """

    lead_id: str
    score: LeadScore
    decision: Decision
    snapshot: Mapping[str, Scalar]
    reason: str
    score_json: str = field(init=False, repr=False, compare=False)
    decision_json: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "score_json", dump_record(self.score))
        object.__setattr__(self, "decision_json", dump_record(self.decision))


class ScoreRecord(NamedTuple):
    """One scoring of a lead: why it was done, what came out and what was decided."""

    score_id: int
    lead_id: str
    scored_at: datetime
    reason: str
    score: LeadScore
    decision: Decision


class TrainingRow(NamedTuple):
    """What was known of a lead at its prediction moment.

    `queue`, `explored` and `propensity` are of the first decision; a lead that was imported as
    history has no decision (`queue` None, `is_imported` True) and its snapshot is the lead as
    it was imported.
    """

    lead_id: str
    feed: str
    moment: datetime
    snapshot: Mapping[str, Scalar]
    queue: str | None
    explored: bool
    propensity: float
    is_imported: bool


class StoredEvent(NamedTuple):
    """One outcome event on disk, in the order of `event_id`."""

    event_id: int
    event: OutcomeEvent
    event_key: str | None = None


class KeyKind(StrEnum):
    """What a key is for: `secret` for servers, `form` for public pages (creates leads only)."""

    SECRET = "secret"  # noqa: S105 - names a kind of key, is none
    FORM = "form"


class KeyDraft(NamedTuple):
    """A key to be stored; `prefix` is the part that may be shown."""

    name: str
    kind: KeyKind
    prefix: str
    key_hash: str
    created_at: datetime
    created_by: str
    scopes: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    form_id: str | None = None
    expires_at: datetime | None = None


class KeyRecord(NamedTuple):
    """An API key: only its SHA-256 (hex) is kept. `form_id` names the form of a form key."""

    key_id: int
    name: str
    kind: KeyKind
    prefix: str
    key_hash: str
    scopes: tuple[str, ...]
    origins: tuple[str, ...]
    form_id: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor expired at `now`."""
        is_over = self.expires_at is not None and self.expires_at <= now
        is_revoked = self.revoked_at is not None and self.revoked_at <= now
        return not (is_over or is_revoked)


class UserRecord(NamedTuple):
    """A person who can log in. `password_hash` is argon2's own text form."""

    username: str
    password_hash: str
    role: str
    is_active: bool
    full_name: str | None
    created_at: datetime
    updated_at: datetime


class SessionRecord(NamedTuple):
    """A login. Only the SHA-256 (hex) of its id is kept; `expires_at` is absolute."""

    session_hash: str
    username: str
    csrf_token: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class IdempotentAnswer(NamedTuple):
    """The answer that was given under an idempotency key, to be given again."""

    scope: str
    key: str
    body_hash: str
    response_json: str
    at: datetime


class OutboxMessage(NamedTuple):
    """Something to tell the outside, written with what it is about, sent after the commit."""

    message_id: int
    kind: str
    lead_id: str | None
    payload: Mapping[str, object]
    created_at: datetime
    n_attempts: int
    due_at: datetime
    delivered_at: datetime | None = None
    given_up_at: datetime | None = None
    last_error: str | None = None


class AuditEntry(NamedTuple):
    """One line of the audit log; `entry_hash` covers it and the hash before it."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, object]
    entry_hash: str


class AuditCheck(NamedTuple):
    """What verifying the chain found; `first_bad` is the number of the first broken entry."""

    n_entries: int
    head_hash: str
    first_bad: int | None = None

    @property
    def is_intact(self) -> bool:
        """Return whether every entry is as it was written and none is missing."""
        return self.first_bad is None


class StandardRecord(NamedTuple):
    """A version of the written standard, as YAML text."""

    version: int
    yaml: str
    owner: str
    created_at: datetime
    created_by: str
    activated_at: datetime | None = None
    activated_by: str | None = None
    is_active: bool = False


class AliasRecord(NamedTuple):
    """Which model version an alias (`champion`, `challenger`) names, and named before."""

    alias: str
    version: str
    previous: str | None
    set_at: datetime
    set_by: str
    reason: str


class ImportCounts(NamedTuple):
    """What an import did, for its record."""

    n_rows: int = 0
    n_leads: int = 0
    n_events: int = 0
    n_rejected: int = 0


class ImportRecord(NamedTuple):
    """One file that was imported; the same file with the same mapping is the same import."""

    import_id: int
    feed: str
    file_name: str
    file_hash: str
    mapping_hash: str
    started_at: datetime
    started_by: str
    finished_at: datetime | None = None
    counts: ImportCounts = ImportCounts()
