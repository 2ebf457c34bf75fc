from datetime import UTC, datetime, timedelta

import pytest

from leadqual.leads.normalise import normalise, normalise_values
from leadqual.leads.schema import Lead, Motion, RawLead, Rejected

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def lead_of(**parts) -> Lead:
    raw = RawLead.model_validate({"source": "webinar", "contact": {"email": "a@b.example"}} | parts)
    lead = normalise(raw, now=NOW)
    assert isinstance(lead, Lead)
    return lead


def reasons_of(**parts) -> dict[str, str]:
    result = normalise(RawLead.model_validate({"source": "webinar"} | parts), now=NOW)
    assert isinstance(result, Rejected)
    return {reason.field: reason.reason for reason in result.reasons}


def test_every_spelling_becomes_one():
    lead = lead_of(
        source="Trade-Show",
        created_at="2026-11-20T10:15:00+02:00",
        contact={
            "email": "Ada@GMail.com",
            "job_title": "Leiterin Einkauf",
            "phone": "0049 30 123456",
            "country": "Allemagne",
        },
        company={"name": "", "domain": "https://www.acme.co.uk/x", "country": "UK"},
    )

    assert (lead.source, lead.created_at) == (
        "trade_show",
        datetime(2026, 11, 20, 8, 15, tzinfo=UTC),
    )
    assert (lead.email_domain, lead.is_free_mail) == ("gmail.com", True)
    assert lead.contact.model_dump(exclude_none=True) == {
        "email": "ada@gmail.com",
        "job_title": "Leiterin Einkauf",
        "seniority": "head",
        "department": "procurement",
        "phone": "+4930123456",
        "country": "DE",
    }
    assert lead.company.model_dump(exclude_none=True) == {"domain": "acme.co.uk", "country": "GB"}


def test_time_of_receipt_stands_in_for_a_missing_time():
    assert lead_of().created_at == NOW


def test_stated_seniority_wins_over_the_title_unless_it_says_nothing():
    stated = lead_of(contact={"email": "a@b.example", "job_title": "CEO", "seniority": "Manager"})
    empty = lead_of(contact={"email": "a@b.example", "job_title": "CEO", "seniority": "Unknown"})

    assert (stated.contact.seniority, empty.contact.seniority) == ("manager", "c_level")


@pytest.mark.parametrize(
    ("source", "motion"),
    [
        ("Bought List", Motion.OUTBOUND),
        ("outbound-email", Motion.OUTBOUND),
        ("scouting", Motion.OUTBOUND),
        ("webinar", Motion.INBOUND),
        ("a source nobody knows", Motion.INBOUND),
    ],
)
def test_source_decides_the_motion_when_nothing_else_does(source, motion):
    assert lead_of(source=source).motion is motion


def test_stated_motion_wins_over_the_source():
    assert lead_of(source="bought_list", motion="inbound").motion is Motion.INBOUND


@pytest.mark.parametrize(
    ("created_at", "reason"),
    [
        (NOW + timedelta(minutes=6), "is in the future"),
        ("9999-12-31T23:59:59-14:00", "is in the future"),
        ("1989-12-31T23:59:59Z", "is before 1990"),
        ("0001-01-01T00:00:00+14:00", "is before 1990"),
    ],
)
def test_impossible_time_rejects_the_lead(created_at, reason):
    reasons = reasons_of(created_at=created_at, contact={"email": "a@b.example"})

    assert list(reasons) == ["created_at"]
    assert reason in reasons["created_at"]


def test_clock_of_a_source_may_run_a_little_ahead():
    assert lead_of(created_at=NOW + timedelta(minutes=4)).created_at == NOW + timedelta(minutes=4)


def test_malformed_address_rejects_without_repeating_it():
    result = normalise(
        RawLead(source="x", contact={"email": "secret-person"}), now=NOW, require_contact=False
    )

    assert isinstance(result, Rejected)
    assert [reason.field for reason in result.reasons] == ["contact.email"]
    assert "secret" not in repr(result)


@pytest.mark.parametrize(
    "part",
    [
        {"contact": {"email": "a@b.example"}},
        {"contact": {"phone": "+49 30 123456"}},
        {"company": {"domain": "acme.example"}},
    ],
)
def test_one_way_to_reach_the_person_is_enough(part):
    assert isinstance(normalise(RawLead.model_validate({"source": "x"} | part), now=NOW), Lead)


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({}, "contact"),
        ({"contact": {"full_name": "Ada"}}, "contact"),
        ({"contact": {"email": " ", "phone": ""}}, "contact"),
        ({"contact": {"phone": "call me"}}, "contact.phone"),
        ({"company": {"domain": "acme"}}, "company.domain"),
    ],
)
def test_no_way_to_reach_the_person_rejects_the_lead(part, field):
    assert list(reasons_of(**part)) == [field]


def test_past_lead_needs_no_way_to_be_reached():
    assert isinstance(normalise(RawLead(source="x"), now=NOW, require_contact=False), Lead)


def test_unreadable_country_and_phone_are_dropped_not_the_lead():
    lead = lead_of(contact={"email": "a@b.example", "country": "Atlantis", "phone": "n/a"})

    assert (lead.contact.country, lead.contact.phone) == (None, None)


def test_empty_text_becomes_none_everywhere():
    lead = lead_of(
        external_id="",
        interest={"product": "", "message": " "},
        campaign={"utm_source": ""},
        consent={"text_version": ""},
        attributes={"plan": "", "seats": 0, "trial": False, "note": None},
    )

    assert lead.external_id is None
    assert (lead.interest.product, lead.interest.message) == (None, None)
    assert (lead.campaign.utm_source, lead.consent.text_version) == (None, None)
    assert lead.attributes == {"seats": 0, "trial": False}


def test_values_of_a_row_are_checked_against_the_bounds_of_the_lead():
    result = normalise_values(
        {
            "source": "x",
            "company": {"n_employees": -5},
            "contact": {"job_title": "x" * 501, "email": "nobody"},
            "attributes": {"a": 2**63},
        },
        now=NOW,
    )

    assert isinstance(result, Rejected)
    assert {reason.field for reason in result.reasons} == {
        "contact.email",
        "contact.job_title",
        "company.n_employees",
        "attributes.a",
    }


def test_a_source_that_grows_too_long_by_folding_case_is_refused():
    reasons = reasons_of(source="ß" * 400, contact={"email": "a@b.example"})

    assert reasons == {"source": "must be at most 500 characters"}
