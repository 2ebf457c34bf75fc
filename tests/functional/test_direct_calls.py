"""Requests that go straight to their endpoint and those that go through FastAPI get one answer."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.testing import deployed
from leadqual.config import Settings

JSON = {"Content-Type": "application/json"}
Payload = Callable[..., dict[str, Any]]


def plain(payload: object) -> dict[str, Any]:
    return {"content": json.dumps(payload).encode(), "headers": JSON}


def in_pieces(payload: object) -> dict[str, Any]:
    """Send a body that FastAPI has to put together."""

    def pieces() -> Iterator[bytes]:
        body = json.dumps(payload).encode()
        yield from (body[:10], body[10:])

    return {"content": pieces(), "headers": JSON}


def spaced(payload: object) -> dict[str, Any]:
    """Send a body that only the strict reader reads."""
    return {"content": json.dumps(payload, separators=(" , ", " : ")).encode(), "headers": JSON}


def as_another_type(payload: object) -> dict[str, Any]:
    headers = {"Content-Type": "application/vnd.crm+json"}
    return {"content": json.dumps(payload).encode(), "headers": headers}


WAYS = [plain, in_pieces, spaced, as_another_type]


@pytest.mark.parametrize("way", WAYS[1:])
def test_unusual_requests_get_the_score_of_plain_ones(
    api: httpx.Client, lead: Payload, way: Callable[[object], dict[str, Any]]
) -> None:
    payload = lead()

    usual, unusual = (api.post("/v1/score", **sent(payload)) for sent in (plain, way))

    assert (usual.status_code, unusual.status_code) == (200, 200)
    assert usual.content == unusual.content
    assert _headers(usual) == _headers(unusual)


@pytest.mark.parametrize("way", WAYS)
def test_a_lead_is_created_in_each_way_and_replayed_in_the_plain_one(
    api: httpx.Client, lead: Payload, way: Callable[[object], dict[str, Any]]
) -> None:
    payload = lead()
    sent = way(payload)
    sent["headers"] = {**sent["headers"], "Idempotency-Key": f"key-of-{way.__name__}"}
    body = json.dumps(payload, separators=(" , ", " : ") if way is spaced else None).encode()

    first = api.post("/v1/leads", **sent)
    again = api.post("/v1/leads", content=body, headers=sent["headers"])
    other = api.post("/v1/leads", **(plain(lead()) | {"headers": sent["headers"]}))

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert again.json() == first.json() | {"status": "replayed"}
    assert other.json()["type"].endswith(":idempotency-key-reused")


@pytest.mark.parametrize("path", ["/v1/leads", "/v1/score"])
@pytest.mark.parametrize("way", WAYS)
def test_refusals_name_the_same_fields_in_each_way(
    api: httpx.Client, path: str, way: Callable[[object], dict[str, Any]]
) -> None:
    wrong = {"source": "web", "company": {"n_employees": -1, "colour": "red"}, "motion": "up"}

    found = api.post(path, **way(wrong))

    assert found.status_code == 422
    assert found.headers["content-type"] == "application/problem+json"
    assert [problem["field"] for problem in found.json()["errors"]] == [
        "motion",
        "company.n_employees",
        "company.colour",
    ]


def test_a_malformed_idempotency_key_is_refused_before_anything_is_stored(
    api: httpx.Client, lead: Payload
) -> None:
    payload = lead()
    refused = [
        api.post("/v1/leads", **(plain(payload) | {"headers": {**JSON, "Idempotency-Key": key}}))
        for key in ("", "two words", "x" * 201)
    ]
    stored = api.post("/v1/leads", **plain(payload))

    assert [answer.status_code for answer in refused] == [422] * 3
    assert {answer.json()["errors"][0]["field"] for answer in refused} == {"Idempotency-Key"}
    assert stored.json()["status"] == "created"


def test_a_body_that_is_left_to_fastapi_is_counted_once(tmp_path: Path, lead: Payload) -> None:
    settings = Settings(home=tmp_path, key_rate="4/minute")
    with deployed(tmp_path, settings=settings) as strict, httpx.Client(base_url=strict.url) as api:
        api.headers["Authorization"] = f"Bearer {strict.secret_key}"

        answers = [api.post("/v1/score", **way(lead())) for way in (*WAYS, plain)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]


def test_both_ways_are_counted_under_their_route(api: httpx.Client, lead: Payload) -> None:
    for way in WAYS:
        assert api.post("/v1/score", **way(lead())).status_code == 200

    counted = 'leadqual_requests_total{method="POST",route="/v1/score",status="200"}'
    found = [line for line in api.get("/metrics").text.splitlines() if line.startswith(counted)]
    assert float(found[0].split()[-1]) >= len(WAYS)


def _headers(answer: httpx.Response) -> dict[str, str]:
    return {k: v for k, v in answer.headers.items() if k not in {"x-request-id", "date"}}
