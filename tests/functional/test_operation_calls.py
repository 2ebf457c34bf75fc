"""Health, metrics, documentation, models, standards and reports over HTTP."""

import re
from collections.abc import Callable

import httpx

Queued = Callable[..., str]
ClientOf = Callable[[str], httpx.Client]


def test_process_that_runs_says_so(anonymous: httpx.Client) -> None:
    assert anonymous.get("/healthz").json() == {"status": "ok"}


def test_readiness_names_what_is_degraded(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/readyz")

    assert answer.status_code == 200
    body = answer.json()
    assert body["is_ready"] is True
    assert body["model_version"] == "rules"
    assert any("model" in reason for reason in body["degraded"])


def test_metrics_count_by_route_and_never_by_id(
    api: httpx.Client, anonymous: httpx.Client, queued: Queued
) -> None:
    lead_id = queued()
    api.get(f"/v1/leads/{lead_id}")

    text = anonymous.get("/metrics").text

    assert lead_id not in text
    assert re.search(
        r'leadqual_requests_total\{method="GET",route="/v1/leads/\{lead_id\}",status="200"\} [1-9]',
        text,
    )
    assert re.search(r'leadqual_queue_leads\{queue="mrr",state="open"\} [1-9]', text)
    assert "leadqual_ready 1.0" in text


def test_documentation_needs_no_other_site(anonymous: httpx.Client) -> None:
    page = anonymous.get("/docs")

    assert page.status_code == 200
    assert not re.search(r"https?://", page.text)
    for asset in re.findall(r'(?:src|href)="(/static[^"]+)"', page.text):
        assert anonymous.get(asset).status_code == 200


def test_every_call_is_documented(anonymous: httpx.Client) -> None:
    document = anonymous.get("/openapi.json").json()

    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)
    for path, method, operation in operations:
        assert operation["summary"], path
        assert operation["description"], path
        assert operation["tags"], path
        if path.startswith("/v1/") and method != "options":
            assert {"401", "403", "422", "429", "503"} <= set(operation["responses"]), path
        if path.startswith("/v1/") and not path.startswith("/v1/forms"):
            assert operation["security"] == [{"apiKey": []}], path


def test_every_reference_in_the_documentation_resolves(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/openapi.json")

    schemas = answer.json()["components"]["schemas"]
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert names
    assert names <= set(schemas)
    assert not re.search(r'"#/\$defs', answer.text)


def test_models_say_what_serves(api: httpx.Client) -> None:
    body = api.get("/v1/models").json()

    assert body["serving_version"] == "rules"
    assert body["models"] == []


def test_promotion_of_what_does_not_exist_is_refused(api: httpx.Client) -> None:
    unknown = api.post("/v1/models/2020-01-01-1/promote")
    outside = api.post("/v1/models/..%2F..%2Fetc/promote")
    nowhere = api.post("/v1/models/rollback")

    assert unknown.status_code == 404
    assert outside.status_code in {404, 422}
    assert nowhere.status_code == 409


def test_standard_is_proposed_then_activated(api: httpx.Client) -> None:
    text = api.get("/v1/standards").json()["standards"][0]["text"]

    proposed = api.post("/v1/standards", json={"text": text})

    assert proposed.status_code == 201
    version = proposed.json()["version"]
    assert proposed.json()["is_active"] is False
    activated = api.post(f"/v1/standards/{version}/activate")
    assert activated.status_code == 200
    active = [s["version"] for s in api.get("/v1/standards").json()["standards"] if s["is_active"]]
    assert active == [version]


def test_standard_that_cannot_be_used_is_refused(api: httpx.Client) -> None:
    for text in ("", "a: [", "grade_bands: 3", "!!python/object:os.system x", "x" * 50_000):
        answer = api.post("/v1/standards", json={"text": text})

        assert answer.status_code == 422, text[:20]
    assert api.post("/v1/standards/999/activate").status_code == 404


def test_proposal_replay_makes_one_version(api: httpx.Client) -> None:
    text = api.get("/v1/standards").json()["standards"][0]["text"]
    key = {"Idempotency-Key": "standard-1"}
    first = api.post("/v1/standards", json={"text": text}, headers=key)

    again = api.post("/v1/standards", json={"text": text}, headers=key)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["version"] == first.json()["version"]


def test_funnel_counts_stages_with_intervals(api: httpx.Client, queued: Queued) -> None:
    lead_id = queued()
    api.post(f"/v1/leads/{lead_id}/outcomes", json={"type": "won", "amount_usd": 500})

    funnels = api.get("/v1/reports/funnel").json()["funnels"]

    assert [funnel["motion"] for funnel in funnels] == ["all", "inbound", "outbound"]
    everyone = funnels[0]
    counts = [stage["n_leads"] for stage in everyone["stages"]]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1
    last = everyone["stages"][-1]
    assert last["share_low"] <= last["share"] <= last["share_high"]
    assert everyone["amount_won_usd"] >= 500
    nothing = api.get("/v1/reports/funnel", params={"since": "2099-01-01T00:00:00Z"}).json()
    assert nothing["funnels"][0]["stages"][0]["n_leads"] == 0
