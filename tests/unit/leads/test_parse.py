import pytest

from leadqual.leads.parse import MAX_REASONS, parse_raw
from leadqual.leads.schema import RawLead, Rejected

GOOD = {"source": "webinar", "contact": {"email": "ada@engines.example"}}


def reasons_of(payload) -> dict[str, str]:
    result = parse_raw(payload)
    assert isinstance(result, Rejected)
    return {reason.field: reason.reason for reason in result.reasons}


def test_lead_of_the_contract_is_accepted():
    raw = parse_raw({
        "external_id": "hs-1",
        "source": "webinar",
        "motion": "inbound",
        "created_at": "2026-11-20T10:15:00Z",
        "contact": {"email": "", "full_name": " Ada ", "country": "DE"},
        "company": {"n_employees": 120, "annual_revenue_usd": 9.5e6, "is_customer": False},
        "interest": {"budget_usd": 20000, "timeline_days": 60, "is_decision_maker": None},
        "engagement": {"n_visits": 3},
        "campaign": {"utm_source": "news"},
        "consent": {"marketing": True, "text_version": "2026-01"},
        "attributes": {"plan_interest": "pro", "seats": 12, "trial": True, "share": 0.5},
    })

    assert isinstance(raw, RawLead)
    assert raw.contact.full_name == "Ada"
    assert raw.attributes == {"plan_interest": "pro", "seats": 12, "trial": True, "share": 0.5}


@pytest.mark.parametrize(
    ("part", "field", "reason"),
    [
        ({"source": None}, "source", "must be text"),
        ({"source": "  "}, "source", "must not be empty"),
        ({"source": "a\x00b"}, "source", "NUL"),
        ({"source": "a\ud800"}, "source", "surrogate"),
        ({"motion": "sideways"}, "motion", "must be one of: inbound, outbound"),
        ({"created_at": "yesterday"}, "created_at", "must be a time with an offset"),
        ({"created_at": "2026-01-01T00:00:00"}, "created_at", "must be a time with an offset"),
        ({"contact": 3}, "contact", "must be an object"),
        ({"contact": {"email": 3}}, "contact.email", "must be text"),
        ({"contact": {"full_name": "x" * 501}}, "contact.full_name", "at most 500 characters"),
        ({"company": {"n_employees": -1}}, "company.n_employees", "must be 0 or more"),
        ({"company": {"n_employees": 1.5}}, "company.n_employees", "whole number"),
        ({"company": {"n_employees": 2**63}}, "company.n_employees", "2,147,483,647 or less"),
        ({"company": {"n_employees": 10**5000}}, "company.n_employees", "or less"),
        ({"company": {"annual_revenue_usd": float("nan")}}, "company.annual_revenue_usd", "finite"),
        ({"interest": {"budget_usd": float("inf")}}, "interest.budget_usd", "finite"),
        ({"company": {"is_customer": "perhaps"}}, "company.is_customer", "true or false"),
        ({"attributes": []}, "attributes", "must be an object"),
        ({"attributes": {"a": [1]}}, "attributes.a", "not a list or an object"),
        ({"attributes": {"a": 2**63}}, "attributes.a", "at most 64 bits"),
        ({"attributes": {"a": -(2**63) - 1}}, "attributes.a", "at most 64 bits"),
        ({"attributes": {"a": float("inf")}}, "attributes.a", "finite"),
        ({"attributes": {"a": "x\x00"}}, "attributes.a", "NUL"),
        ({"attributes": {"a": "\udfff"}}, "attributes.a", "surrogate"),
        ({"attributes": {"": 1}}, "attributes", "must not be empty"),
        ({"attributes": {f"a{i}": i for i in range(201)}}, "attributes", "at most 200 entries"),
    ],
)
def test_wrong_field_is_named_with_its_reason(part, field, reason):
    reasons = reasons_of(GOOD | part)

    assert list(reasons) == [field]
    assert reason in reasons[field]


def test_integers_at_the_ends_of_64_bits_are_kept():
    raw = parse_raw(GOOD | {"attributes": {"low": -(2**63), "high": 2**63 - 1}})

    assert isinstance(raw, RawLead)
    assert raw.attributes == {"low": -(2**63), "high": 2**63 - 1}


def test_unknown_field_is_named_and_the_known_ones_are_listed():
    reasons = reasons_of(GOOD | {"contact": {"mail": "x"}, "score": 1})

    assert "email" in reasons["contact.mail"]
    assert "attributes" in reasons["score"]


def test_unknown_field_that_is_no_name_is_not_repeated():
    result = parse_raw(GOOD | {"contact": {"ada@engines.example": 1}, "<script>": 2})

    assert "ada@" not in repr(result)
    assert "script" not in repr(result)


def test_deeply_nested_attribute_gets_one_reason():
    nested: object = 1
    for _ in range(10_000):
        nested = [nested]

    assert list(reasons_of(GOOD | {"attributes": {"a": nested}})) == ["attributes.a"]


@pytest.mark.parametrize("payload", [[], "lead", None, 3])
def test_what_is_no_object_is_rejected(payload):
    assert reasons_of(payload) == {"lead": "must be an object"}


def test_thousand_wrong_fields_do_not_make_a_thousand_reasons():
    result = parse_raw({"source": "x", **{f"wrong_{i}": i for i in range(1000)}})

    assert isinstance(result, Rejected)
    assert len(result.reasons) == MAX_REASONS + 1
    assert "980 more" in result.reasons[-1].reason
