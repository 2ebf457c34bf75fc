-- What store/statements says, for postgresql. Written by `make statements`; do not edit.

-- access.insert_key
-- {"takes": ["name", "kind", "prefix", "key_hash", "scopes_json", "origins_json", "form_id", "created_at", "created_by", "expires_at", "revoked_at", "last_used_at"], "converts": {"created_at": "time", "expires_at": "time", "revoked_at": "time", "last_used_at": "time"}, "gives": [null]}
INSERT INTO api_keys (name, kind, prefix, key_hash, scopes_json, origins_json, form_id, created_at, created_by, expires_at, revoked_at, last_used_at) VALUES (%(name)s::VARCHAR, %(kind)s::VARCHAR, %(prefix)s::VARCHAR, %(key_hash)s::VARCHAR, %(scopes_json)s::VARCHAR, %(origins_json)s::VARCHAR, %(form_id)s::VARCHAR, %(created_at)s::TIMESTAMP WITH TIME ZONE, %(created_by)s::VARCHAR, %(expires_at)s::TIMESTAMP WITH TIME ZONE, %(revoked_at)s::TIMESTAMP WITH TIME ZONE, %(last_used_at)s::TIMESTAMP WITH TIME ZONE) RETURNING api_keys.key_id;

-- access.find_key
-- {"takes": ["hash"], "gives": [null, null, null, null, null, null, null, null, "time", null, "time", "time", "time"]}
SELECT api_keys.key_id, api_keys.name, api_keys.kind, api_keys.prefix, api_keys.key_hash, api_keys.scopes_json, api_keys.origins_json, api_keys.form_id, api_keys.created_at, api_keys.created_by, api_keys.expires_at, api_keys.revoked_at, api_keys.last_used_at
FROM api_keys
WHERE api_keys.key_hash = %(hash)s::VARCHAR;

-- access.get_key
-- {"takes": ["id"], "gives": [null, null, null, null, null, null, null, null, "time", null, "time", "time", "time"]}
SELECT api_keys.key_id, api_keys.name, api_keys.kind, api_keys.prefix, api_keys.key_hash, api_keys.scopes_json, api_keys.origins_json, api_keys.form_id, api_keys.created_at, api_keys.created_by, api_keys.expires_at, api_keys.revoked_at, api_keys.last_used_at
FROM api_keys
WHERE api_keys.key_id = %(id)s::BIGINT;

-- access.list_keys
-- {"gives": [null, null, null, null, null, null, null, null, "time", null, "time", "time", "time"]}
SELECT api_keys.key_id, api_keys.name, api_keys.kind, api_keys.prefix, api_keys.key_hash, api_keys.scopes_json, api_keys.origins_json, api_keys.form_id, api_keys.created_at, api_keys.created_by, api_keys.expires_at, api_keys.revoked_at, api_keys.last_used_at
FROM api_keys ORDER BY api_keys.key_id;

-- access.revoke_key
-- {"takes": ["at", "id"], "converts": {"at": "time"}}
UPDATE api_keys SET revoked_at=%(at)s::TIMESTAMP WITH TIME ZONE WHERE api_keys.key_id = %(id)s::BIGINT;

-- access.use_key
-- {"takes": ["at", "id"], "converts": {"at": "time"}}
UPDATE api_keys SET last_used_at=%(at)s::TIMESTAMP WITH TIME ZONE WHERE api_keys.key_id = %(id)s::BIGINT;

-- access.insert_user
-- {"takes": ["username", "password_hash", "role", "is_active", "full_name", "created_at", "updated_at"], "converts": {"is_active": "flag", "created_at": "time", "updated_at": "time"}}
INSERT INTO users (username, password_hash, role, is_active, full_name, created_at, updated_at) VALUES (%(username)s::VARCHAR, %(password_hash)s::VARCHAR, %(role)s::VARCHAR, %(is_active)s, %(full_name)s::VARCHAR, %(created_at)s::TIMESTAMP WITH TIME ZONE, %(updated_at)s::TIMESTAMP WITH TIME ZONE) ON CONFLICT DO NOTHING;

-- access.find_user
-- {"takes": ["user"], "gives": [null, null, null, "flag", null, "time", "time"]}
SELECT users.username, users.password_hash, users.role, users.is_active, users.full_name, users.created_at, users.updated_at
FROM users
WHERE users.username = %(user)s::VARCHAR;

-- access.list_users
-- {"gives": [null, null, null, "flag", null, "time", "time"]}
SELECT users.username, users.password_hash, users.role, users.is_active, users.full_name, users.created_at, users.updated_at
FROM users ORDER BY users.username;

-- access.update_user
-- {"takes": ["new_hash", "new_role", "active", "at", "user"], "converts": {"active": "flag", "at": "time"}}
UPDATE users SET password_hash=coalesce(%(new_hash)s::VARCHAR, users.password_hash), role=coalesce(%(new_role)s::VARCHAR, users.role), is_active=coalesce(%(active)s, users.is_active), updated_at=%(at)s::TIMESTAMP WITH TIME ZONE WHERE users.username = %(user)s::VARCHAR;

-- access.insert_session
-- {"takes": ["session_hash", "username", "csrf_token", "created_at", "seen_at", "expires_at"], "converts": {"created_at": "time", "seen_at": "time", "expires_at": "time"}}
INSERT INTO sessions (session_hash, username, csrf_token, created_at, seen_at, expires_at) VALUES (%(session_hash)s::VARCHAR, %(username)s::VARCHAR, %(csrf_token)s::VARCHAR, %(created_at)s::TIMESTAMP WITH TIME ZONE, %(seen_at)s::TIMESTAMP WITH TIME ZONE, %(expires_at)s::TIMESTAMP WITH TIME ZONE);

-- access.find_session
-- {"takes": ["hash"], "gives": [null, null, null, "time", "time", "time"]}
SELECT sessions.session_hash, sessions.username, sessions.csrf_token, sessions.created_at, sessions.seen_at, sessions.expires_at
FROM sessions
WHERE sessions.session_hash = %(hash)s::VARCHAR;

-- access.see_session
-- {"takes": ["at", "hash"], "converts": {"at": "time"}}
UPDATE sessions SET seen_at=%(at)s::TIMESTAMP WITH TIME ZONE WHERE sessions.session_hash = %(hash)s::VARCHAR;

-- access.delete_session
-- {"takes": ["hash"]}
DELETE FROM sessions WHERE sessions.session_hash = %(hash)s::VARCHAR;

-- access.delete_sessions_of
-- {"takes": ["user"]}
DELETE FROM sessions WHERE sessions.username = %(user)s::VARCHAR;

-- access.prune_sessions
-- {"takes": ["at"], "converts": {"at": "time"}}
DELETE FROM sessions WHERE sessions.expires_at <= %(at)s::TIMESTAMP WITH TIME ZONE;

-- audit.read_head
-- {"gives": [null, null]}
SELECT audit_head.number, audit_head.entry_hash
FROM audit_head;

-- audit.lock_head
-- {"gives": [null, null]}
SELECT audit_head.number, audit_head.entry_hash
FROM audit_head FOR UPDATE;

-- audit.move_head
-- {"takes": ["number", "entry_hash"]}
UPDATE audit_head SET number=%(number)s::BIGINT, entry_hash=%(entry_hash)s::VARCHAR;

-- audit.insert
-- {"takes": ["number", "at", "actor", "action", "subject", "detail_json", "entry_hash"], "converts": {"at": "time"}}
INSERT INTO audit (number, at, actor, action, subject, detail_json, entry_hash) VALUES (%(number)s::BIGINT, %(at)s::TIMESTAMP WITH TIME ZONE, %(actor)s::VARCHAR, %(action)s::VARCHAR, %(subject)s::VARCHAR, %(detail_json)s::VARCHAR, %(entry_hash)s::VARCHAR);

-- audit.after
-- {"takes": ["after", "n"], "gives": [null, "time", null, null, null, null, null]}
SELECT audit.number, audit.at, audit.actor, audit.action, audit.subject, audit.detail_json, audit.entry_hash
FROM audit
WHERE audit.number > %(after)s::BIGINT ORDER BY audit.number
 LIMIT %(n)s::INTEGER;

-- audit.newest
-- {"takes": ["n"], "gives": [null, "time", null, null, null, null, null]}
SELECT audit.number, audit.at, audit.actor, audit.action, audit.subject, audit.detail_json, audit.entry_hash
FROM audit ORDER BY audit.number DESC
 LIMIT %(n)s::INTEGER;

-- claims.take
-- {"takes": ["state", "actor", "until", "new_token", "id_of_item"], "converts": {"until": "time"}, "constants": {"state": "claimed"}}
UPDATE queue_items SET state=%(state)s::VARCHAR, claimed_by=%(actor)s::VARCHAR, wakes_at=%(until)s::TIMESTAMP WITH TIME ZONE, token=%(new_token)s::BIGINT WHERE queue_items.item_id = %(id_of_item)s::BIGINT;

-- claims.take_all
-- {"takes": ["param_1", "taken"], "constants": {"param_1": "claimed"}}
WITH moved AS
(UPDATE queue_items SET state=%(param_1)s::VARCHAR, claimed_by=taken.actor, wakes_at=taken.until, token=taken.token FROM json_to_recordset(CAST(%(taken)s::VARCHAR AS JSON)) AS taken(item_id BIGINT, lead_id TEXT, actor TEXT, at TIMESTAMP WITH TIME ZONE, until TIMESTAMP WITH TIME ZONE, token BIGINT) WHERE queue_items.item_id = taken.item_id RETURNING queue_items.item_id)
 INSERT INTO events (lead_id, item_id, type, actor, occurred_at, recorded_at, token, until) SELECT taken.lead_id, taken.item_id, 'claimed', taken.actor, taken.at, taken.at AS at__1, taken.token, taken.until
FROM json_to_recordset(CAST(%(taken)s::VARCHAR AS JSON)) AS taken(item_id BIGINT, lead_id TEXT, actor TEXT, at TIMESTAMP WITH TIME ZONE, until TIMESTAMP WITH TIME ZONE, token BIGINT);

-- erasure.same_email
-- {"takes": ["email"], "gives": [null, null]}
SELECT leads.lead_id, leads.lead_json
FROM leads
WHERE leads.email = %(email)s::VARCHAR;

-- erasure.mark
-- {"takes": ["mark", "at"], "converts": {"at": "time"}}
INSERT INTO suppressions (mark, at) VALUES (%(mark)s, %(at)s::TIMESTAMP WITH TIME ZONE) ON CONFLICT DO NOTHING;

-- erasure.first_marks
-- {"gives": [null]}
SELECT suppressions.mark
FROM suppressions
 LIMIT 101 OFFSET 0;

-- erasure.find_mark
-- {"takes": ["marked"], "gives": [null]}
SELECT suppressions.mark
FROM suppressions
WHERE suppressions.mark = %(marked)s;

-- erasure.empty_lead
-- {"takes": ["email", "lead_json", "erased_at", "id"], "converts": {"erased_at": "time"}, "constants": {"email": null}}
UPDATE leads SET email=%(email)s::VARCHAR, lead_json=%(lead_json)s::VARCHAR, erased_at=%(erased_at)s::TIMESTAMP WITH TIME ZONE WHERE leads.lead_id = %(id)s::VARCHAR;

-- erasure.forget_notes
-- {"takes": ["note", "id"], "constants": {"note": null}}
UPDATE events SET note=%(note)s::VARCHAR WHERE events.lead_id = %(id)s::VARCHAR AND events.note IS NOT NULL;

-- erasure.close_item
-- {"takes": ["state", "claimed_by", "wakes_at", "finished_at", "id"], "converts": {"wakes_at": "time", "finished_at": "time"}, "constants": {"state": "closed", "claimed_by": null, "wakes_at": null}}
UPDATE queue_items SET state=%(state)s::VARCHAR, claimed_by=%(claimed_by)s::VARCHAR, wakes_at=%(wakes_at)s::TIMESTAMP WITH TIME ZONE, finished_at=%(finished_at)s::TIMESTAMP WITH TIME ZONE WHERE queue_items.lead_id = %(id)s::VARCHAR AND queue_items.finished_at IS NULL;

-- erasure.remove_touches
-- {"takes": ["id"]}
DELETE FROM touches WHERE touches.lead_id = %(id)s::VARCHAR;

-- erasure.remove_scores
-- {"takes": ["id"]}
DELETE FROM scores WHERE scores.lead_id = %(id)s::VARCHAR;

-- erasure.remove_rescore
-- {"takes": ["id"]}
DELETE FROM rescore WHERE rescore.lead_id = %(id)s::VARCHAR;

-- erasure.remove_handoffs
-- {"takes": ["id"]}
DELETE FROM handoffs WHERE handoffs.lead_id = %(id)s::VARCHAR;

-- erasure.remove_outbox
-- {"takes": ["id"]}
DELETE FROM outbox WHERE outbox.lead_id = %(id)s::VARCHAR;

-- erasure.remove_external_ids
-- {"takes": ["id"]}
DELETE FROM external_ids WHERE external_ids.lead_id = %(id)s::VARCHAR;

-- events.insert
-- {"takes": ["lead_id", "item_id", "type", "actor", "occurred_at", "recorded_at", "reason", "amount_usd", "note", "event_key", "token", "until", "handed_to"], "converts": {"occurred_at": "time", "recorded_at": "time", "until": "time"}, "gives": [null]}
INSERT INTO events (lead_id, item_id, type, actor, occurred_at, recorded_at, reason, amount_usd, note, event_key, token, until, handed_to) VALUES (%(lead_id)s::VARCHAR, %(item_id)s::BIGINT, %(type)s::VARCHAR, %(actor)s::VARCHAR, %(occurred_at)s::TIMESTAMP WITH TIME ZONE, %(recorded_at)s::TIMESTAMP WITH TIME ZONE, %(reason)s::VARCHAR, %(amount_usd)s, %(note)s::VARCHAR, %(event_key)s::VARCHAR, %(token)s::BIGINT, %(until)s::TIMESTAMP WITH TIME ZONE, %(handed_to)s::VARCHAR) ON CONFLICT DO NOTHING RETURNING events.event_id;

-- events.insert_many
-- {"takes": ["lead_id", "item_id", "type", "actor", "occurred_at", "recorded_at", "reason", "amount_usd", "note", "event_key", "token", "until", "handed_to"], "converts": {"occurred_at": "time", "recorded_at": "time", "until": "time"}}
INSERT INTO events (lead_id, item_id, type, actor, occurred_at, recorded_at, reason, amount_usd, note, event_key, token, until, handed_to) VALUES (%(lead_id)s::VARCHAR, %(item_id)s::BIGINT, %(type)s::VARCHAR, %(actor)s::VARCHAR, %(occurred_at)s::TIMESTAMP WITH TIME ZONE, %(recorded_at)s::TIMESTAMP WITH TIME ZONE, %(reason)s::VARCHAR, %(amount_usd)s, %(note)s::VARCHAR, %(event_key)s::VARCHAR, %(token)s::BIGINT, %(until)s::TIMESTAMP WITH TIME ZONE, %(handed_to)s::VARCHAR) ON CONFLICT DO NOTHING;

-- events.insert_entry
-- {"takes": ["lead_id", "item_id", "type", "actor", "occurred_at", "recorded_at", "reason", "amount_usd", "note", "event_key", "token", "until", "handed_to"], "converts": {"occurred_at": "time", "recorded_at": "time", "until": "time"}}
INSERT INTO events (lead_id, item_id, type, actor, occurred_at, recorded_at, reason, amount_usd, note, event_key, token, until, handed_to) VALUES (%(lead_id)s::VARCHAR, %(item_id)s::BIGINT, %(type)s::VARCHAR, %(actor)s::VARCHAR, %(occurred_at)s::TIMESTAMP WITH TIME ZONE, %(recorded_at)s::TIMESTAMP WITH TIME ZONE, %(reason)s::VARCHAR, %(amount_usd)s, %(note)s::VARCHAR, %(event_key)s::VARCHAR, %(token)s::BIGINT, %(until)s::TIMESTAMP WITH TIME ZONE, %(handed_to)s::VARCHAR);

-- events.item_of
-- {"takes": ["id", "param_1"], "constants": {"param_1": 1}, "gives": [null]}
SELECT queue_items.item_id
FROM queue_items
WHERE queue_items.lead_id = %(id)s::VARCHAR ORDER BY queue_items.item_id DESC
 LIMIT %(param_1)s::INTEGER FOR UPDATE;

-- events.lead
-- {"takes": ["id"], "gives": [null]}
SELECT leads.lead_id
FROM leads
WHERE leads.lead_id = %(id)s::VARCHAR;

-- events.by_key
-- {"takes": ["key"], "gives": [null, null, null, null, null, "time", "time", null, null, null]}
SELECT events.event_id, events.event_key, events.lead_id, events.type, events.actor, events.occurred_at, events.recorded_at, events.reason, events.amount_usd, events.note
FROM events
WHERE events.event_key = %(key)s::VARCHAR;

-- events.of
-- {"takes": ["id", "type_1", "type_2", "type_3", "type_4"], "constants": {"type_1": "claimed", "type_2": "released", "type_3": "snoozed", "type_4": "assigned"}, "gives": [null, null, null, null, null, "time", "time", null, null, null]}
SELECT events.event_id, events.event_key, events.lead_id, events.type, events.actor, events.occurred_at, events.recorded_at, events.reason, events.amount_usd, events.note
FROM events
WHERE events.lead_id = %(id)s::VARCHAR AND events.type != %(type_1)s::VARCHAR AND events.type != %(type_2)s::VARCHAR AND events.type != %(type_3)s::VARCHAR AND events.type != %(type_4)s::VARCHAR ORDER BY events.event_id;

-- events.entries_of
-- {"takes": ["id", "type_1", "type_2", "type_3", "type_4"], "constants": {"type_1": "claimed", "type_2": "released", "type_3": "snoozed", "type_4": "assigned"}, "gives": [null, null, null, null, null, "time", null, "time", null]}
SELECT events.event_id, events.item_id, events.lead_id, events.type, events.actor, events.recorded_at, events.token, events.until, events.handed_to
FROM events
WHERE events.lead_id = %(id)s::VARCHAR AND NOT (events.type != %(type_1)s::VARCHAR AND events.type != %(type_2)s::VARCHAR AND events.type != %(type_3)s::VARCHAR AND events.type != %(type_4)s::VARCHAR) ORDER BY events.event_id;

-- events.after
-- {"takes": ["after", "type_1", "type_2", "type_3", "type_4", "n"], "constants": {"type_1": "claimed", "type_2": "released", "type_3": "snoozed", "type_4": "assigned"}, "gives": [null, null, null, null, null, "time", "time", null, null, null]}
SELECT events.event_id, events.event_key, events.lead_id, events.type, events.actor, events.occurred_at, events.recorded_at, events.reason, events.amount_usd, events.note
FROM events
WHERE events.event_id > %(after)s::BIGINT AND events.type != %(type_1)s::VARCHAR AND events.type != %(type_2)s::VARCHAR AND events.type != %(type_3)s::VARCHAR AND events.type != %(type_4)s::VARCHAR ORDER BY events.event_id
 LIMIT %(n)s::INTEGER;

-- events.counts
-- {"takes": ["type_1", "type_2", "type_3", "type_4", "since", "until_"], "converts": {"since": "time", "until_": "time"}, "constants": {"type_1": "claimed", "type_2": "released", "type_3": "snoozed", "type_4": "assigned"}, "gives": [null, null]}
SELECT events.type, count(DISTINCT events.lead_id) AS count_1
FROM events
WHERE events.type != %(type_1)s::VARCHAR AND events.type != %(type_2)s::VARCHAR AND events.type != %(type_3)s::VARCHAR AND events.type != %(type_4)s::VARCHAR AND events.recorded_at >= %(since)s::TIMESTAMP WITH TIME ZONE AND events.recorded_at < %(until_)s::TIMESTAMP WITH TIME ZONE GROUP BY events.type;

-- handoffs.insert
-- {"takes": ["lead_id", "brief_json"]}
INSERT INTO handoffs (lead_id, brief_json) VALUES (%(lead_id)s::VARCHAR, %(brief_json)s::VARCHAR);

-- handoffs.latest
-- {"takes": ["id", "param_1"], "constants": {"param_1": 1}, "gives": [null]}
SELECT handoffs.brief_json
FROM handoffs
WHERE handoffs.lead_id = %(id)s::VARCHAR ORDER BY handoffs.handoff_id DESC
 LIMIT %(param_1)s::INTEGER;

-- handoffs.latest_many
-- {"takes": ["ids"], "gives": [null, null]}
SELECT handoffs.lead_id, handoffs.brief_json
FROM handoffs
WHERE handoffs.handoff_id IN (SELECT max(handoffs.handoff_id) AS max_1
FROM handoffs
WHERE handoffs.lead_id IN (SELECT json_array_elements_text(CAST(%(ids)s::VARCHAR AS JSON)) AS json_array_elements_text_1) GROUP BY handoffs.lead_id);

-- idempotency.find
-- {"takes": ["of_scope", "of_key"], "gives": [null, null, null, null, "time"]}
SELECT idempotency.scope, idempotency.key, idempotency.body_hash, idempotency.response_json, idempotency.at
FROM idempotency
WHERE idempotency.scope = %(of_scope)s::VARCHAR AND idempotency.key = %(of_key)s::VARCHAR;

-- idempotency.save
-- {"takes": ["scope", "key", "body_hash", "response_json", "at", "old"], "converts": {"at": "time", "old": "time"}}
INSERT INTO idempotency (scope, key, body_hash, response_json, at) VALUES (%(scope)s::VARCHAR, %(key)s::VARCHAR, %(body_hash)s::VARCHAR, %(response_json)s::VARCHAR, %(at)s::TIMESTAMP WITH TIME ZONE) ON CONFLICT (scope, key) DO UPDATE SET body_hash = excluded.body_hash, response_json = excluded.response_json, at = excluded.at WHERE idempotency.at <= %(old)s::TIMESTAMP WITH TIME ZONE;

-- idempotency.prune
-- {"takes": ["old"], "converts": {"old": "time"}}
DELETE FROM idempotency WHERE idempotency.at < %(old)s::TIMESTAMP WITH TIME ZONE;

-- items.put
-- {"takes": ["lead_id", "queue", "state", "rank", "order_key", "due_at", "created_at", "claimed_by", "wakes_at", "coalesce_2", "finished_at", "handed_to", "handed_at", "owner_rep", "state_1", "state_2"], "converts": {"due_at": "time", "created_at": "time", "wakes_at": "time", "finished_at": "time", "handed_at": "time"}, "constants": {"coalesce_2": 0, "state_1": "open", "state_2": "snoozed"}, "gives": [null, null, null, null, "time", "time", null, null, "time", null, null, null, null, "time", "time"]}
INSERT INTO queue_items (lead_id, queue, state, rank, order_key, due_at, created_at, claimed_by, wakes_at, token, finished_at, handed_to, handed_at, owner_rep) VALUES (%(lead_id)s::VARCHAR, %(queue)s::VARCHAR, %(state)s::VARCHAR, %(rank)s, %(order_key)s, %(due_at)s::TIMESTAMP WITH TIME ZONE, %(created_at)s::TIMESTAMP WITH TIME ZONE, %(claimed_by)s::VARCHAR, %(wakes_at)s::TIMESTAMP WITH TIME ZONE, (SELECT coalesce(max(earlier.token), %(coalesce_2)s::INTEGER) AS coalesce_1
FROM queue_items AS earlier
WHERE earlier.lead_id = %(lead_id)s::VARCHAR), %(finished_at)s::TIMESTAMP WITH TIME ZONE, %(handed_to)s::VARCHAR, %(handed_at)s::TIMESTAMP WITH TIME ZONE, %(owner_rep)s::VARCHAR) ON CONFLICT (lead_id) WHERE finished_at IS NULL DO UPDATE SET queue = CASE WHEN (queue_items.state = %(state_1)s::VARCHAR OR queue_items.state = %(state_2)s::VARCHAR) THEN excluded.queue ELSE queue_items.queue END, rank = excluded.rank, order_key = excluded.order_key, due_at = CASE WHEN (NOT (NOT (queue_items.state = %(state_1)s::VARCHAR OR queue_items.state = %(state_2)s::VARCHAR) OR queue_items.queue = excluded.queue)) THEN excluded.due_at WHEN (excluded.due_at IS NULL) THEN queue_items.due_at ELSE CASE WHEN (queue_items.due_at <= excluded.due_at) THEN queue_items.due_at ELSE excluded.due_at END END RETURNING queue_items.item_id, queue_items.lead_id, queue_items.rank, queue_items.order_key, queue_items.due_at, queue_items.created_at, queue_items.token, queue_items.handed_to, queue_items.handed_at, queue_items.owner_rep, queue_items.queue, queue_items.state, queue_items.claimed_by, queue_items.wakes_at, queue_items.finished_at;

-- items.put_new
-- {"takes": ["lead_id", "queue", "state", "rank", "order_key", "due_at", "created_at", "claimed_by", "wakes_at", "token", "finished_at", "handed_to", "handed_at", "owner_rep"], "converts": {"due_at": "time", "created_at": "time", "wakes_at": "time", "finished_at": "time", "handed_at": "time"}}
INSERT INTO queue_items (lead_id, queue, state, rank, order_key, due_at, created_at, claimed_by, wakes_at, token, finished_at, handed_to, handed_at, owner_rep) VALUES (%(lead_id)s::VARCHAR, %(queue)s::VARCHAR, %(state)s::VARCHAR, %(rank)s, %(order_key)s, %(due_at)s::TIMESTAMP WITH TIME ZONE, %(created_at)s::TIMESTAMP WITH TIME ZONE, %(claimed_by)s::VARCHAR, %(wakes_at)s::TIMESTAMP WITH TIME ZONE, %(token)s::BIGINT, %(finished_at)s::TIMESTAMP WITH TIME ZONE, %(handed_to)s::VARCHAR, %(handed_at)s::TIMESTAMP WITH TIME ZONE, %(owner_rep)s::VARCHAR);

-- items.put_many
-- {"takes": ["lead_id", "queue", "state", "rank", "order_key", "due_at", "created_at", "claimed_by", "wakes_at", "coalesce_2", "finished_at", "handed_to", "handed_at", "owner_rep", "state_1", "state_2"], "converts": {"due_at": "time", "created_at": "time", "wakes_at": "time", "finished_at": "time", "handed_at": "time"}, "constants": {"coalesce_2": 0, "state_1": "open", "state_2": "snoozed"}}
INSERT INTO queue_items (lead_id, queue, state, rank, order_key, due_at, created_at, claimed_by, wakes_at, token, finished_at, handed_to, handed_at, owner_rep) VALUES (%(lead_id)s::VARCHAR, %(queue)s::VARCHAR, %(state)s::VARCHAR, %(rank)s, %(order_key)s, %(due_at)s::TIMESTAMP WITH TIME ZONE, %(created_at)s::TIMESTAMP WITH TIME ZONE, %(claimed_by)s::VARCHAR, %(wakes_at)s::TIMESTAMP WITH TIME ZONE, (SELECT coalesce(max(earlier.token), %(coalesce_2)s::INTEGER) AS coalesce_1
FROM queue_items AS earlier
WHERE earlier.lead_id = %(lead_id)s::VARCHAR), %(finished_at)s::TIMESTAMP WITH TIME ZONE, %(handed_to)s::VARCHAR, %(handed_at)s::TIMESTAMP WITH TIME ZONE, %(owner_rep)s::VARCHAR) ON CONFLICT (lead_id) WHERE finished_at IS NULL DO UPDATE SET queue = CASE WHEN (queue_items.state = %(state_1)s::VARCHAR OR queue_items.state = %(state_2)s::VARCHAR) THEN excluded.queue ELSE queue_items.queue END, rank = excluded.rank, order_key = excluded.order_key, due_at = CASE WHEN (NOT (NOT (queue_items.state = %(state_1)s::VARCHAR OR queue_items.state = %(state_2)s::VARCHAR) OR queue_items.queue = excluded.queue)) THEN excluded.due_at WHEN (excluded.due_at IS NULL) THEN queue_items.due_at ELSE CASE WHEN (queue_items.due_at <= excluded.due_at) THEN queue_items.due_at ELSE excluded.due_at END END;

-- items.move
-- {"takes": ["state", "claimed_by", "wakes_at", "token", "finished_at", "handed_to", "handed_at", "owner_rep", "id_of_item"], "converts": {"wakes_at": "time", "finished_at": "time", "handed_at": "time"}}
UPDATE queue_items SET state=%(state)s::VARCHAR, claimed_by=%(claimed_by)s::VARCHAR, wakes_at=%(wakes_at)s::TIMESTAMP WITH TIME ZONE, token=%(token)s::BIGINT, finished_at=%(finished_at)s::TIMESTAMP WITH TIME ZONE, handed_to=%(handed_to)s::VARCHAR, handed_at=%(handed_at)s::TIMESTAMP WITH TIME ZONE, owner_rep=%(owner_rep)s::VARCHAR WHERE queue_items.item_id = %(id_of_item)s::BIGINT;

-- items.count
-- {"gives": [null]}
SELECT count(*) AS count_1
FROM queue_items;

-- items.count_queued
-- {"takes": ["of_queue", "since"], "converts": {"since": "time"}, "gives": [null]}
SELECT count(*) AS count_1
FROM queue_items
WHERE queue_items.queue = %(of_queue)s::VARCHAR AND queue_items.created_at >= %(since)s::TIMESTAMP WITH TIME ZONE;

-- items.after
-- {"takes": ["after_lead", "after", "n"], "gives": [null, null, null, null, "time", "time", null, null, "time", null, null, null, null, "time", "time"]}
SELECT queue_items.item_id, queue_items.lead_id, queue_items.rank, queue_items.order_key, queue_items.due_at, queue_items.created_at, queue_items.token, queue_items.handed_to, queue_items.handed_at, queue_items.owner_rep, queue_items.queue, queue_items.state, queue_items.claimed_by, queue_items.wakes_at, queue_items.finished_at
FROM queue_items JOIN leads ON leads.lead_id = queue_items.lead_id
WHERE leads.erased_at IS NULL AND (queue_items.lead_id > %(after_lead)s::VARCHAR OR queue_items.lead_id = %(after_lead)s::VARCHAR AND queue_items.item_id > %(after)s::BIGINT) ORDER BY queue_items.lead_id, queue_items.item_id
 LIMIT %(n)s::INTEGER;

-- items.history
-- {"takes": ["first", "last"], "gives": [null, null, null, null, null, "time", "time", null, null, null, null, null, "time", null]}
SELECT events.event_id, events.event_key, events.lead_id, events.type, events.actor, events.occurred_at, events.recorded_at, events.reason, events.amount_usd, events.note, events.item_id, events.token, events.until, events.handed_to
FROM events
WHERE events.lead_id >= %(first)s::VARCHAR AND events.lead_id <= %(last)s::VARCHAR AND events.item_id IS NOT NULL ORDER BY events.event_id;

-- leads.get
-- {"takes": ["id"], "gives": [null, null, null, "time", "time", null, "time"]}
SELECT leads.lead_id, leads.feed, leads.lead_json, leads.received_at, leads.touched_at, leads.n_touches, leads.erased_at
FROM leads
WHERE leads.lead_id = %(id)s::VARCHAR;

-- leads.get_locked
-- {"takes": ["id"], "gives": [null, null, null, "time", "time", null, "time"]}
SELECT leads.lead_id, leads.feed, leads.lead_json, leads.received_at, leads.touched_at, leads.n_touches, leads.erased_at
FROM leads
WHERE leads.lead_id = %(id)s::VARCHAR FOR NO KEY UPDATE;

-- leads.get_many
-- {"takes": ["ids"], "gives": [null, null, null, "time", "time", null, "time"]}
SELECT leads.lead_id, leads.feed, leads.lead_json, leads.received_at, leads.touched_at, leads.n_touches, leads.erased_at
FROM leads
WHERE leads.lead_id IN (SELECT json_array_elements_text(CAST(%(ids)s::VARCHAR AS JSON)) AS json_array_elements_text_1);

-- leads.by_external
-- {"takes": ["source_feed", "external"], "gives": [null, null, null, "time", "time", null, "time"]}
SELECT leads.lead_id, leads.feed, leads.lead_json, leads.received_at, leads.touched_at, leads.n_touches, leads.erased_at
FROM leads JOIN external_ids ON external_ids.lead_id = leads.lead_id
WHERE external_ids.feed = %(source_feed)s::VARCHAR AND external_ids.external_id = %(external)s::VARCHAR;

-- leads.known
-- {"takes": ["source_feed", "externals", "emails"], "gives": [null, null, null]}
SELECT external_ids.external_id, external_ids.lead_id, NULL AS email
FROM external_ids
WHERE external_ids.feed = %(source_feed)s::VARCHAR AND external_ids.external_id IN (SELECT json_array_elements_text(CAST(%(externals)s::VARCHAR AS JSON)) AS json_array_elements_text_1) UNION ALL SELECT NULL AS anon_1, leads.lead_id, leads.email
FROM leads
WHERE leads.email IN (SELECT json_array_elements_text(CAST(%(emails)s::VARCHAR AS JSON)) AS json_array_elements_text_2);

-- leads.known_by_external
-- {"takes": ["source_feed", "externals"], "gives": [null, null]}
SELECT external_ids.external_id, external_ids.lead_id
FROM external_ids
WHERE external_ids.feed = %(source_feed)s::VARCHAR AND external_ids.external_id IN (SELECT json_array_elements_text(CAST(%(externals)s::VARCHAR AS JSON)) AS json_array_elements_text_1);

-- leads.count
-- {"takes": ["since"], "converts": {"since": "time"}, "gives": [null]}
SELECT count(*) AS count_1
FROM leads
WHERE leads.received_at >= %(since)s::TIMESTAMP WITH TIME ZONE;

-- leads.count_by_motion
-- {"takes": ["CAST_leads_lead_json_AS_JSON_->>_'motion'_1", "since", "until_"], "converts": {"since": "time", "until_": "time"}, "constants": {"CAST_leads_lead_json_AS_JSON_->>_'motion'_1": "outbound"}, "gives": [null, null]}
SELECT count(*) AS count_1, count(*) FILTER (WHERE (CAST(leads.lead_json AS JSON) ->> 'motion') = %(CAST_leads_lead_json_AS_JSON_->>_'motion'_1)s::VARCHAR) AS anon_1
FROM leads
WHERE leads.received_at >= %(since)s::TIMESTAMP WITH TIME ZONE AND leads.received_at < %(until_)s::TIMESTAMP WITH TIME ZONE;

-- leads.insert
-- {"takes": ["lead_id", "feed", "email", "lead_json", "received_at", "touched_at", "n_touches", "is_history", "erased_at"], "converts": {"received_at": "time", "touched_at": "time", "is_history": "flag", "erased_at": "time"}}
INSERT INTO leads (lead_id, feed, email, lead_json, received_at, touched_at, n_touches, is_history, erased_at) VALUES (%(lead_id)s::VARCHAR, %(feed)s::VARCHAR, %(email)s::VARCHAR, %(lead_json)s::VARCHAR, %(received_at)s::TIMESTAMP WITH TIME ZONE, %(touched_at)s::TIMESTAMP WITH TIME ZONE, %(n_touches)s::INTEGER, %(is_history)s, %(erased_at)s::TIMESTAMP WITH TIME ZONE) ON CONFLICT DO NOTHING;

-- leads.insert_old
-- {"takes": ["lead_id", "feed", "email", "lead_json", "received_at", "touched_at", "n_touches", "is_history", "erased_at"], "converts": {"received_at": "time", "touched_at": "time", "is_history": "flag", "erased_at": "time"}}
INSERT INTO leads (lead_id, feed, email, lead_json, received_at, touched_at, n_touches, is_history, erased_at) VALUES (%(lead_id)s::VARCHAR, %(feed)s::VARCHAR, %(email)s::VARCHAR, %(lead_json)s::VARCHAR, %(received_at)s::TIMESTAMP WITH TIME ZONE, %(touched_at)s::TIMESTAMP WITH TIME ZONE, %(n_touches)s::INTEGER, %(is_history)s, %(erased_at)s::TIMESTAMP WITH TIME ZONE);

-- leads.insert_external
-- {"takes": ["feed", "external_id", "lead_id"]}
INSERT INTO external_ids (feed, external_id, lead_id) VALUES (%(feed)s::VARCHAR, %(external_id)s::VARCHAR, %(lead_id)s::VARCHAR) ON CONFLICT DO NOTHING;

-- leads.insert_old_external
-- {"takes": ["feed", "external_id", "lead_id"]}
INSERT INTO external_ids (feed, external_id, lead_id) VALUES (%(feed)s::VARCHAR, %(external_id)s::VARCHAR, %(lead_id)s::VARCHAR);

-- leads.insert_touch
-- {"takes": ["lead_id", "number", "feed", "at", "lead_json"], "converts": {"at": "time"}}
INSERT INTO touches (lead_id, number, feed, at, lead_json) VALUES (%(lead_id)s::VARCHAR, %(number)s::INTEGER, %(feed)s::VARCHAR, %(at)s::TIMESTAMP WITH TIME ZONE, %(lead_json)s::VARCHAR);

-- leads.update
-- {"takes": ["email", "lead_json", "touched_at", "n_touches", "id"], "converts": {"touched_at": "time"}}
UPDATE leads SET email=%(email)s::VARCHAR, lead_json=%(lead_json)s::VARCHAR, touched_at=%(touched_at)s::TIMESTAMP WITH TIME ZONE, n_touches=%(n_touches)s::INTEGER WHERE leads.lead_id = %(id)s::VARCHAR;

-- leads.touches
-- {"takes": ["id"], "gives": [null, null, null, "time", null]}
SELECT touches.lead_id, touches.number, touches.feed, touches.at, touches.lead_json
FROM touches
WHERE touches.lead_id = %(id)s::VARCHAR ORDER BY touches.number;

-- locks.take
-- {"takes": ["hashtextextended_1", "names"], "constants": {"hashtextextended_1": 0}, "gives": [null]}
SELECT pg_advisory_xact_lock(hashtextextended(name, %(hashtextextended_1)s::INTEGER)) AS pg_advisory_xact_lock_1
FROM json_array_elements_text(CAST(%(names)s::VARCHAR AS JSON)) AS name;

-- operations.newest_standard
-- {"gives": [null]}
SELECT max(standards.version) AS max_1
FROM standards;

-- operations.insert_standard
-- {"takes": ["version", "yaml", "owner", "created_at", "created_by", "activated_at", "activated_by", "is_active"], "converts": {"created_at": "time", "activated_at": "time", "is_active": "flag"}}
INSERT INTO standards (version, yaml, owner, created_at, created_by, activated_at, activated_by, is_active) VALUES (%(version)s::INTEGER, %(yaml)s::VARCHAR, %(owner)s::VARCHAR, %(created_at)s::TIMESTAMP WITH TIME ZONE, %(created_by)s::VARCHAR, %(activated_at)s::TIMESTAMP WITH TIME ZONE, %(activated_by)s::VARCHAR, %(is_active)s);

-- operations.get_standard
-- {"takes": ["of_version"], "gives": [null, null, null, "time", null, "time", null, "flag"]}
SELECT standards.version, standards.yaml, standards.owner, standards.created_at, standards.created_by, standards.activated_at, standards.activated_by, standards.is_active
FROM standards
WHERE standards.version = %(of_version)s::INTEGER;

-- operations.list_standards
-- {"gives": [null, null, null, "time", null, "time", null, "flag"]}
SELECT standards.version, standards.yaml, standards.owner, standards.created_at, standards.created_by, standards.activated_at, standards.activated_by, standards.is_active
FROM standards ORDER BY standards.version;

-- operations.active_standard
-- {"gives": [null, null, null, "time", null, "time", null, "flag"]}
SELECT standards.version, standards.yaml, standards.owner, standards.created_at, standards.created_by, standards.activated_at, standards.activated_by, standards.is_active
FROM standards
WHERE standards.is_active;

-- operations.retire_standard
-- {"takes": ["off"], "constants": {"off": false}}
UPDATE standards SET is_active=%(off)s WHERE standards.is_active;

-- operations.activate_standard
-- {"takes": ["moment", "by", "on", "of_version"], "converts": {"moment": "time"}, "constants": {"on": true}}
UPDATE standards SET activated_at=%(moment)s::TIMESTAMP WITH TIME ZONE, activated_by=%(by)s::VARCHAR, is_active=%(on)s WHERE standards.version = %(of_version)s::INTEGER;

-- operations.get_alias
-- {"takes": ["of_alias"], "gives": [null, null, null, "time", null, null]}
SELECT model_aliases.alias, model_aliases.version, model_aliases.previous, model_aliases.set_at, model_aliases.set_by, model_aliases.reason
FROM model_aliases
WHERE model_aliases.alias = %(of_alias)s::VARCHAR;

-- operations.list_aliases
-- {"gives": [null, null, null, "time", null, null]}
SELECT model_aliases.alias, model_aliases.version, model_aliases.previous, model_aliases.set_at, model_aliases.set_by, model_aliases.reason
FROM model_aliases ORDER BY model_aliases.alias;

-- operations.set_alias
-- {"takes": ["alias", "version", "set_at", "set_by", "reason"], "converts": {"set_at": "time"}, "gives": [null, null, null, "time", null, null]}
INSERT INTO model_aliases (alias, version, set_at, set_by, reason) VALUES (%(alias)s::VARCHAR, %(version)s::VARCHAR, %(set_at)s::TIMESTAMP WITH TIME ZONE, %(set_by)s::VARCHAR, %(reason)s::VARCHAR) ON CONFLICT (alias) DO UPDATE SET version = excluded.version, previous = model_aliases.version, set_at = excluded.set_at, set_by = excluded.set_by, reason = excluded.reason RETURNING model_aliases.alias, model_aliases.version, model_aliases.previous, model_aliases.set_at, model_aliases.set_by, model_aliases.reason;

-- operations.clear_alias
-- {"takes": ["of_alias"]}
DELETE FROM model_aliases WHERE model_aliases.alias = %(of_alias)s::VARCHAR;

-- operations.insert_import
-- {"takes": ["feed", "file_name", "file_hash", "mapping_hash", "started_at", "started_by", "finished_at", "n_rows", "n_leads", "n_events", "n_rejected"], "converts": {"started_at": "time", "finished_at": "time"}, "gives": [null]}
INSERT INTO imports (feed, file_name, file_hash, mapping_hash, started_at, started_by, finished_at, n_rows, n_leads, n_events, n_rejected) VALUES (%(feed)s::VARCHAR, %(file_name)s::VARCHAR, %(file_hash)s::VARCHAR, %(mapping_hash)s::VARCHAR, %(started_at)s::TIMESTAMP WITH TIME ZONE, %(started_by)s::VARCHAR, %(finished_at)s::TIMESTAMP WITH TIME ZONE, %(n_rows)s::BIGINT, %(n_leads)s::BIGINT, %(n_events)s::BIGINT, %(n_rejected)s::BIGINT) ON CONFLICT DO NOTHING RETURNING imports.import_id;

-- operations.get_import
-- {"takes": ["id"], "gives": [null, null, null, null, null, "time", null, "time", null, null, null, null]}
SELECT imports.import_id, imports.feed, imports.file_name, imports.file_hash, imports.mapping_hash, imports.started_at, imports.started_by, imports.finished_at, imports.n_rows, imports.n_leads, imports.n_events, imports.n_rejected
FROM imports
WHERE imports.import_id = %(id)s::BIGINT;

-- operations.same_import
-- {"takes": ["of_feed", "of_file", "of_mapping"], "gives": [null, null, null, null, null, "time", null, "time", null, null, null, null]}
SELECT imports.import_id, imports.feed, imports.file_name, imports.file_hash, imports.mapping_hash, imports.started_at, imports.started_by, imports.finished_at, imports.n_rows, imports.n_leads, imports.n_events, imports.n_rejected
FROM imports
WHERE imports.feed = %(of_feed)s::VARCHAR AND imports.file_hash = %(of_file)s::VARCHAR AND imports.mapping_hash = %(of_mapping)s::VARCHAR;

-- operations.list_imports
-- {"gives": [null, null, null, null, null, "time", null, "time", null, null, null, null]}
SELECT imports.import_id, imports.feed, imports.file_name, imports.file_hash, imports.mapping_hash, imports.started_at, imports.started_by, imports.finished_at, imports.n_rows, imports.n_leads, imports.n_events, imports.n_rejected
FROM imports ORDER BY imports.import_id;

-- operations.finish_import
-- {"takes": ["moment", "rows", "leads", "events", "rejected", "id"], "converts": {"moment": "time"}}
UPDATE imports SET finished_at=%(moment)s::TIMESTAMP WITH TIME ZONE, n_rows=%(rows)s::BIGINT, n_leads=%(leads)s::BIGINT, n_events=%(events)s::BIGINT, n_rejected=%(rejected)s::BIGINT WHERE imports.import_id = %(id)s::BIGINT;

-- outbox.insert
-- {"takes": ["kind", "lead_id", "payload_json", "created_at", "n_attempts", "due_at", "delivered_at", "given_up_at", "last_error"], "converts": {"created_at": "time", "due_at": "time", "delivered_at": "time", "given_up_at": "time"}}
INSERT INTO outbox (kind, lead_id, payload_json, created_at, n_attempts, due_at, delivered_at, given_up_at, last_error) VALUES (%(kind)s::VARCHAR, %(lead_id)s::VARCHAR, %(payload_json)s::VARCHAR, %(created_at)s::TIMESTAMP WITH TIME ZONE, %(n_attempts)s::INTEGER, %(due_at)s::TIMESTAMP WITH TIME ZONE, %(delivered_at)s::TIMESTAMP WITH TIME ZONE, %(given_up_at)s::TIMESTAMP WITH TIME ZONE, %(last_error)s::VARCHAR);

-- outbox.due
-- {"takes": ["moment", "n"], "converts": {"moment": "time"}, "gives": [null, null, null, null, "time", null, "time", "time", "time", null]}
SELECT outbox.message_id, outbox.kind, outbox.lead_id, outbox.payload_json, outbox.created_at, outbox.n_attempts, outbox.due_at, outbox.delivered_at, outbox.given_up_at, outbox.last_error
FROM outbox
WHERE outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL AND outbox.due_at <= %(moment)s::TIMESTAMP WITH TIME ZONE ORDER BY outbox.due_at, outbox.message_id
 LIMIT %(n)s::INTEGER;

-- outbox.due_locked
-- {"takes": ["moment", "n"], "converts": {"moment": "time"}, "gives": [null, null, null, null, "time", null, "time", "time", "time", null]}
SELECT outbox.message_id, outbox.kind, outbox.lead_id, outbox.payload_json, outbox.created_at, outbox.n_attempts, outbox.due_at, outbox.delivered_at, outbox.given_up_at, outbox.last_error
FROM outbox
WHERE outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL AND outbox.due_at <= %(moment)s::TIMESTAMP WITH TIME ZONE ORDER BY outbox.due_at, outbox.message_id
 LIMIT %(n)s::INTEGER FOR UPDATE SKIP LOCKED;

-- outbox.delivered
-- {"takes": ["n_attempts_1", "moment", "last_error", "id"], "converts": {"moment": "time"}, "constants": {"n_attempts_1": 1, "last_error": null}}
UPDATE outbox SET n_attempts=(outbox.n_attempts + %(n_attempts_1)s::INTEGER), delivered_at=%(moment)s::TIMESTAMP WITH TIME ZONE, last_error=%(last_error)s::VARCHAR WHERE outbox.message_id = %(id)s::BIGINT AND outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL;

-- outbox.failed
-- {"takes": ["n_attempts_1", "moment", "error", "id"], "converts": {"moment": "time"}, "constants": {"n_attempts_1": 1}}
UPDATE outbox SET n_attempts=(outbox.n_attempts + %(n_attempts_1)s::INTEGER), due_at=%(moment)s::TIMESTAMP WITH TIME ZONE, last_error=%(error)s::VARCHAR WHERE outbox.message_id = %(id)s::BIGINT AND outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL;

-- outbox.given_up
-- {"takes": ["n_attempts_1", "moment", "error", "id"], "converts": {"moment": "time"}, "constants": {"n_attempts_1": 1}}
UPDATE outbox SET n_attempts=(outbox.n_attempts + %(n_attempts_1)s::INTEGER), given_up_at=%(moment)s::TIMESTAMP WITH TIME ZONE, last_error=%(error)s::VARCHAR WHERE outbox.message_id = %(id)s::BIGINT AND outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL;

-- outbox.oldest
-- {"gives": ["time"]}
SELECT min(outbox.due_at) AS min_1
FROM outbox
WHERE outbox.delivered_at IS NULL AND outbox.given_up_at IS NULL;

-- outbox.prune
-- {"takes": ["moment"], "converts": {"moment": "time"}}
DELETE FROM outbox WHERE outbox.created_at < %(moment)s::TIMESTAMP WITH TIME ZONE;

-- scores.insert
-- {"takes": ["lead_id", "scored_at", "reason", "scored_by", "model_version", "standard_version", "p_conversion", "queue", "explored", "propensity", "score_json", "decision_json", "snapshot_json"], "converts": {"scored_at": "time", "explored": "flag"}}
INSERT INTO scores (lead_id, scored_at, reason, scored_by, model_version, standard_version, p_conversion, queue, explored, propensity, score_json, decision_json, snapshot_json) VALUES (%(lead_id)s::VARCHAR, %(scored_at)s::TIMESTAMP WITH TIME ZONE, %(reason)s::VARCHAR, %(scored_by)s::VARCHAR, %(model_version)s::VARCHAR, %(standard_version)s::INTEGER, %(p_conversion)s, %(queue)s::VARCHAR, %(explored)s, %(propensity)s, %(score_json)s::VARCHAR, %(decision_json)s::VARCHAR, %(snapshot_json)s::VARCHAR);

-- scores.of
-- {"takes": ["id"], "gives": [null, null, "time", null, null, null]}
SELECT scores.score_id, scores.lead_id, scores.scored_at, scores.reason, scores.score_json, scores.decision_json
FROM scores
WHERE scores.lead_id = %(id)s::VARCHAR ORDER BY scores.score_id;

-- scores.latest
-- {"takes": ["id", "param_1"], "constants": {"param_1": 1}, "gives": [null, null, "time", null, null, null]}
SELECT scores.score_id, scores.lead_id, scores.scored_at, scores.reason, scores.score_json, scores.decision_json
FROM scores
WHERE scores.lead_id = %(id)s::VARCHAR ORDER BY scores.score_id DESC
 LIMIT %(param_1)s::INTEGER;

-- scores.latest_many
-- {"takes": ["ids"], "gives": [null, null, "time", null, null, null]}
SELECT scores.score_id, scores.lead_id, scores.scored_at, scores.reason, scores.score_json, scores.decision_json
FROM scores
WHERE scores.score_id IN (SELECT max(scores.score_id) AS max_1
FROM scores
WHERE scores.lead_id IN (SELECT json_array_elements_text(CAST(%(ids)s::VARCHAR AS JSON)) AS json_array_elements_text_1) GROUP BY scores.lead_id);

-- scores.wait_for_model
-- {"takes": ["lead_id"]}
INSERT INTO rescore (lead_id) VALUES (%(lead_id)s::VARCHAR) ON CONFLICT DO NOTHING;

-- scores.wait_no_longer
-- {"takes": ["id"]}
DELETE FROM rescore WHERE rescore.lead_id = %(id)s::VARCHAR;

-- scores.waiting
-- {"takes": ["n"], "gives": [null]}
SELECT rescore.lead_id
FROM rescore ORDER BY rescore.lead_id
 LIMIT %(n)s::INTEGER;

-- scores.training
-- {"takes": ["number_1", "after", "n"], "constants": {"number_1": 1}, "gives": [null, null, "flag", null, null, "time", null, "flag", null, null]}
SELECT leads.lead_id, leads.feed, leads.is_history, leads.lead_json, touches.lead_json AS lead_json_1, scores.scored_at, scores.queue, scores.explored, scores.propensity, scores.snapshot_json
FROM leads LEFT OUTER JOIN scores ON scores.lead_id = leads.lead_id AND NOT (EXISTS (SELECT *
FROM scores AS earlier
WHERE earlier.lead_id = scores.lead_id AND earlier.score_id < scores.score_id)) LEFT OUTER JOIN touches ON touches.lead_id = leads.lead_id AND touches.number = %(number_1)s::INTEGER
WHERE leads.lead_id > %(after)s::VARCHAR AND leads.erased_at IS NULL ORDER BY leads.lead_id
 LIMIT %(n)s::INTEGER;
