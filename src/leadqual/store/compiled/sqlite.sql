-- What store/statements says, for sqlite. Written by `make statements`; do not edit.

-- access.insert_key
-- {"takes": ["name", "kind", "prefix", "key_hash", "scopes_json", "origins_json", "form_id", "created_at", "created_by", "expires_at", "revoked_at", "last_used_at"], "converts": {"created_at": "time", "expires_at": "time", "revoked_at": "time", "last_used_at": "time"}, "gives": [null]}
INSERT INTO api_keys (name, kind, prefix, key_hash, scopes_json, origins_json, form_id, created_at, created_by, expires_at, revoked_at, last_used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING key_id;

-- access.find_key
-- {"takes": ["hash"], "gives": [null, null, null, null, null, null, null, null, "time", null, "time", "time", "time"]}
SELECT api_keys.key_id, api_keys.name, api_keys.kind, api_keys.prefix, api_keys.key_hash, api_keys.scopes_json, api_keys.origins_json, api_keys.form_id, api_keys.created_at, api_keys.created_by, api_keys.expires_at, api_keys.revoked_at, api_keys.last_used_at
FROM api_keys
WHERE api_keys.key_hash = ?;

-- access.get_key
-- {"takes": ["id"], "gives": [null, null, null, null, null, null, null, null, "time", null, "time", "time", "time"]}
SELECT api_keys.key_id, api_keys.name, api_keys.kind, api_keys.prefix, api_keys.key_hash, api_keys.scopes_json, api_keys.origins_json, api_keys.form_id, api_keys.created_at, api_keys.created_by, api_keys.expires_at, api_keys.revoked_at, api_keys.last_used_at
FROM api_keys
WHERE api_keys.key_id = ?;

-- access.list_keys
-- {"gives": [null, null, null, null, null, null, null, null, "time", null, "time", "time", "time"]}
SELECT api_keys.key_id, api_keys.name, api_keys.kind, api_keys.prefix, api_keys.key_hash, api_keys.scopes_json, api_keys.origins_json, api_keys.form_id, api_keys.created_at, api_keys.created_by, api_keys.expires_at, api_keys.revoked_at, api_keys.last_used_at
FROM api_keys ORDER BY api_keys.key_id;

-- access.revoke_key
-- {"takes": ["at", "id"], "converts": {"at": "time"}}
UPDATE api_keys SET revoked_at=? WHERE api_keys.key_id = ?;

-- access.use_key
-- {"takes": ["at", "id"], "converts": {"at": "time"}}
UPDATE api_keys SET last_used_at=? WHERE api_keys.key_id = ?;

-- access.insert_user
-- {"takes": ["username", "password_hash", "role", "is_active", "full_name", "created_at", "updated_at"], "converts": {"is_active": "flag", "created_at": "time", "updated_at": "time"}}
INSERT INTO users (username, password_hash, role, is_active, full_name, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- access.find_user
-- {"takes": ["user"], "gives": [null, null, null, "flag", null, "time", "time"]}
SELECT users.username, users.password_hash, users.role, users.is_active, users.full_name, users.created_at, users.updated_at
FROM users
WHERE users.username = ?;

-- access.list_users
-- {"gives": [null, null, null, "flag", null, "time", "time"]}
SELECT users.username, users.password_hash, users.role, users.is_active, users.full_name, users.created_at, users.updated_at
FROM users ORDER BY users.username;

-- access.update_user
-- {"takes": ["new_hash", "new_role", "active", "at", "user"], "converts": {"active": "flag", "at": "time"}}
UPDATE users SET password_hash=coalesce(?, users.password_hash), role=coalesce(?, users.role), is_active=coalesce(?, users.is_active), updated_at=? WHERE users.username = ?;

-- access.insert_session
-- {"takes": ["session_hash", "username", "csrf_token", "created_at", "seen_at", "expires_at"], "converts": {"created_at": "time", "seen_at": "time", "expires_at": "time"}}
INSERT INTO sessions (session_hash, username, csrf_token, created_at, seen_at, expires_at) VALUES (?, ?, ?, ?, ?, ?);

-- access.find_session
-- {"takes": ["hash"], "gives": [null, null, null, "time", "time", "time"]}
SELECT sessions.session_hash, sessions.username, sessions.csrf_token, sessions.created_at, sessions.seen_at, sessions.expires_at
FROM sessions
WHERE sessions.session_hash = ?;

-- access.see_session
-- {"takes": ["at", "hash"], "converts": {"at": "time"}}
UPDATE sessions SET seen_at=? WHERE sessions.session_hash = ?;

-- access.delete_session
-- {"takes": ["hash"]}
DELETE FROM sessions WHERE sessions.session_hash = ?;

-- access.delete_sessions_of
-- {"takes": ["user"]}
DELETE FROM sessions WHERE sessions.username = ?;

-- access.prune_sessions
-- {"takes": ["at"], "converts": {"at": "time"}}
DELETE FROM sessions WHERE sessions.expires_at <= ?;

-- audit.read_head
-- {"gives": [null, null]}
SELECT audit_head.number, audit_head.entry_hash
FROM audit_head;

-- audit.lock_head
-- {"gives": [null, null]}
SELECT audit_head.number, audit_head.entry_hash
FROM audit_head;

-- audit.move_head
-- {"takes": ["number", "entry_hash"]}
UPDATE audit_head SET number=?, entry_hash=?;

-- audit.insert
-- {"takes": ["number", "at", "actor", "action", "subject", "detail_json", "entry_hash"], "converts": {"at": "time"}}
INSERT INTO audit (number, at, actor, action, subject, detail_json, entry_hash) VALUES (?, ?, ?, ?, ?, ?, ?);

-- audit.after
-- {"takes": ["after", "n", "param_1"], "constants": {"param_1": 0}, "gives": [null, "time", null, null, null, null, null]}
SELECT audit.number, audit.at, audit.actor, audit.action, audit.subject, audit.detail_json, audit.entry_hash
FROM audit
WHERE audit.number > ? ORDER BY audit.number
 LIMIT ? OFFSET ?;

-- audit.newest
-- {"takes": ["n", "param_1"], "constants": {"param_1": 0}, "gives": [null, "time", null, null, null, null, null]}
SELECT audit.number, audit.at, audit.actor, audit.action, audit.subject, audit.detail_json, audit.entry_hash
FROM audit ORDER BY audit.number DESC
 LIMIT ? OFFSET ?;

-- claims.take
-- {"takes": ["state", "actor", "until", "new_token", "id_of_item"], "converts": {"until": "time"}, "constants": {"state": "claimed"}}
UPDATE queue_items SET state=?, claimed_by=?, wakes_at=?, token=? WHERE queue_items.item_id = ?;

-- erasure.same_email
-- {"takes": ["email"], "gives": [null, null]}
SELECT leads.lead_id, leads.lead_json
FROM leads
WHERE leads.email = ?;

-- erasure.mark
-- {"takes": ["mark", "at"], "converts": {"at": "time"}}
INSERT INTO suppressions (mark, at) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- erasure.first_marks
-- {"gives": [null]}
SELECT suppressions.mark
FROM suppressions
 LIMIT 101 OFFSET 0;

-- erasure.find_mark
-- {"takes": ["marked"], "gives": [null]}
SELECT suppressions.mark
FROM suppressions
WHERE suppressions.mark = ?;

-- erasure.empty_lead
-- {"takes": ["email", "lead_json", "erased_at", "id"], "converts": {"erased_at": "time"}, "constants": {"email": null}}
UPDATE leads SET email=?, lead_json=?, erased_at=? WHERE leads.lead_id = ?;

-- erasure.forget_notes
-- {"takes": ["note", "id"], "constants": {"note": null}}
UPDATE events SET note=? WHERE events.lead_id = ? AND events.note IS NOT NULL;

-- erasure.close_item
-- {"takes": ["state", "claimed_by", "wakes_at", "finished_at", "id"], "converts": {"wakes_at": "time", "finished_at": "time"}, "constants": {"state": "closed", "claimed_by": null, "wakes_at": null}}
UPDATE queue_items SET state=?, claimed_by=?, wakes_at=?, finished_at=? WHERE queue_items.lead_id = ? AND queue_items.finished_at IS NULL;

-- erasure.remove_touches
-- {"takes": ["id"]}
DELETE FROM touches WHERE touches.lead_id = ?;

-- erasure.remove_scores
-- {"takes": ["id"]}
DELETE FROM scores WHERE scores.lead_id = ?;

-- erasure.remove_rescore
-- {"takes": ["id"]}
DELETE FROM rescore WHERE rescore.lead_id = ?;

-- erasure.remove_handoffs
-- {"takes": ["id"]}
DELETE FROM handoffs WHERE handoffs.lead_id = ?;

-- erasure.remove_outbox
-- {"takes": ["id"]}
DELETE FROM outbox WHERE outbox.lead_id = ?;

-- erasure.remove_external_ids
-- {"takes": ["id"]}
DELETE FROM external_ids WHERE external_ids.lead_id = ?;

-- events.insert
-- {"takes": ["lead_id", "item_id", "type", "actor", "occurred_at", "recorded_at", "reason", "amount_usd", "note", "event_key", "token", "until", "handed_to"], "converts": {"occurred_at": "time", "recorded_at": "time", "until": "time"}, "gives": [null]}
INSERT INTO events (lead_id, item_id, type, actor, occurred_at, recorded_at, reason, amount_usd, note, event_key, token, until, handed_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING event_id;

-- events.insert_many
-- {"takes": ["lead_id", "item_id", "type", "actor", "occurred_at", "recorded_at", "reason", "amount_usd", "note", "event_key", "token", "until", "handed_to"], "converts": {"occurred_at": "time", "recorded_at": "time", "until": "time"}}
INSERT INTO events (lead_id, item_id, type, actor, occurred_at, recorded_at, reason, amount_usd, note, event_key, token, until, handed_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- events.insert_entry
-- {"takes": ["lead_id", "item_id", "type", "actor", "occurred_at", "recorded_at", "reason", "amount_usd", "note", "event_key", "token", "until", "handed_to"], "converts": {"occurred_at": "time", "recorded_at": "time", "until": "time"}}
INSERT INTO events (lead_id, item_id, type, actor, occurred_at, recorded_at, reason, amount_usd, note, event_key, token, until, handed_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- events.item_of
-- {"takes": ["id", "param_1", "param_2"], "constants": {"param_1": 1, "param_2": 0}, "gives": [null]}
SELECT queue_items.item_id
FROM queue_items
WHERE queue_items.lead_id = ? ORDER BY queue_items.item_id DESC
 LIMIT ? OFFSET ?;

-- events.lead
-- {"takes": ["id"], "gives": [null]}
SELECT leads.lead_id
FROM leads
WHERE leads.lead_id = ?;

-- events.by_key
-- {"takes": ["key"], "gives": [null, null, null, null, null, "time", "time", null, null, null]}
SELECT events.event_id, events.event_key, events.lead_id, events.type, events.actor, events.occurred_at, events.recorded_at, events.reason, events.amount_usd, events.note
FROM events
WHERE events.event_key = ?;

-- events.of
-- {"takes": ["id", "type_1", "type_2", "type_3", "type_4"], "constants": {"type_1": "claimed", "type_2": "released", "type_3": "snoozed", "type_4": "assigned"}, "gives": [null, null, null, null, null, "time", "time", null, null, null]}
SELECT events.event_id, events.event_key, events.lead_id, events.type, events.actor, events.occurred_at, events.recorded_at, events.reason, events.amount_usd, events.note
FROM events
WHERE events.lead_id = ? AND events.type != ? AND events.type != ? AND events.type != ? AND events.type != ? ORDER BY events.event_id;

-- events.entries_of
-- {"takes": ["id", "type_1", "type_2", "type_3", "type_4"], "constants": {"type_1": "claimed", "type_2": "released", "type_3": "snoozed", "type_4": "assigned"}, "gives": [null, null, null, null, null, "time", null, "time", null]}
SELECT events.event_id, events.item_id, events.lead_id, events.type, events.actor, events.recorded_at, events.token, events.until, events.handed_to
FROM events
WHERE events.lead_id = ? AND NOT (events.type != ? AND events.type != ? AND events.type != ? AND events.type != ?) ORDER BY events.event_id;

-- events.after
-- {"takes": ["after", "type_1", "type_2", "type_3", "type_4", "n", "param_1"], "constants": {"type_1": "claimed", "type_2": "released", "type_3": "snoozed", "type_4": "assigned", "param_1": 0}, "gives": [null, null, null, null, null, "time", "time", null, null, null]}
SELECT events.event_id, events.event_key, events.lead_id, events.type, events.actor, events.occurred_at, events.recorded_at, events.reason, events.amount_usd, events.note
FROM events
WHERE events.event_id > ? AND events.type != ? AND events.type != ? AND events.type != ? AND events.type != ? ORDER BY events.event_id
 LIMIT ? OFFSET ?;

-- events.counts
-- {"takes": ["type_1", "type_2", "type_3", "type_4", "since", "until_"], "converts": {"since": "time", "until_": "time"}, "constants": {"type_1": "claimed", "type_2": "released", "type_3": "snoozed", "type_4": "assigned"}, "gives": [null, null]}
SELECT events.type, count(DISTINCT events.lead_id) AS count_1
FROM events
WHERE events.type != ? AND events.type != ? AND events.type != ? AND events.type != ? AND events.recorded_at >= ? AND events.recorded_at < ? GROUP BY events.type;

-- handoffs.insert
-- {"takes": ["lead_id", "brief_json"]}
INSERT INTO handoffs (lead_id, brief_json) VALUES (?, ?);

-- handoffs.latest
-- {"takes": ["id", "param_1", "param_2"], "constants": {"param_1": 1, "param_2": 0}, "gives": [null]}
SELECT handoffs.brief_json
FROM handoffs
WHERE handoffs.lead_id = ? ORDER BY handoffs.handoff_id DESC
 LIMIT ? OFFSET ?;

-- handoffs.latest_many
-- {"takes": ["ids"], "gives": [null, null]}
SELECT handoffs.lead_id, handoffs.brief_json
FROM handoffs
WHERE handoffs.handoff_id IN (SELECT max(handoffs.handoff_id) AS max_1
FROM handoffs
WHERE handoffs.lead_id IN (SELECT value
FROM json_each(?)) GROUP BY handoffs.lead_id);

-- idempotency.find
-- {"takes": ["of_scope", "of_key"], "gives": [null, null, null, null, "time"]}
SELECT idempotency.scope, idempotency."key", idempotency.body_hash, idempotency.response_json, idempotency.at
FROM idempotency
WHERE idempotency.scope = ? AND idempotency."key" = ?;

-- idempotency.save
-- {"takes": ["scope", "key", "body_hash", "response_json", "at", "old"], "converts": {"at": "time", "old": "time"}}
INSERT INTO idempotency (scope, "key", body_hash, response_json, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (scope, "key") DO UPDATE SET body_hash = excluded.body_hash, response_json = excluded.response_json, at = excluded.at WHERE idempotency.at <= ?;

-- idempotency.prune
-- {"takes": ["old"], "converts": {"old": "time"}}
DELETE FROM idempotency WHERE idempotency.at < ?;

-- items.put
-- {"takes": ["lead_id", "queue", "state", "rank", "order_key", "due_at", "created_at", "claimed_by", "wakes_at", "coalesce_2", "lead_id", "finished_at", "handed_to", "handed_at", "owner_rep", "state_1", "state_2", "state_1", "state_2"], "converts": {"due_at": "time", "created_at": "time", "wakes_at": "time", "finished_at": "time", "handed_at": "time"}, "constants": {"coalesce_2": 0, "state_1": "open", "state_2": "snoozed"}, "gives": [null, null, null, null, "time", "time", null, null, "time", null, null, null, null, "time", "time"]}
INSERT INTO queue_items (lead_id, queue, state, rank, order_key, due_at, created_at, claimed_by, wakes_at, token, finished_at, handed_to, handed_at, owner_rep) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(earlier.token), ?) AS coalesce_1
FROM queue_items AS earlier
WHERE earlier.lead_id = ?), ?, ?, ?, ?) ON CONFLICT (lead_id) WHERE finished_at IS NULL DO UPDATE SET queue = CASE WHEN (queue_items.state = ? OR queue_items.state = ?) THEN excluded.queue ELSE queue_items.queue END, rank = excluded.rank, order_key = excluded.order_key, due_at = CASE WHEN (NOT (NOT (queue_items.state = ? OR queue_items.state = ?) OR queue_items.queue = excluded.queue)) THEN excluded.due_at WHEN (excluded.due_at IS NULL) THEN queue_items.due_at ELSE CASE WHEN (queue_items.due_at <= excluded.due_at) THEN queue_items.due_at ELSE excluded.due_at END END RETURNING item_id, lead_id, rank, order_key, due_at, created_at, token, handed_to, handed_at, owner_rep, queue, state, claimed_by, wakes_at, finished_at;

-- items.put_new
-- {"takes": ["lead_id", "queue", "state", "rank", "order_key", "due_at", "created_at", "claimed_by", "wakes_at", "token", "finished_at", "handed_to", "handed_at", "owner_rep"], "converts": {"due_at": "time", "created_at": "time", "wakes_at": "time", "finished_at": "time", "handed_at": "time"}}
INSERT INTO queue_items (lead_id, queue, state, rank, order_key, due_at, created_at, claimed_by, wakes_at, token, finished_at, handed_to, handed_at, owner_rep) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- items.put_many
-- {"takes": ["lead_id", "queue", "state", "rank", "order_key", "due_at", "created_at", "claimed_by", "wakes_at", "coalesce_2", "lead_id", "finished_at", "handed_to", "handed_at", "owner_rep", "state_1", "state_2", "state_1", "state_2"], "converts": {"due_at": "time", "created_at": "time", "wakes_at": "time", "finished_at": "time", "handed_at": "time"}, "constants": {"coalesce_2": 0, "state_1": "open", "state_2": "snoozed"}}
INSERT INTO queue_items (lead_id, queue, state, rank, order_key, due_at, created_at, claimed_by, wakes_at, token, finished_at, handed_to, handed_at, owner_rep) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(earlier.token), ?) AS coalesce_1
FROM queue_items AS earlier
WHERE earlier.lead_id = ?), ?, ?, ?, ?) ON CONFLICT (lead_id) WHERE finished_at IS NULL DO UPDATE SET queue = CASE WHEN (queue_items.state = ? OR queue_items.state = ?) THEN excluded.queue ELSE queue_items.queue END, rank = excluded.rank, order_key = excluded.order_key, due_at = CASE WHEN (NOT (NOT (queue_items.state = ? OR queue_items.state = ?) OR queue_items.queue = excluded.queue)) THEN excluded.due_at WHEN (excluded.due_at IS NULL) THEN queue_items.due_at ELSE CASE WHEN (queue_items.due_at <= excluded.due_at) THEN queue_items.due_at ELSE excluded.due_at END END;

-- items.move
-- {"takes": ["state", "claimed_by", "wakes_at", "token", "finished_at", "handed_to", "handed_at", "owner_rep", "id_of_item"], "converts": {"wakes_at": "time", "finished_at": "time", "handed_at": "time"}}
UPDATE queue_items SET state=?, claimed_by=?, wakes_at=?, token=?, finished_at=?, handed_to=?, handed_at=?, owner_rep=? WHERE queue_items.item_id = ?;

-- items.count
-- {"gives": [null]}
SELECT count(*) AS count_1
FROM queue_items;

-- items.count_queued
-- {"takes": ["of_queue", "since"], "converts": {"since": "time"}, "gives": [null]}
SELECT count(*) AS count_1
FROM queue_items
WHERE queue_items.queue = ? AND queue_items.created_at >= ?;

-- items.after
-- {"takes": ["after_lead", "after_lead", "after", "n", "param_1"], "constants": {"param_1": 0}, "gives": [null, null, null, null, "time", "time", null, null, "time", null, null, null, null, "time", "time"]}
SELECT queue_items.item_id, queue_items.lead_id, queue_items.rank, queue_items.order_key, queue_items.due_at, queue_items.created_at, queue_items.token, queue_items.handed_to, queue_items.handed_at, queue_items.owner_rep, queue_items.queue, queue_items.state, queue_items.claimed_by, queue_items.wakes_at, queue_items.finished_at
FROM queue_items JOIN leads ON leads.lead_id = queue_items.lead_id
WHERE leads.erased_at IS NULL AND (queue_items.lead_id > ? OR queue_items.lead_id = ? AND queue_items.item_id > ?) ORDER BY queue_items.lead_id, queue_items.item_id
 LIMIT ? OFFSET ?;

-- items.history
-- {"takes": ["first", "last"], "gives": [null, null, null, null, null, "time", "time", null, null, null, null, null, "time", null]}
SELECT events.event_id, events.event_key, events.lead_id, events.type, events.actor, events.occurred_at, events.recorded_at, events.reason, events.amount_usd, events.note, events.item_id, events.token, events.until, events.handed_to
FROM events
WHERE events.lead_id >= ? AND events.lead_id <= ? AND events.item_id IS NOT NULL ORDER BY events.event_id;

-- leads.get
-- {"takes": ["id"], "gives": [null, null, null, "time", "time", null, "time"]}
SELECT leads.lead_id, leads.feed, leads.lead_json, leads.received_at, leads.touched_at, leads.n_touches, leads.erased_at
FROM leads
WHERE leads.lead_id = ?;

-- leads.get_locked
-- {"takes": ["id"], "gives": [null, null, null, "time", "time", null, "time"]}
SELECT leads.lead_id, leads.feed, leads.lead_json, leads.received_at, leads.touched_at, leads.n_touches, leads.erased_at
FROM leads
WHERE leads.lead_id = ?;

-- leads.get_many
-- {"takes": ["ids"], "gives": [null, null, null, "time", "time", null, "time"]}
SELECT leads.lead_id, leads.feed, leads.lead_json, leads.received_at, leads.touched_at, leads.n_touches, leads.erased_at
FROM leads
WHERE leads.lead_id IN (SELECT value
FROM json_each(?));

-- leads.by_external
-- {"takes": ["source_feed", "external"], "gives": [null, null, null, "time", "time", null, "time"]}
SELECT leads.lead_id, leads.feed, leads.lead_json, leads.received_at, leads.touched_at, leads.n_touches, leads.erased_at
FROM leads JOIN external_ids ON external_ids.lead_id = leads.lead_id
WHERE external_ids.feed = ? AND external_ids.external_id = ?;

-- leads.known
-- {"takes": ["source_feed", "externals", "emails"], "gives": [null, null, null]}
SELECT external_ids.external_id, external_ids.lead_id, NULL AS email
FROM external_ids
WHERE external_ids.feed = ? AND external_ids.external_id IN (SELECT value
FROM json_each(?)) UNION ALL SELECT NULL AS anon_1, leads.lead_id, leads.email
FROM leads
WHERE leads.email IN (SELECT value
FROM json_each(?));

-- leads.known_by_external
-- {"takes": ["source_feed", "externals"], "gives": [null, null]}
SELECT external_ids.external_id, external_ids.lead_id
FROM external_ids
WHERE external_ids.feed = ? AND external_ids.external_id IN (SELECT value
FROM json_each(?));

-- leads.count
-- {"takes": ["since"], "converts": {"since": "time"}, "gives": [null]}
SELECT count(*) AS count_1
FROM leads
WHERE leads.received_at >= ?;

-- leads.count_by_motion
-- {"takes": ["json_extract_leads_lead_json,_'_motion'_1", "since", "until_"], "converts": {"since": "time", "until_": "time"}, "constants": {"json_extract_leads_lead_json,_'_motion'_1": "outbound"}, "gives": [null, null]}
SELECT count(*) AS count_1, count(*) FILTER (WHERE json_extract(leads.lead_json, '$.motion') = ?) AS anon_1
FROM leads
WHERE leads.received_at >= ? AND leads.received_at < ?;

-- leads.insert
-- {"takes": ["lead_id", "feed", "email", "lead_json", "received_at", "touched_at", "n_touches", "is_history", "erased_at"], "converts": {"received_at": "time", "touched_at": "time", "is_history": "flag", "erased_at": "time"}}
INSERT INTO leads (lead_id, feed, email, lead_json, received_at, touched_at, n_touches, is_history, erased_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- leads.insert_old
-- {"takes": ["lead_id", "feed", "email", "lead_json", "received_at", "touched_at", "n_touches", "is_history", "erased_at"], "converts": {"received_at": "time", "touched_at": "time", "is_history": "flag", "erased_at": "time"}}
INSERT INTO leads (lead_id, feed, email, lead_json, received_at, touched_at, n_touches, is_history, erased_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- leads.insert_external
-- {"takes": ["feed", "external_id", "lead_id"]}
INSERT INTO external_ids (feed, external_id, lead_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- leads.insert_old_external
-- {"takes": ["feed", "external_id", "lead_id"]}
INSERT INTO external_ids (feed, external_id, lead_id) VALUES (?, ?, ?);

-- leads.insert_touch
-- {"takes": ["lead_id", "number", "feed", "at", "lead_json"], "converts": {"at": "time"}}
INSERT INTO touches (lead_id, number, feed, at, lead_json) VALUES (?, ?, ?, ?, ?);

-- leads.update
-- {"takes": ["email", "lead_json", "touched_at", "n_touches", "id"], "converts": {"touched_at": "time"}}
UPDATE leads SET email=?, lead_json=?, touched_at=?, n_touches=? WHERE leads.lead_id = ?;

-- leads.touches
-- {"takes": ["id"], "gives": [null, null, null, "time", null]}
SELECT touches.lead_id, touches.number, touches.feed, touches.at, touches.lead_json
FROM touches
WHERE touches.lead_id = ? ORDER BY touches.number;

-- operations.newest_standard
-- {"gives": [null]}
SELECT max(standards.version) AS max_1
FROM standards;

-- operations.insert_standard
-- {"takes": ["version", "yaml", "owner", "created_at", "created_by", "activated_at", "activated_by", "is_active"], "converts": {"created_at": "time", "activated_at": "time", "is_active": "flag"}}
INSERT INTO standards (version, yaml, owner, created_at, created_by, activated_at, activated_by, is_active) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- operations.get_standard
-- {"takes": ["of_version"], "gives": [null, null, null, "time", null, "time", null, "flag"]}
SELECT standards.version, standards.yaml, standards.owner, standards.created_at, standards.created_by, standards.activated_at, standards.activated_by, standards.is_active
FROM standards
WHERE standards.version = ?;

-- operations.list_standards
-- {"gives": [null, null, null, "time", null, "time", null, "flag"]}
SELECT standards.version, standards.yaml, standards.owner, standards.created_at, standards.created_by, standards.activated_at, standards.activated_by, standards.is_active
FROM standards ORDER BY standards.version;

-- operations.active_standard
-- {"gives": [null, null, null, "time", null, "time", null, "flag"]}
SELECT standards.version, standards.yaml, standards.owner, standards.created_at, standards.created_by, standards.activated_at, standards.activated_by, standards.is_active
FROM standards
WHERE standards.is_active = 1;

-- operations.retire_standard
-- {"takes": ["off"], "constants": {"off": false}}
UPDATE standards SET is_active=? WHERE standards.is_active = 1;

-- operations.activate_standard
-- {"takes": ["moment", "by", "on", "of_version"], "converts": {"moment": "time"}, "constants": {"on": true}}
UPDATE standards SET activated_at=?, activated_by=?, is_active=? WHERE standards.version = ?;

-- operations.get_alias
-- {"takes": ["of_alias"], "gives": [null, null, null, "time", null, null]}
SELECT model_aliases.alias, model_aliases.version, model_aliases.previous, model_aliases.set_at, model_aliases.set_by, model_aliases.reason
FROM model_aliases
WHERE model_aliases.alias = ?;

-- operations.list_aliases
-- {"gives": [null, null, null, "time", null, null]}
SELECT model_aliases.alias, model_aliases.version, model_aliases.previous, model_aliases.set_at, model_aliases.set_by, model_aliases.reason
FROM model_aliases ORDER BY model_aliases.alias;

-- operations.set_alias
-- {"takes": ["alias", "version", "set_at", "set_by", "reason"], "converts": {"set_at": "time"}, "gives": [null, null, null, "time", null, null]}
INSERT INTO model_aliases (alias, version, set_at, set_by, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT (alias) DO UPDATE SET version = excluded.version, previous = model_aliases.version, set_at = excluded.set_at, set_by = excluded.set_by, reason = excluded.reason RETURNING alias, version, previous, set_at, set_by, reason;

-- operations.clear_alias
-- {"takes": ["of_alias"]}
DELETE FROM model_aliases WHERE model_aliases.alias = ?;

-- operations.insert_import
-- {"takes": ["feed", "file_name", "file_hash", "mapping_hash", "started_at", "started_by", "finished_at", "n_rows", "n_leads", "n_events", "n_rejected"], "converts": {"started_at": "time", "finished_at": "time"}, "gives": [null]}
INSERT INTO imports (feed, file_name, file_hash, mapping_hash, started_at, started_by, finished_at, n_rows, n_leads, n_events, n_rejected) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING import_id;

-- operations.get_import
-- {"takes": ["id"], "gives": [null, null, null, null, null, "time", null, "time", null, null, null, null]}
SELECT imports.import_id, imports.feed, imports.file_name, imports.file_hash, imports.mapping_hash, imports.started_at, imports.started_by, imports.finished_at, imports.n_rows, imports.n_leads, imports.n_events, imports.n_rejected
FROM imports
WHERE imports.import_id = ?;

-- operations.same_import
-- {"takes": ["of_feed", "of_file", "of_mapping"], "gives": [null, null, null, null, null, "time", null, "time", null, null, null, null]}
SELECT imports.import_id, imports.feed, imports.file_name, imports.file_hash, imports.mapping_hash, imports.started_at, imports.started_by, imports.finished_at, imports.n_rows, imports.n_leads, imports.n_events, imports.n_rejected
FROM imports
WHERE imports.feed = ? AND imports.file_hash = ? AND imports.mapping_hash = ?;

-- operations.list_imports
-- {"gives": [null, null, null, null, null, "time", null, "time", null, null, null, null]}
SELECT imports.import_id, imports.feed, imports.file_name, imports.file_hash, imports.mapping_hash, imports.started_at, imports.started_by, imports.finished_at, imports.n_rows, imports.n_leads, imports.n_events, imports.n_rejected
FROM imports ORDER BY imports.import_id;

-- operations.finish_import
-- {"takes": ["moment", "rows", "leads", "events", "rejected", "id"], "converts": {"moment": "time"}}
UPDATE imports SET finished_at=?, n_rows=?, n_leads=?, n_events=?, n_rejected=? WHERE imports.import_id = ?;

-- outbox.insert
-- {"takes": ["kind", "lead_id", "payload_json", "created_at", "n_attempts", "due_at", "delivered_at", "given_up_at", "last_error"], "converts": {"created_at": "time", "due_at": "time", "delivered_at": "time", "given_up_at": "time"}}
INSERT INTO outbox (kind, lead_id, payload_json, created_at, n_attempts, due_at, delivered_at, given_up_at, last_error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- outbox.due
-- {"takes": ["moment", "n", "param_1"], "converts": {"moment": "time"}, "constants": {"param_1": 0}, "gives": [null, null, null, null, "time", null, "time", "time", "time", null]}
SELECT outbox.message_id, outbox.kind, outbox.lead_id, outbox.payload_json, outbox.created_at, outbox.n_attempts, outbox.due_at, outbox.delivered_at, outbox.given_up_at, outbox.last_error
FROM outbox
WHERE outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL AND outbox.due_at <= ? ORDER BY outbox.due_at, outbox.message_id
 LIMIT ? OFFSET ?;

-- outbox.due_locked
-- {"takes": ["moment", "n", "param_1"], "converts": {"moment": "time"}, "constants": {"param_1": 0}, "gives": [null, null, null, null, "time", null, "time", "time", "time", null]}
SELECT outbox.message_id, outbox.kind, outbox.lead_id, outbox.payload_json, outbox.created_at, outbox.n_attempts, outbox.due_at, outbox.delivered_at, outbox.given_up_at, outbox.last_error
FROM outbox
WHERE outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL AND outbox.due_at <= ? ORDER BY outbox.due_at, outbox.message_id
 LIMIT ? OFFSET ?;

-- outbox.delivered
-- {"takes": ["n_attempts_1", "moment", "last_error", "id"], "converts": {"moment": "time"}, "constants": {"n_attempts_1": 1, "last_error": null}}
UPDATE outbox SET n_attempts=(outbox.n_attempts + ?), delivered_at=?, last_error=? WHERE outbox.message_id = ? AND outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL;

-- outbox.failed
-- {"takes": ["n_attempts_1", "moment", "error", "id"], "converts": {"moment": "time"}, "constants": {"n_attempts_1": 1}}
UPDATE outbox SET n_attempts=(outbox.n_attempts + ?), due_at=?, last_error=? WHERE outbox.message_id = ? AND outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL;

-- outbox.given_up
-- {"takes": ["n_attempts_1", "moment", "error", "id"], "converts": {"moment": "time"}, "constants": {"n_attempts_1": 1}}
UPDATE outbox SET n_attempts=(outbox.n_attempts + ?), given_up_at=?, last_error=? WHERE outbox.message_id = ? AND outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL;

-- outbox.oldest
-- {"gives": ["time"]}
SELECT min(outbox.due_at) AS min_1
FROM outbox
WHERE outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL;

-- outbox.prune
-- {"takes": ["moment"], "converts": {"moment": "time"}}
DELETE FROM outbox WHERE outbox.created_at < ?;

-- scores.insert
-- {"takes": ["lead_id", "scored_at", "reason", "scored_by", "model_version", "standard_version", "p_conversion", "queue", "explored", "propensity", "score_json", "decision_json", "snapshot_json"], "converts": {"scored_at": "time", "explored": "flag"}}
INSERT INTO scores (lead_id, scored_at, reason, scored_by, model_version, standard_version, p_conversion, queue, explored, propensity, score_json, decision_json, snapshot_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- scores.of
-- {"takes": ["id"], "gives": [null, null, "time", null, null, null]}
SELECT scores.score_id, scores.lead_id, scores.scored_at, scores.reason, scores.score_json, scores.decision_json
FROM scores
WHERE scores.lead_id = ? ORDER BY scores.score_id;

-- scores.latest
-- {"takes": ["id", "param_1", "param_2"], "constants": {"param_1": 1, "param_2": 0}, "gives": [null, null, "time", null, null, null]}
SELECT scores.score_id, scores.lead_id, scores.scored_at, scores.reason, scores.score_json, scores.decision_json
FROM scores
WHERE scores.lead_id = ? ORDER BY scores.score_id DESC
 LIMIT ? OFFSET ?;

-- scores.latest_many
-- {"takes": ["ids"], "gives": [null, null, "time", null, null, null]}
SELECT scores.score_id, scores.lead_id, scores.scored_at, scores.reason, scores.score_json, scores.decision_json
FROM scores
WHERE scores.score_id IN (SELECT max(scores.score_id) AS max_1
FROM scores
WHERE scores.lead_id IN (SELECT value
FROM json_each(?)) GROUP BY scores.lead_id);

-- scores.wait_for_model
-- {"takes": ["lead_id"]}
INSERT INTO rescore (lead_id) VALUES (?) ON CONFLICT DO NOTHING;

-- scores.wait_no_longer
-- {"takes": ["id"]}
DELETE FROM rescore WHERE rescore.lead_id = ?;

-- scores.waiting
-- {"takes": ["n", "param_1"], "constants": {"param_1": 0}, "gives": [null]}
SELECT rescore.lead_id
FROM rescore ORDER BY rescore.lead_id
 LIMIT ? OFFSET ?;

-- scores.training
-- {"takes": ["number_1", "after", "n", "param_1"], "constants": {"number_1": 1, "param_1": 0}, "gives": [null, null, "flag", null, null, "time", null, "flag", null, null]}
SELECT leads.lead_id, leads.feed, leads.is_history, leads.lead_json, touches.lead_json AS lead_json_1, scores.scored_at, scores.queue, scores.explored, scores.propensity, scores.snapshot_json
FROM leads LEFT OUTER JOIN scores ON scores.lead_id = leads.lead_id AND NOT (EXISTS (SELECT *
FROM scores AS earlier
WHERE earlier.lead_id = scores.lead_id AND earlier.score_id < scores.score_id)) LEFT OUTER JOIN touches ON touches.lead_id = leads.lead_id AND touches.number = ?
WHERE leads.lead_id > ? AND leads.erased_at IS NULL ORDER BY leads.lead_id
 LIMIT ? OFFSET ?;
