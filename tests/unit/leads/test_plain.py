"""Bodies that are read without a call into Python."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from leadqual.leads.plain import plain_reader
from leadqual.leads.schema import MAX_MESSAGE, MAX_TEXT, RawLead

LEAD: dict[str, Any] = {
    "source": " web form ",
    "created_at": "2026-11-21T03:08:03Z",
    "motion": "inbound",
    "contact": {"email": "ada@engines.example", "full_name": "Ada \u00fc\u2028"},
    "company": {"n_employees": 12, "annual_revenue_usd": 3.5e6, "is_customer": False},
    "interest": {"message": "x" * MAX_MESSAGE, "budget_usd": 12},
    "consent": {"marketing": None},
}


@pytest.mark.parametrize(
    "value",
    [
        "",
        " text ",
        "x" * MAX_MESSAGE,
        True,
        False,
        None,
        0,
        -1,
        28.0,
        0.5,
        -1e18,
        2**63 - 1,
        -(2**63),
    ],
)
def test_an_attribute_is_read_as_the_value_and_type_that_a_raw_lead_has(value: object):
    body = json.dumps(LEAD | {"attributes": {" name ": value}})

    found = plain_reader().validate_json(body)

    expected = RawLead.model_validate_json(body)
    assert repr(found) == repr(expected)
    assert found.contact.model_fields_set == {"email", "full_name"}
    assert found.model_fields_set == expected.model_fields_set


@pytest.mark.parametrize(
    "value", [2**63, -(2**63) - 1, 10**400, 1e19, float("nan"), float("inf"), [1], {}, "x" * 10_001]
)
def test_an_attribute_that_is_refused_or_hard_to_tell_is_left_to_the_raw_lead(value: object):
    body = json.dumps(LEAD | {"attributes": {"name": value}})

    with pytest.raises(ValidationError):
        plain_reader().validate_json(body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": ""},
        {"source": "x" * (MAX_TEXT + 1)},
        {"motion": "sideways"},
        {"created_at": "2026-11-21T03:08:03"},
        {"contact": {"nickname": "Ada"}},
        {"company": {"n_employees": -1}},
        {"interest": {"budget_usd": "a lot"}},
        {"attributes": {"": 1}},
        {"attributes": {str(place): 1 for place in range(201)}},
        {"unknown": 1},
    ],
)
def test_what_a_raw_lead_refuses_is_refused(wrong: dict[str, Any]):
    body = json.dumps(LEAD | wrong)

    with pytest.raises(ValidationError):
        RawLead.model_validate_json(body)
    with pytest.raises(ValidationError):
        plain_reader().validate_json(body)
