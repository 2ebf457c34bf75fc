"""Queues, claims and outcomes over HTTP: one owner at a time, and nothing out of order."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Payload = Callable[..., dict[str, Any]]
Queued = Callable[..., str]


def claim(api: httpx.Client, lead_id: str) -> dict[str, Any]:
    answer = api.post(f"/v1/leads/{lead_id}/claim")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def record(api: httpx.Client, lead_id: str, **outcome: object) -> httpx.Response:
    return api.post(f"/v1/leads/{lead_id}/outcomes", json=outcome)


def test_queue_lists_best_first_and_goes_on_at_the_cursor(
    api: httpx.Client, queued: Queued
) -> None:
    for _ in range(5):
        queued()

    whole = api.get("/v1/queues/mrr", params={"limit": 200}).json()["items"]
    first = api.get("/v1/queues/mrr", params={"limit": 2}).json()
    second = api.get("/v1/queues/mrr", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert len(whole) >= 5
    assert [i["lead_id"] for i in first["items"] + second["items"]] == [
        i["lead_id"] for i in whole[:4]
    ]
    assert {"lead_id", "rank", "score", "reasons", "due_at", "state", "claimed_by"} <= set(whole[0])


def test_queues_are_summed_up(api: httpx.Client, queued: Queued) -> None:
    queued()

    queues = api.get("/v1/queues").json()["queues"]

    depth = {queue["queue"]: queue["n_open"] for queue in queues}
    assert depth["mrr"] >= 1


def test_claim_gives_a_lease_and_a_token(api: httpx.Client, queued: Queued) -> None:
    item = claim(api, queued())

    assert item["state"] == "claimed"
    assert item["token"] >= 1
    assert item["lease_until"] > item["created_at"]


def test_claim_next_takes_the_best_and_says_when_there_is_none(
    api: httpx.Client, queued: Queued
) -> None:
    queued()
    best = next(
        item
        for item in api.get("/v1/queues/mrr", params={"limit": 200}).json()["items"]
        if item["state"] == "open"
    )

    taken = api.post("/v1/queues/mrr/claim")

    assert taken.status_code == 200
    assert taken.json()["lead_id"] == best["lead_id"]
    while (answer := api.post("/v1/queues/mrr/claim")).status_code == 200:
        pass
    assert answer.status_code == 204
    assert answer.content == b""


def test_lead_that_somebody_holds_cannot_be_claimed(
    api: httpx.Client, other_api: httpx.Client, queued: Queued
) -> None:
    lead_id = queued()
    claim(api, lead_id)

    answer = other_api.post(f"/v1/leads/{lead_id}/claim")

    assert answer.status_code == 409


def test_released_lead_is_free_and_the_old_token_is_worthless(
    api: httpx.Client, other_api: httpx.Client, queued: Queued
) -> None:
    lead_id = queued()
    token = claim(api, lead_id)["token"]
    released = api.post(f"/v1/leads/{lead_id}/release", json={"token": token})
    claim(other_api, lead_id)

    stale = api.post(f"/v1/leads/{lead_id}/release", json={"token": token})

    assert released.json()["state"] == "open"
    assert stale.status_code == 409
    assert stale.json()["type"] == "urn:leadqual:problem:stale-token"


def test_snoozed_lead_leaves_the_list(api: httpx.Client, queued: Queued) -> None:
    lead_id = queued()
    token = claim(api, lead_id)["token"]

    answer = api.post(
        f"/v1/leads/{lead_id}/snooze", json={"token": token, "until": "2099-01-01T00:00:00Z"}
    )

    assert answer.status_code == 200
    assert answer.json()["state"] == "snoozed"
    listed = api.get("/v1/queues/mrr", params={"limit": 200}).json()["items"]
    assert lead_id not in {item["lead_id"] for item in listed}


def test_whole_life_of_a_lead(api: httpx.Client, queued: Queued) -> None:
    lead_id = queued()
    token = claim(api, lead_id)["token"]

    handed = record(api, lead_id, type="handed_off", token=token, note="wants a demo")
    accepted = record(api, lead_id, type="accepted")
    won = record(api, lead_id, type="won", amount_usd=24000)

    assert [a.status_code for a in (handed, accepted, won)] == [201, 201, 201]
    assert won.json()["state"] == "won"
    history = api.get(f"/v1/leads/{lead_id}/history").json()
    assert [event["type"] for event in history["events"]] == ["handed_off", "accepted", "won"]
    assert history["events"][-1]["amount_usd"] == 24000


def test_rejected_hand_off_is_back_in_the_queue(api: httpx.Client, queued: Queued) -> None:
    lead_id = queued()
    token = claim(api, lead_id)["token"]
    record(api, lead_id, type="handed_off", token=token)

    answer = record(api, lead_id, type="rejected", reason="no_budget")

    assert answer.status_code == 201
    assert answer.json()["state"] == "open"


def test_outcome_that_the_state_forbids_names_those_it_allows(
    api: httpx.Client, queued: Queued
) -> None:
    lead_id = queued()

    answer = record(api, lead_id, type="accepted")

    assert answer.status_code == 409
    assert "handed_off" in answer.json()["allowed"]
    assert "accepted" not in answer.json()["allowed"]


def test_outcome_under_a_lost_lease_is_refused(
    api: httpx.Client, other_api: httpx.Client, queued: Queued
) -> None:
    lead_id = queued()
    token = claim(api, lead_id)["token"]
    api.post(f"/v1/leads/{lead_id}/release", json={"token": token})
    claim(other_api, lead_id)

    answer = record(api, lead_id, type="no_response", token=token)

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:leadqual:problem:stale-token"


@pytest.mark.parametrize(
    "outcome",
    [
        {"type": "sold"},
        {"type": "won", "amount_usd": -1},
        {"type": "disqualified", "reason": "bored"},
        {"type": "won", "occurred_at": "9999-01-01T00:00:00Z"},
        {"type": "contacted", "extra": 1},
        {"type": "contacted", "token": 2**63},
        {},
    ],
    ids=str,
)
def test_outcome_that_cannot_be_used_is_refused(
    api: httpx.Client, queued: Queued, outcome: dict[str, Any]
) -> None:
    lead_id = queued()

    answer = record(api, lead_id, **outcome)

    assert answer.status_code == 422
    assert api.get(f"/v1/leads/{lead_id}/history").json()["events"] == []


def test_outcome_replay_records_one_event(api: httpx.Client, queued: Queued) -> None:
    lead_id, key = queued(), {"Idempotency-Key": "outcome-1"}
    path, body = f"/v1/leads/{lead_id}/outcomes", {"type": "no_response"}
    first = api.post(path, json=body, headers=key)

    again = api.post(path, json=body, headers=key)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["event_id"] == first.json()["event_id"]
    assert len(api.get(f"/v1/leads/{lead_id}/history").json()["events"]) == 1


def test_outcomes_in_a_batch_are_judged_one_by_one(
    api: httpx.Client, lead: Payload, queued: Queued
) -> None:
    by_id = queued()
    api.post("/v1/leads", json=lead(external_id="crm-77"))
    rows = [
        {"lead_id": by_id, "type": "won", "amount_usd": 10},
        {"external_id": "crm-77", "type": "no_response"},
        {"lead_id": by_id, "type": "accepted"},
        {"lead_id": "unknown", "type": "won"},
        {"lead_id": by_id, "type": "sold"},
        ["no object"],
    ]

    answer = api.post("/v1/outcomes/batch", json={"outcomes": rows})

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [row["status"] for row in results] == [
        "recorded",
        "recorded",
        "conflict",
        "not_found",
        "rejected",
        "rejected",
    ]
    assert results[0]["event"]["state"] == "won"
    named = [row["errors"][0]["field"] for row in results if row.get("errors")]
    assert named == ["row", "row", "type", "row"]


@pytest.mark.parametrize("action", ["claim", "release", "snooze", "outcomes"])
def test_actions_on_an_unknown_lead_are_not_found(api: httpx.Client, action: str) -> None:
    bodies = {
        "release": {"token": 1},
        "snooze": {"token": 1, "until": "2099-01-01T00:00:00Z"},
        "outcomes": {"type": "no_response"},
    }

    answer = api.post(f"/v1/leads/unknown/{action}", json=bodies.get(action))

    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/v1/queues/mrr/claim", "/v1/leads/{id}/claim"])
def test_claim_replay_repeats_the_answer(api: httpx.Client, queued: Queued, path: str) -> None:
    path = path.replace("{id}", queued())
    key = {"Idempotency-Key": f"claim{path}"}
    first = api.post(path, headers=key)

    again = api.post(path, headers=key)

    assert first.status_code == 200
    assert again.json()["lead_id"] == first.json()["lead_id"]
    assert again.json()["token"] == first.json()["token"]
