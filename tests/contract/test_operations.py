"""Keys, people, logins, answers to repeat, messages, standards, aliases and imports."""

from datetime import timedelta

import pytest

from leadqual.errors import BusyError, ConflictError, NotFoundError
from leadqual.outcomes.events import OutcomeType
from leadqual.qualify.score import Answer
from leadqual.queue.handoff import RepAnswers, build_handoff
from leadqual.store import (
    ImportCounts,
    ImportRecord,
    KeyDraft,
    KeyKind,
    SessionRecord,
    Store,
    UserRecord,
)
from tests.contract.records import MINUTE, NOW, add_lead, outcome, score

DAY = timedelta(days=1)
ANN = UserRecord(
    username="ann",
    password_hash="$argon2id$...",
    role="mrr",
    is_active=True,
    full_name="Änn O'Hara",
    created_at=NOW,
    updated_at=NOW,
)


def test_keys_are_found_by_hash_until_they_are_over(store: Store) -> None:
    draft = KeyDraft(
        name="web",
        kind=KeyKind.FORM,
        prefix="lq_pk_1",
        key_hash="aa",
        created_at=NOW,
        created_by="admin",
        scopes=("leads:write",),
        origins=("https://a.example",),
        form_id="contact",
        expires_at=NOW + 2 * DAY,
    )

    with store.transaction() as tx:
        key = tx.keys.insert(draft)
        tx.keys.note_use(key.key_id, at=NOW + MINUTE)
        used = tx.keys.find("aa")
        tx.keys.revoke(key.key_id, at=NOW + DAY)
        with pytest.raises(ConflictError), tx.savepoint():
            tx.keys.insert(draft)
        with pytest.raises(NotFoundError):
            tx.keys.revoke(999, at=NOW)

    assert used is not None
    assert used.last_used_at == NOW + MINUTE
    assert (key.scopes, key.origins, key.form_id) == (draft.scopes, draft.origins, "contact")
    with store.read() as tx:
        [revoked] = tx.keys.list()
        assert tx.keys.find("bb") is None
    assert [revoked.is_valid(NOW), revoked.is_valid(NOW + DAY)] == [True, False]
    assert [key.is_valid(NOW + DAY), key.is_valid(NOW + 2 * DAY)] == [True, False]


def test_users_change_only_in_what_is_given(store: Store) -> None:
    with store.transaction() as tx:
        tx.users.insert(ANN)
        tx.users.update("ann", at=NOW + DAY, role="leader")
        promoted = tx.users.get("ann")
        tx.users.update("ann", at=NOW + DAY, is_active=False)
        locked = tx.users.find("ann")
        with pytest.raises(ConflictError, match="taken"):
            tx.users.insert(ANN)
        with pytest.raises(NotFoundError):
            tx.users.update("bob", at=NOW, role="sdr")

    assert (promoted.role, promoted.password_hash, promoted.is_active) == (
        "leader",
        ANN.password_hash,
        True,
    )
    assert (promoted.full_name, promoted.updated_at) == (ANN.full_name, NOW + DAY)
    assert locked is not None
    assert (locked.is_active, locked.role) == (False, "leader")


def test_logins_end(store: Store) -> None:
    def login(number: int) -> SessionRecord:
        return SessionRecord(f"hash{number}", "ann", "csrf", NOW, NOW, NOW + number * DAY)

    with store.transaction() as tx:
        tx.users.insert(ANN)
        for number in (1, 2, 3):
            tx.sessions.insert(login(number))
        tx.sessions.note_use("hash1", at=NOW + MINUTE)
        seen = tx.sessions.find("hash1")
        n_pruned = tx.sessions.prune(NOW + DAY)
        tx.sessions.delete("hash2")
        left = [tx.sessions.find(f"hash{number}") is not None for number in (1, 2, 3)]
        n_ended = tx.sessions.delete_of("ann")

    assert seen is not None
    assert seen.seen_at == NOW + MINUTE
    assert (n_pruned, left, n_ended) == (1, [False, False, True], 1)


def test_an_answer_is_kept_once_and_replaced_only_when_it_is_too_old(store: Store) -> None:
    def save(hash_: str, at: timedelta) -> None:
        tx.idempotency.save("k", "s", body_hash=hash_, response_json="{}", at=NOW + at)

    with store.transaction() as tx:
        save("one", 0 * DAY)
        with pytest.raises(BusyError):
            save("two", DAY)
        kept = tx.idempotency.find("k", "s")
        save("three", 8 * DAY)
        replaced = tx.idempotency.find("k", "s")
        other_scope = tx.idempotency.find("k", "other")
        n_pruned = tx.idempotency.prune(before=NOW + 9 * DAY)

    assert kept is not None
    assert (kept.body_hash, kept.at) == ("one", NOW)
    assert replaced is not None
    assert replaced.body_hash == "three"
    assert (other_scope, n_pruned) == (None, 1)


def test_messages_wait_until_they_are_delivered_or_given_up(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(3):
            tx.outbox.put("lead.scored", {"n": number}, lead_id=None, at=NOW + number * MINUTE)
        before = tx.outbox.due(now=NOW + MINUTE, limit=10)
        ids = [message.message_id for message in tx.outbox.due(now=NOW + DAY, limit=10)]
        tx.outbox.mark_delivered(ids[0], at=NOW + MINUTE)
        tx.outbox.mark_failed(ids[1], error="503", due_at=NOW + DAY)
        tx.outbox.give_up(ids[2], error="410", at=NOW + MINUTE)
        with pytest.raises(NotFoundError):
            tx.outbox.mark_delivered(ids[0], at=NOW)
        oldest = tx.outbox.oldest_due()
        [retried] = tx.outbox.due(now=NOW + DAY, limit=10)
        n_pruned = tx.outbox.prune(before=NOW + 2 * MINUTE)
        n_left = tx.outbox.prune(before=NOW + DAY)

    assert [message.payload for message in before] == [{"n": 0}, {"n": 1}]
    assert oldest == NOW + DAY
    assert (retried.message_id, retried.n_attempts, retried.last_error) == (ids[1], 1, "503")
    assert (n_pruned, n_left) == (2, 1), "by age, sent or not"


def test_one_standard_is_active(store: Store) -> None:
    with store.transaction() as tx:
        none_yet = tx.standards.active()
        first = tx.standards.propose("a: 1", owner="sales", created_by="ann", at=NOW)
        second = tx.standards.propose("a: 2", owner="sales", created_by="bob", at=NOW)
        tx.standards.activate(1, actor="ann", at=NOW)
        tx.standards.activate(2, actor="bob", at=NOW + DAY)
        with pytest.raises(NotFoundError), tx.savepoint():
            tx.standards.activate(3, actor="bob", at=NOW)
        active = tx.standards.active()
        listed = tx.standards.list()

    assert none_yet is None
    assert (first.version, second.version) == (1, 2)
    assert active is not None
    assert (active.version, active.yaml, active.activated_by) == (2, "a: 2", "bob")
    assert [standard.is_active for standard in listed] == [False, True]
    assert listed[0].activated_at == NOW


def test_an_alias_remembers_what_it_named_before(store: Store) -> None:
    with store.transaction() as tx:
        for version in ("v1", "v2"):
            latest = tx.aliases.set("champion", version, actor="ann", at=NOW, reason="gate")
        tx.aliases.set("challenger", "v3", actor="ann", at=NOW, reason="new")
        tx.aliases.clear("challenger")
        champion = tx.aliases.get("champion")
        listed = tx.aliases.list()

    assert champion == latest
    assert (latest.version, latest.previous, latest.set_by) == ("v2", "v1", "ann")
    assert listed == (latest,)


def test_the_same_file_is_the_same_import(store: Store) -> None:
    draft = ImportRecord(
        import_id=0,
        feed="crm",
        file_name="leads.csv",
        file_hash="f",
        mapping_hash="m",
        started_at=NOW,
        started_by="ann",
    )
    counts = ImportCounts(n_rows=10, n_leads=8, n_events=5, n_rejected=2)

    with store.transaction() as tx:
        started, created = tx.imports.start(draft)
        broken_off, _ = tx.imports.start(draft)
        finished = tx.imports.finish(started.import_id, at=NOW + MINUTE, counts=counts)
        again, created_again = tx.imports.start(draft)

    assert (created, created_again) == (True, False)
    assert broken_off.finished_at is None
    assert (finished.finished_at, finished.counts) == (NOW + MINUTE, counts)
    assert again == finished


def test_the_newest_brief_of_a_lead_is_found(store: Store) -> None:
    add_lead(store, "L1")
    event = outcome("L1", OutcomeType.HANDED_OFF, note="call after 5 pm")

    with store.transaction() as tx:
        record = tx.leads.get("L1")
        for answer in (Answer.NO, Answer.YES):
            brief = build_handoff(
                "L1", record.lead, score(), event=event, answers=RepAnswers(budget=answer)
            )
            tx.handoffs.save(brief)
        found = tx.handoffs.latest("L1")
        many = tx.handoffs.latest_many(["L1", "nobody"])

    assert found == brief
    assert many == {"L1": brief}
