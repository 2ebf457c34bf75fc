"""`/v1/leads`: what is acknowledged is stored, scored, routed and queued."""

from collections.abc import Callable
from typing import Any

import httpx

Payload = Callable[..., dict[str, Any]]


def test_new_lead_is_stored_scored_and_routed(api: httpx.Client, lead: Payload) -> None:
    payload = lead()

    answer = api.post("/v1/leads", json=payload)

    assert answer.status_code == 201
    body = answer.json()
    assert body["created"] is True
    assert 0 <= body["score"]["p_conversion"] <= 1
    assert set(body["score"]["heads"]) == {"fit", "authority", "budget"}
    assert body["decision"]["queue"] == "mrr"
    stored = api.get(f"/v1/leads/{body['lead_id']}").json()
    assert stored["lead"]["contact"]["email"] == payload["contact"]["email"]
    assert stored["score"] == body["score"]


def test_same_person_again_is_a_touch_on_the_same_lead(api: httpx.Client, lead: Payload) -> None:
    payload = lead()
    first = api.post("/v1/leads", json=payload).json()

    again = api.post("/v1/leads", json=payload | {"source": "newsletter"})

    assert again.status_code == 200
    assert again.json()["created"] is False
    assert again.json()["lead_id"] == first["lead_id"]
    history = api.get(f"/v1/leads/{first['lead_id']}/history").json()
    assert [touch["source"] for touch in history["touches"]] == [payload["source"], "newsletter"]
    assert len(history["scores"]) == 2


def test_replay_under_the_same_key_repeats_the_first_answer(
    api: httpx.Client, lead: Payload
) -> None:
    payload, key = lead(), {"Idempotency-Key": "replay-1"}
    first = api.post("/v1/leads", json=payload, headers=key)

    again = api.post("/v1/leads", json=payload, headers=key)

    assert again.status_code == 200
    assert {**again.json(), "status": ""} == {**first.json(), "status": ""}
    history = api.get(f"/v1/leads/{first.json()['lead_id']}/history").json()
    assert len(history["touches"]) == 1


def test_same_key_with_another_body_is_refused(api: httpx.Client, lead: Payload) -> None:
    key = {"Idempotency-Key": "replay-2"}
    api.post("/v1/leads", json=lead(), headers=key)

    answer = api.post("/v1/leads", json=lead(), headers=key)

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:leadqual:problem:idempotency-key-reused"


def test_lead_nobody_can_reach_is_refused_by_field(api: httpx.Client) -> None:
    answer = api.post("/v1/leads", json={"source": "webinar", "company": {"name": "Hafen"}})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == ["contact"]


def test_unknown_source_is_taken(api: httpx.Client, lead: Payload) -> None:
    answer = api.post("/v1/leads", json=lead(source="carrier_pigeon"))

    assert answer.status_code == 201
    assert answer.json()["decision"]["queue"] in {"mrr", "nurture"}


def test_unknown_lead_is_not_found(api: httpx.Client) -> None:
    for path in ("/v1/leads/019aa3b5c4007d0c1f2e", "/v1/leads/019aa3b5c4007d0c1f2e/history"):
        answer = api.get(path)

        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:leadqual:problem:not-found"


def test_erased_person_is_gone_and_not_added_again(api: httpx.Client, lead: Payload) -> None:
    payload = lead()
    lead_id = api.post("/v1/leads", json=payload).json()["lead_id"]

    erased = api.delete(f"/v1/leads/{lead_id}")

    assert erased.status_code == 204
    left = api.get(f"/v1/leads/{lead_id}")
    assert left.json()["lead"] is None
    assert payload["contact"]["email"] not in left.text
    assert api.post("/v1/leads", json=payload).status_code == 422


def test_score_tells_what_a_lead_would_get_and_stores_nothing(
    api: httpx.Client, lead: Payload
) -> None:
    payload = lead()

    answer = api.post("/v1/score", json=payload)

    assert answer.status_code == 200
    assert set(answer.json()) == {"score", "decision"}
    assert api.post("/v1/leads", json=payload).json()["created"] is True


def test_one_bad_row_of_a_batch_spoils_no_other(api: httpx.Client, lead: Payload) -> None:
    good = lead()
    rows = [good, lead(contact={"email": "no address"}), {"source": 3}, "text", lead()]

    answer = api.post("/v1/leads/batch", json={"leads": rows})

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [row["index"] for row in results] == [0, 1, 2, 3, 4]
    assert [row["status"] for row in results] == [
        "created",
        "rejected",
        "rejected",
        "rejected",
        "created",
    ]
    assert results[1]["errors"][0]["field"] == "contact.email"
    assert results[3]["errors"][0]["field"] == "row"
    assert results[0]["score"]["grade"] == results[0]["decision"]["grade"]


def test_batch_of_more_than_a_thousand_is_refused_as_a_whole(
    api: httpx.Client, lead: Payload
) -> None:
    payload = lead()

    answer = api.post("/v1/leads/batch", json={"leads": [payload] * 1001})

    assert answer.status_code == 422
    assert api.post("/v1/leads", json=payload).json()["created"] is True


def test_batch_replay_stores_nothing_twice(api: httpx.Client, lead: Payload) -> None:
    body, key = {"leads": [lead(), lead()]}, {"Idempotency-Key": "batch-1"}
    first = api.post("/v1/leads/batch", json=body, headers=key).json()["results"]

    again = api.post("/v1/leads/batch", json=body, headers=key).json()["results"]

    assert [row["lead_id"] for row in again] == [row["lead_id"] for row in first]
    history = api.get(f"/v1/leads/{first[0]['lead_id']}/history").json()
    assert len(history["touches"]) == 1
