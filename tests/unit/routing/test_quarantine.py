from datetime import UTC, datetime

import pytest

from leadqual.leads.schema import Lead
from leadqual.routing.quarantine import quarantine_reason

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def lead_of(motion="inbound", **sections):
    return Lead.model_validate({
        "source": "web_form",
        "motion": motion,
        "created_at": NOW,
        **sections,
    })


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"contact": {"email": "tessa.tester@acme.example", "full_name": "Tessa Tester"}},
        {"contact": {"email": "contest@acme.example"}},
        {"interest": {"message": "Our site is https://acme.example, can you connect to it?"}},
        {"interest": {"message": "We are an online casino and look for compliance software."}},
        {"attributes": {"do_not_contact": False}},
        {"consent": {"marketing": False}},
    ],
)
def test_an_ordinary_lead_is_not_held_back(sections):
    assert quarantine_reason(lead_of(**sections)) is None


@pytest.mark.parametrize(
    ("sections", "word"),
    [
        ({"contact": {"email": "test@acme.example"}}, "test"),
        ({"contact": {"email": "test123@acme.example"}}, "test"),
        ({"contact": {"email": "asdfff@acme.example"}}, "test"),
        ({"contact": {"email": "Qwerty@acme.example"}}, "test"),
        ({"contact": {"email": "dummy-1@acme.example"}}, "test"),
        ({"contact": {"email": "fake.2@acme.example"}}, "test"),
        ({"contact": {"email": "foo@acme.example"}}, "test"),
        ({"contact": {"email": "xxxx@acme.example"}}, "test"),
        ({"contact": {"full_name": "Test User", "email": "a@acme.example"}}, "test"),
        ({"contact": {"full_name": "asdf asdf", "email": "a@acme.example"}}, "test"),
        (
            {"interest": {"message": "Buy backlinks at https://a.example or www.b.example"}},
            "spam",
        ),
        ({"interest": {"message": "Guaranteed profit, bulk email for you"}}, "spam"),
        ({"contact": {"full_name": "Win now http://win.example"}}, "spam"),
        ({"attributes": {"do_not_contact": True}}, "not to be contacted"),
        ({"attributes": {"unsubscribed": "Yes"}}, "not to be contacted"),
    ],
)
def test_what_nobody_should_work_is_held_back_with_the_reason(sections, word):
    reason = quarantine_reason(lead_of(**sections))

    assert reason is not None
    assert word in reason


def test_we_do_not_approach_somebody_who_refused():
    assert quarantine_reason(lead_of(motion="outbound", consent={"marketing": False})) is not None


def test_the_reason_does_not_repeat_what_the_lead_wrote():
    message = "secret casino bonus viagra http://x.example"

    assert "secret" not in str(quarantine_reason(lead_of(interest={"message": message})))


@pytest.mark.parametrize(
    "email", ["testa@acme.example", "foot@acme.example", "a.test@acme.example"]
)
def test_a_mailbox_that_only_begins_or_ends_like_a_test_is_none(email):
    assert quarantine_reason(lead_of(contact={"email": email})) is None
