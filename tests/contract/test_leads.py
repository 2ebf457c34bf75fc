"""Leads: stored once per external id, whatever they contain, and erased without a trace."""

from datetime import timedelta
from pathlib import Path

import pytest

from leadqual.errors import BusyError, ConflictError, InputError, NotFoundError
from leadqual.leads.flat import flatten_lead
from leadqual.leads.schema import Contact, Interest
from leadqual.outcomes.events import OutcomeType
from leadqual.store import NewLead, OldLead, Store
from tests.contract.records import NOW, add_lead, decision, lead, outcome, score

NASTY = [
    "🦄 👩‍👩‍👧‍👦 e\u0301",
    "שלום \u202e reversed \u200f",
    'Robert\'); DROP TABLE leads;-- "quoted" `ticks` \\back\\slash',
    "{json: true} %(name)s ? :bind %s $1 {{template}}",
    "line\nbreak\ttab\r\n\x1b[31m\x7f\u2028end",
    "\U0001d518 İıŞ ß ﬀ \ufeff",
    "=cmd|'/c calc'!A1",
    "x" * 500,
]


@pytest.mark.parametrize("text", NASTY)
def test_any_text_comes_back_as_it_was(store: Store, text: str) -> None:
    nasty = lead(
        external_id=text,
        contact=Contact(email=text, full_name=text),
        interest=Interest(message=text),
        attributes={text[:100]: text, "none": None, "yes": True},
    )
    event = outcome("L1", OutcomeType.CONTACTED, note=text, actor=text)

    with store.transaction() as tx:
        tx.leads.insert(nasty, lead_id="L1", feed=text, received_at=NOW)
        tx.scores.insert(
            "L1", score=score(), decision=decision(), snapshot=flatten_lead(nasty), reason="created"
        )
        tx.events.append(event, event_key=text)

    with store.read() as tx:
        known = tx.leads.find_known({text: [text]}, [text])
        named = tx.leads.find_by_external(text, text)
        [[row]] = list(tx.scores.iter_training_rows())
        [stored] = tx.events.of("L1")
    assert named is not None
    assert known.by_external[text, text].lead == known.by_email[text].lead == nasty
    assert named.lead == nasty
    assert row.snapshot == flatten_lead(nasty)
    assert (stored.event, stored.event_key) == (event, text)


@pytest.mark.parametrize(
    "number", [1e16, 5e-324, 1.7976931348623157e308, -0.0, 0.1 + 0.2, 2**63 - 1]
)
def test_any_number_comes_back_with_its_type_and_every_bit(store: Store, number: float) -> None:
    precise = lead(attributes={"number": number})

    with store.transaction() as tx:
        tx.leads.insert(precise, lead_id="L1", feed="api", received_at=NOW)

    with store.read() as tx:
        back = tx.leads.get("L1").lead.attributes["number"]
    assert (type(back), repr(back)) == (type(number), repr(number))


def test_text_that_no_column_holds_is_refused_and_spoils_nothing(store: Store) -> None:
    with store.transaction() as tx:
        with pytest.raises(InputError), tx.savepoint():
            tx.leads.insert(lead(), lead_id="\ud800", feed="api", received_at=NOW)
        tx.leads.insert(lead(), lead_id="L1", feed="api", received_at=NOW)

    with store.read() as tx:
        assert tx.leads.count() == 1


def test_naive_times_are_refused(store: Store) -> None:
    with pytest.raises(InputError, match="zone"), store.transaction() as tx:
        tx.leads.insert(lead(), lead_id="L1", feed="api", received_at=NOW.replace(tzinfo=None))


def test_an_external_id_of_a_feed_is_one_lead_and_its_loser_is_told_to_try_again(
    store: Store,
) -> None:
    named = lead(1, external_id="x")
    with store.transaction() as tx:
        tx.leads.insert(named, lead_id="L1", feed="crm", received_at=NOW)
        tx.leads.insert(named, lead_id="L2", feed="form", received_at=NOW)
        with pytest.raises(BusyError, match="again"), tx.savepoint():
            tx.leads.insert(named, lead_id="L3", feed="crm", received_at=NOW)

    with store.read() as tx:
        assert tx.leads.ids_by_external("crm", ["x"]) == {"x": "L1"}
        assert set(tx.leads.get_many(["L1", "L2", "L3"])) == {"L1", "L2"}


def test_a_lead_id_is_given_once(store: Store) -> None:
    add_lead(store, "L1")

    with pytest.raises(ConflictError, match="in use"), store.transaction() as tx:
        tx.leads.insert(lead(2), lead_id="L1", feed="api", received_at=NOW)


def test_unknown_leads_are_not_found(store: Store) -> None:
    with store.transaction() as tx:
        with pytest.raises(NotFoundError):
            tx.leads.get("nobody")
        with pytest.raises(NotFoundError):
            tx.leads.touch("nobody", lead(), feed="api", at=NOW)
        with pytest.raises(NotFoundError):
            tx.events.append(outcome("nobody", OutcomeType.WON))


def test_touches_keep_what_was_said_each_time(store: Store) -> None:
    later = NOW + timedelta(days=3)
    add_lead(store, "L1")

    with store.transaction() as tx:
        before = tx.leads.get("L1").lead
        changed = lead(9, external_id="crm-9")
        record = tx.leads.touch("L1", changed, feed="crm", at=later)

    with store.read() as tx:
        touches = tx.leads.touches("L1")
        assert tx.leads.get("L1") == record
        assert tx.leads.ids_by_external("crm", ["crm-9", "other"]) == {"crm-9": "L1"}
    assert [(touch.number, touch.feed, touch.at, touch.lead) for touch in touches] == [
        (1, "api", NOW, before),
        (2, "crm", later, changed),
    ]
    assert (record.lead, record.received_at, record.touched_at) == (changed, NOW, later)


def test_an_address_finds_the_lead_that_came_last(store: Store) -> None:
    with store.transaction() as tx:
        tx.leads.insert(lead(1), lead_id="L1", feed="api", received_at=NOW + timedelta(days=1))
        tx.leads.insert(lead(1), lead_id="L2", feed="api", received_at=NOW)
        tx.leads.insert(lead(2), lead_id="L3", feed="api", received_at=NOW)

    with store.read() as tx:
        found = tx.leads.find_known(
            {}, ["person1@firm.example", "person2@firm.example", "nobody@firm.example"]
        )
    assert found.by_external == {}
    assert {email: record.lead_id for email, record in found.by_email.items()} == {
        "person1@firm.example": "L1",
        "person2@firm.example": "L3",
    }


def test_leads_of_several_feeds_and_addresses_are_found_together(store: Store) -> None:
    with store.transaction() as tx:
        tx.leads.insert(lead(1, external_id="x"), lead_id="L1", feed="crm", received_at=NOW)
        tx.leads.insert(lead(2, external_id="x"), lead_id="L2", feed="api", received_at=NOW)
        tx.leads.insert(lead(3), lead_id="L3", feed="api", received_at=NOW)

    with store.read() as tx:
        found = tx.leads.find_known(
            {"crm": ["x", "y"], "api": ["x"], "form": ["x"]},
            ["person1@firm.example", "person3@firm.example"],
        )
        nothing = tx.leads.find_known({}, [])
    by_external = {name: record.lead_id for name, record in found.by_external.items()}
    by_email = {email: record.lead_id for email, record in found.by_email.items()}
    assert by_external == {("crm", "x"): "L1", ("api", "x"): "L2"}
    assert by_email == {"person1@firm.example": "L1", "person3@firm.example": "L3"}
    assert (nothing.by_external, nothing.by_email) == ({}, {})


def test_bulk_insert_says_which_rows_are_new_and_what_their_ids_are(store: Store) -> None:
    rows = [
        OldLead.of(NewLead(f"A{n}", "crm", lead(n, external_id=f"x{n % 3}"), NOW)) for n in range(5)
    ]

    with store.transaction() as tx:
        first = tx.leads.insert_many(rows)
        again = tx.leads.insert_many([
            OldLead.of(NewLead("B0", "crm", lead(1, external_id="x1"), NOW))
        ])
        nameless = tx.leads.insert_many([OldLead.of(NewLead("C0", "crm", lead(7), NOW))])

    assert [(row.lead_id, row.created) for row in first] == [
        ("A0", True),
        ("A1", True),
        ("A2", True),
        ("A0", False),
        ("A1", False),
    ]
    assert [(row.lead_id, row.created) for row in again + nameless] == [
        ("A1", False),
        ("C0", True),
    ]


def test_erasure_leaves_a_mark_and_nothing_else_of_the_person(
    store: Store, database: str, url: str
) -> None:
    secret = "Zebulon-Canary"
    person = lead(
        1, contact=Contact(email=f"{secret}@x.example".lower(), full_name=secret, phone="+49 1")
    )
    with store.transaction() as tx:
        for lead_id in ("L1", "L2"):
            tx.leads.insert(person, lead_id=lead_id, feed="api", received_at=NOW)
        tx.leads.touch("L1", person, feed="api", at=NOW)
        tx.scores.insert(
            "L1", score=score(), decision=decision(), snapshot={"m": secret}, reason="created"
        )
        tx.queue.put("L1", decision(), now=NOW)
        tx.events.append(outcome("L1", OutcomeType.CONTACTED, note=secret))
        tx.outbox.put("lead.created", {"name": secret}, lead_id="L1", at=NOW)

    with store.transaction() as tx:
        erased = tx.leads.erase("L1", at=NOW, actor="admin", suppression_key=b"key")
    is_scrubbed = store.scrub()

    with store.read() as tx:
        record = tx.leads.get("L2")
        assert record.erased_at == NOW
        assert record.lead == lead(contact=Contact())
        mails = [f"{secret}@X.example", "other@x.example"]
        assert tx.leads.suppressed_among(mails, b"key") == {f"{secret}@X.example"}
        assert tx.leads.suppressed_among(["+49 1", "+49 2"], b"key") == {"+49 1"}
        assert tx.leads.suppressed_among(["+49 1"], b"another key") == frozenset()
        assert [stored.event.note for stored in tx.events.of("L1")] == [None]
        assert tx.scores.of("L1") == ()
        assert list(tx.scores.iter_training_rows()) == []
    assert sorted(erased) == ["L1", "L2"]
    assert is_scrubbed
    if database == "sqlite":
        file = Path(url.removeprefix("sqlite:///"))
        parts = [part.read_bytes().lower() for part in file.parent.glob(f"{file.name}*")]
        assert not any(secret.lower().encode() in part for part in parts)


def test_many_erased_persons_are_known_again_as_well_as_few(store: Store) -> None:
    addresses = [f"person{number}@firm.example" for number in range(120)]
    with store.transaction() as tx:
        for number in range(120):
            tx.leads.insert(lead(number), lead_id=f"L{number}", feed="api", received_at=NOW)
        for number in range(110):
            tx.leads.erase(f"L{number}", at=NOW, actor="ann", suppression_key=b"key")

        found = tx.leads.suppressed_among(addresses, b"key")

    assert found == set(addresses[:110])
