"""Who may call: no key, a wrong key, a key of another scope, too many calls."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from leadqual.services.calls import Scope

Payload = Callable[..., dict[str, Any]]
ClientOf = Callable[[str], httpx.Client]

CALLS: list[tuple[str, str, set[str]]] = [
    ("POST", "/v1/leads", {"leads:write"}),
    ("POST", "/v1/leads/batch", {"leads:write"}),
    ("POST", "/v1/score", {"leads:read"}),
    ("GET", "/v1/leads/x", {"leads:read"}),
    ("GET", "/v1/leads/x/history", {"leads:read"}),
    ("DELETE", "/v1/leads/x", {"admin"}),
    ("GET", "/v1/queues", {"queue:work"}),
    ("GET", "/v1/queues/mrr", {"queue:work"}),
    ("POST", "/v1/queues/mrr/claim", {"queue:work"}),
    ("POST", "/v1/leads/x/claim", {"queue:work"}),
    ("POST", "/v1/leads/x/release", {"queue:work"}),
    ("POST", "/v1/leads/x/snooze", {"queue:work"}),
    ("POST", "/v1/leads/x/outcomes", {"outcomes:write"}),
    ("POST", "/v1/outcomes/batch", {"outcomes:write"}),
    ("GET", "/v1/reports/funnel", {"reports:read"}),
    ("GET", "/v1/models", {"models:promote", "reports:read"}),
    ("POST", "/v1/models/x/promote", {"models:promote"}),
    ("POST", "/v1/models/rollback", {"models:promote"}),
    ("GET", "/v1/standards", {"policy:write"}),
    ("POST", "/v1/standards", {"policy:write"}),
    ("POST", "/v1/standards/99/activate", {"policy:write"}),
]


@pytest.mark.parametrize(("method", "path", "scopes"), CALLS)
def test_only_keys_with_the_scope_get_through(
    client_of: ClientOf, method: str, path: str, scopes: set[str]
) -> None:
    status = {
        scope.value: client_of(scope.value).request(method, path, json={"x": 1}).status_code
        for scope in Scope
    }

    assert {scope for scope, code in status.items() if code != 403} == scopes


@pytest.mark.parametrize(("method", "path"), [call[:2] for call in CALLS])
def test_nobody_gets_through_without_a_key(anonymous: httpx.Client, method: str, path: str) -> None:
    answer = anonymous.request(method, path)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Basic YTpi", "Bearer lq_sk_wrong", "Bearer " + "a" * 5000, "Bearer a b"],
    ids=lambda value: str(value)[:12],
)
def test_what_is_no_key_of_ours_is_refused(anonymous: httpx.Client, header: str) -> None:
    answer = anonymous.get("/v1/queues", headers={"Authorization": header})

    assert answer.status_code == 401


def test_form_key_creates_leads_and_learns_nothing(
    client_of: ClientOf, lead: Payload, form_origin: str
) -> None:
    form = client_of("form")

    answer = form.post("/v1/leads", json=lead(), headers={"Origin": form_origin})

    assert answer.status_code == 201
    assert set(answer.json()) == {"lead_id", "status"}
    refused = [
        form.request(method, path, json={}).status_code
        for method, path, _ in CALLS
        if path != "/v1/leads"
    ]
    assert set(refused) == {403}


def test_form_key_is_refused_from_other_origins(client_of: ClientOf, lead: Payload) -> None:
    answer = client_of("form").post(
        "/v1/leads", json=lead(), headers={"Origin": "https://evil.example"}
    )

    assert answer.status_code == 403


def test_body_of_a_stranger_is_not_parsed(anonymous: httpx.Client) -> None:
    answer = anonymous.post(
        "/v1/leads", content=b"{broken", headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 401


def test_answers_carry_security_headers(api: httpx.Client) -> None:
    for answer in (api.get("/v1/queues"), api.get("/v1/nothing"), api.get("/login")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]


def test_request_id_is_kept_when_it_is_harmless(api: httpx.Client) -> None:
    kept = api.get("/healthz", headers={"X-Request-Id": "trace-1"})
    replaced = api.get("/healthz", headers={"X-Request-Id": "<script>"})

    assert kept.headers["x-request-id"] == "trace-1"
    assert "<" not in replaced.headers["x-request-id"]
