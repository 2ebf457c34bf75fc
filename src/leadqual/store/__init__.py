"""Keep leads, scores, queues, events and everything around them in SQLite or PostgreSQL.

Only this package knows SQLAlchemy, and runs without it (`store.statements` says how).
`open_store(url)` gives a `Store`; `store.transaction()` and `store.read()` give a `Tx`, whose
repositories are listed here. A repository method raises `NotFoundError` for what does not exist,
and every method may raise `StoreError` (`BusyError` when the database is locked). All arguments
after `*` are keywords.

`Store`
    open_store(url) -> Store; transaction(); read(); upgrade(); check_schema(); info(); warnings
    check(now) -> CheckReport; backup(path); restore(path); scrub(); tidy()
    load_compiler(); close()
`Tx`
    savepoint()
`tx.leads`
    insert(lead, *, lead_id, feed, received_at); insert_new(rows: Sequence[NewLead])
    insert_many(rows: Sequence[OldLead]) -> list[Inserted]
    touch(lead_id, lead, *, feed, at) -> LeadRecord
    get(lead_id) -> LeadRecord; get_many(lead_ids) -> dict[str, LeadRecord]
    find_known(externals, emails) -> KnownLeads
    find_by_external(feed, external_id) -> LeadRecord | None
    ids_by_external(feed, external_ids) -> dict[str, str]
    touches(lead_id) -> tuple[Touch, ...]; count(*, since=...) -> int
    erase(lead_id, *, at, actor, suppression_key) -> tuple[str, ...]
    suppressed_among(identities, key) -> frozenset[str]
`tx.scores`
    insert(lead_id, *, score, decision, snapshot, reason)
    insert_many(rows: Sequence[NewScore])
    latest(lead_id) -> ScoreRecord | None; latest_many(lead_ids) -> dict[str, ScoreRecord]
    of(lead_id) -> tuple[ScoreRecord, ...]; needing_rescore(limit) -> tuple[str, ...]
    iter_training_rows(batch_size) -> Iterator[list[TrainingRow]]
`tx.queue`
    limited_to(queues, *, ae=None) -> QueueRepository, to which nothing else exists (in SQL)
    put(lead_id, decision, *, now) -> QueueItem
    put_many(pairs, *, now) -> int; put_new(pairs, *, now) -> int
    get(lead_id, *, now=None) -> QueueItem | None; get_many(lead_ids, *, now)
    ranked(queue, *, limit, now, cursor=None, states=(OPEN, CLAIMED)) -> Page
    claim_next(queue, *, actor, now, lease=LEASE) -> QueueItem | None
    claim_best(queue, takers) -> list[QueueItem | None]
    claim(lead_id, *, actor, now, lease=LEASE) -> QueueItem
    release(lead_id, *, actor, token, now) -> QueueItem
    snooze(lead_id, *, actor, token, until, now) -> QueueItem
    apply(lead_id, event, *, token, now, extras=Extras(until, handed_to)) -> QueueItem
    depths(now) -> tuple[QueueDepth, ...]; count_queued(queue, *, since) -> int
    handoffs(*, handed_to=None, is_finished=False, limit=200) -> tuple[QueueItem, ...]
    log(lead_id) -> tuple[WorkEntry, ...]; verify(now) -> tuple[str, ...]
`tx.handoffs`
    save(brief); latest(lead_id) -> Handoff | None; latest_many(lead_ids) -> dict[str, Handoff]
`tx.events`
    append(event, *, event_key=None) -> (StoredEvent, created); before `queue.apply`
    append_many(pairs of event and key, *, ids) -> int
    of(lead_id) -> tuple[StoredEvent, ...]; iter_all(batch_size) -> Iterator[list[OutcomeEvent]]
    count_leads_by_type(*, since=..., until=...) -> dict[OutcomeType, int]
`tx.keys`
    insert(KeyDraft) -> KeyRecord; find(key_hash); get(key_id); list(); revoke(key_id, *, at)
    note_use(key_id, *, at)
`tx.users`
    insert(UserRecord); find(username); get(username); list()
    update(username, *, at, password_hash=None, role=None, is_active=None)
`tx.sessions`
    insert(SessionRecord); find(session_hash); note_use(session_hash, *, at)
    delete(session_hash); delete_of(username) -> int; prune(now) -> int
`tx.idempotency`
    find(key, scope) -> IdempotentAnswer | None; prune(*, before) -> int
    save(key, scope, *, body_hash, response_json, at) -> IdempotentAnswer
`tx.outbox`
    put(kind, payload, *, lead_id, at) -> int; due(*, now, limit) -> tuple[OutboxMessage, ...]
    mark_delivered(message_id, *, at); mark_failed(message_id, *, error, due_at)
    give_up(message_id, *, error, at); oldest_due() -> datetime | None; prune(*, before) -> int
`tx.audit`
    append(action, *, actor, subject, at, detail={}) -> AuditEntry; verify() -> AuditCheck
    newest(limit) -> tuple[AuditEntry, ...]; iter_all(batch_size) -> Iterator[list[AuditEntry]]
`tx.standards`
    propose(yaml, *, owner, created_by, at) -> StandardRecord; get(version); list()
    active() -> StandardRecord | None; activate(version, *, actor, at) -> StandardRecord
`tx.aliases`
    get(alias) -> AliasRecord | None; list(); clear(alias)
    set(alias, version, *, actor, at, reason) -> AliasRecord
`tx.imports`
    start(draft: ImportRecord) -> (ImportRecord, created); get(import_id); list()
    finish(import_id, *, at, counts: ImportCounts) -> ImportRecord
"""

from leadqual.store.database import Store, open_store
from leadqual.store.records import (
    AliasRecord,
    AuditCheck,
    AuditEntry,
    CheckReport,
    IdempotentAnswer,
    ImportCounts,
    ImportRecord,
    Inserted,
    KeyDraft,
    KeyKind,
    KeyRecord,
    KnownLeads,
    LeadRecord,
    NewLead,
    NewScore,
    OldLead,
    OutboxMessage,
    ScoreRecord,
    SessionRecord,
    StandardRecord,
    StoredEvent,
    StoreInfo,
    Touch,
    TrainingRow,
    UserRecord,
)
from leadqual.store.transaction import Tx

__all__ = [
    "AliasRecord",
    "AuditCheck",
    "AuditEntry",
    "CheckReport",
    "IdempotentAnswer",
    "ImportCounts",
    "ImportRecord",
    "Inserted",
    "KeyDraft",
    "KeyKind",
    "KeyRecord",
    "KnownLeads",
    "LeadRecord",
    "NewLead",
    "NewScore",
    "OldLead",
    "OutboxMessage",
    "ScoreRecord",
    "SessionRecord",
    "StandardRecord",
    "Store",
    "StoreInfo",
    "StoredEvent",
    "Touch",
    "TrainingRow",
    "Tx",
    "UserRecord",
    "open_store",
]
