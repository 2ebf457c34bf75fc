"""Whatever is sent: a clear refusal, nothing echoed, nothing stored, never a server error."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Payload = Callable[..., dict[str, Any]]

CANARY = "canary-7f3a"


def n_leads(api: httpx.Client) -> int:
    funnels = api.get("/v1/reports/funnel").json()["funnels"]
    return int(funnels[0]["stages"][0]["n_leads"])


def body_with(patch: str, email: str) -> bytes:
    return f'{{"source": "webinar", "contact": {{"email": "{email}"}}, {patch}}}'.encode()


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        (f'"{CANARY}": 1', CANARY),
        ('"company": {"n_employees": "many"}', "company.n_employees"),
        ('"company": "Hafen"', "company"),
        ('"interest": {"budget_usd": NaN}', "interest.budget_usd"),
        ('"interest": {"budget_usd": Infinity}', "interest.budget_usd"),
        ('"interest": {"budget_usd": -Infinity}', "interest.budget_usd"),
        ('"interest": {"budget_usd": 1e999}', "interest.budget_usd"),
        ('"interest": {"budget_usd": -1}', "interest.budget_usd"),
        ('"engagement": {"n_visits": 9223372036854775808}', "engagement.n_visits"),
        ('"engagement": {"n_visits": 1' + "0" * 5000 + "}", "engagement.n_visits"),
        ('"engagement": {"n_visits": -3}', "engagement.n_visits"),
        ('"attributes": {"size": 9223372036854775808}', "attributes.size"),
        ('"attributes": {"size": [1]}', "attributes.size"),
        (r'"interest": {"message": "\ud800"}', "interest.message"),
        (r'"interest": {"message": "a\u0000b"}', "interest.message"),
        (r'"attributes": {"\udfff": 1}', "attributes.?"),
        ('"created_at": "9999-12-31T00:00:00Z"', "created_at"),
        ('"created_at": "0001-01-01T00:00:00Z"', "created_at"),
        ('"created_at": "2026-11-20T10:15:00"', "created_at"),
        ('"created_at": "yesterday"', "created_at"),
        ('"motion": "sideways"', "motion"),
        ('"source": "web_form"', "source"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_field_is_named_and_nothing_is_stored(
    api: httpx.Client, patch: str, field: str
) -> None:
    before = n_leads(api)

    answer = api.post(
        "/v1/leads",
        content=body_with(patch, f"{CANARY}@hafen.example"),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert n_leads(api) == before


@pytest.mark.parametrize(
    "payload",
    [
        {"source": "webinar", "contact": {"email": f"{CANARY} at hafen"}},
        {"source": "webinar", "contact": {"email": "a@hafen.example", "country": CANARY}},
        {"source": "webinar", f"<{CANARY}@x>": 1},
        {"source": "webinar", "contact": {"email": ["", CANARY]}},
        {"source": "webinar", "created_at": CANARY},
        {"source": "webinar", "motion": CANARY},
        {"source": "webinar", "contact": {"email": CANARY * 200}},
        {"source": "webinar", "contact": CANARY},
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_refusal_never_repeats_what_was_sent(api: httpx.Client, payload: dict[str, Any]) -> None:
    answer = api.post("/v1/leads", json=payload)

    assert answer.status_code in {201, 422}
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"3", b'"text"', b"{}", b"[" * 100_00, b"{", b"\xff", b'{"source": }'],
    ids=lambda body: repr(body[:12]),
)
def test_body_that_is_no_lead_is_refused(api: httpx.Client, body: bytes) -> None:
    answer = api.post("/v1/leads", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code in {400, 422}
    assert answer.json()["type"].startswith("urn:leadqual:problem:")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_body_of_a_megabyte_is_refused_unread(api: httpx.Client, is_chunked: bool) -> None:
    body = b'{"source": "' + b"a" * 1_000_000 + b'"}'

    answer = api.post(
        "/v1/leads",
        content=iter([body]) if is_chunked else body,
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 1000
    assert api.get("/healthz").status_code == 200


def test_deep_nesting_is_refused(api: httpx.Client) -> None:
    body = b'{"attributes": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001

    answer = api.post("/v1/leads", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400


def test_body_that_is_not_declared_as_json_is_refused(api: httpx.Client) -> None:
    answer = api.post("/v1/leads", content=b"source=webinar", headers={"Content-Type": "text/xml"})

    assert answer.status_code == 415


def test_the_same_is_refused_in_a_batch_by_row(api: httpx.Client, lead: Payload) -> None:
    rows = [lead(), lead() | {"unknown": 1}, lead(engagement={"n_visits": -1})]

    results = api.post("/v1/leads/batch", json={"leads": rows}).json()["results"]

    assert [row["status"] for row in results] == ["created", "rejected", "rejected"]
    assert [row["errors"][0]["field"] for row in results[1:]] == ["unknown", "engagement.n_visits"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/queues/mrr?limit=-1",
        "/v1/queues/mrr?limit=9223372036854775808",
        "/v1/queues/mrr?limit=NaN",
        "/v1/queues/mrr?cursor=%00",
        "/v1/queues/mrr?cursor=nonsense",
        "/v1/queues/nope",
        "/v1/leads/%00",
        "/v1/leads/" + "a" * 500,
        "/v1/leads/%ED%A0%80",
        "/v1/reports/funnel?since=0001-01-01",
        "/v1/reports/funnel?since=99999999999999999999",
    ],
)
def test_bad_addresses_are_refused(api: httpx.Client, path: str) -> None:
    answer = api.get(path)

    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("key", ["", "a" * 500, "with space", "tab\there"])
def test_bad_idempotency_key_is_refused(api: httpx.Client, lead: Payload, key: str) -> None:
    answer = api.post("/v1/leads", json=lead(), headers={"Idempotency-Key": key})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_address_that_does_not_exist_and_method_that_does_not_fit(api: httpx.Client) -> None:
    missing, wrong = api.get("/v1/nothing"), api.put("/v1/leads", json={})

    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert wrong.headers["allow"] == "POST"
    assert missing.json()["status"] == 404
