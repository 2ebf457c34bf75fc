"""Overload, a database that is gone, leases that run out, a model that is swapped."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from api.testing import Deployment, deployed
from leadqual.config import Settings
from leadqual.testing import make_bundle, make_payload, promote

Payload = Callable[..., dict[str, Any]]


@contextmanager
def client(deployment: Deployment, key: str | None = None) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key or deployment.secret_key}"}
    with httpx.Client(base_url=deployment.url, headers=headers, timeout=30) as found:
        yield found


def test_key_over_its_rate_is_told_when_to_go_on(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, key_rate="3/minute")
    with deployed(tmp_path, settings=settings) as deployment, client(deployment) as api:
        answers = [api.get("/v1/queues") for _ in range(4)]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        with client(deployment, deployment.keys["queue:work"]) as other:
            assert other.get("/v1/queues").status_code == 200


def test_sender_of_too_many_forms_is_told_when_to_go_on(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, form_rate="2/minute")
    with deployed(tmp_path, settings=settings) as deployment, client(deployment) as api:
        answers = [
            api.post(
                f"/v1/forms/{deployment.form_key}",
                json={"email": f"a{n}@b.example"},
                headers={"Origin": deployment.form_origin},
            )
            for n in range(3)
        ]
        page = api.post(
            f"/v1/forms/{deployment.form_key}",
            data={"email": "a@b.example"},
            headers={"Origin": deployment.form_origin, "Accept": "text/html"},
        )

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert page.status_code == 429
    assert f"Wait {page.headers['retry-after']} seconds" in page.text


def test_database_that_is_gone_means_try_again_and_nothing_else(tmp_path: Path) -> None:
    with deployed(tmp_path) as deployment, client(deployment) as api:
        api.get("/v1/queues")
        kept = tmp_path / "kept"
        kept.mkdir()
        deployment.serving.store.close()
        files = sorted(tmp_path.glob("leadqual.db*"))
        for file in files:
            file.rename(kept / file.name)
        (tmp_path / "leadqual.db").mkdir()

        down = [
            api.post("/v1/leads", json=make_payload(1)),
            api.get("/v1/queues"),
            api.get("/readyz"),
            api.post("/login", data={"username": "mrr1", "password": deployment.password}),
            api.post(
                f"/v1/forms/{deployment.own_form_key}",
                data={"email": "a@b.example"},
                headers={"Origin": deployment.url, "Accept": "text/html"},
            ),
        ]

        assert [answer.status_code for answer in down] == [503] * 5
        assert "then send it again" in down[-1].text
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in down)
        assert str(tmp_path) not in "".join(answer.text for answer in down)
        assert api.get("/healthz").status_code == 200
        (tmp_path / "leadqual.db").rmdir()
        for file in files:
            (kept / file.name).rename(file)
        assert api.post("/v1/leads", json=make_payload(1)).status_code == 201


def test_claim_that_ran_out_is_free_and_its_token_worthless(tmp_path: Path) -> None:
    with deployed(tmp_path, bundle=make_bundle()) as deployment, client(deployment) as api:
        lead_id = api.post("/v1/leads", json=make_payload(49)).json()["lead_id"]
        token = api.post(f"/v1/leads/{lead_id}/claim").json()["token"]
        deployment.clock.advance(timedelta(minutes=31))
        with client(deployment, deployment.keys["queue:work"]) as other:
            taken = other.post(f"/v1/leads/{lead_id}/claim")

        late = api.post(
            f"/v1/leads/{lead_id}/outcomes", json={"type": "no_response", "token": token}
        )

    assert taken.status_code == 200
    assert taken.json()["token"] > token
    assert late.status_code == 409
    assert late.json()["type"] == "urn:leadqual:problem:stale-token"


def test_cookies_and_headers_insist_on_https_when_told_to(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, secure_cookies=True)
    with deployed(tmp_path, settings=settings) as deployment, client(deployment) as browser:
        fields = {"username": "mrr1", "password": deployment.password}
        answer = browser.post("/login", data=fields)

    assert answer.headers["set-cookie"].startswith("__Host-leadqual=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


def test_waiting_for_the_database_stops_nobody_else(tmp_path: Path) -> None:
    with deployed(tmp_path) as deployment, client(deployment) as api:
        api.get("/v1/queues")
        with ThreadPoolExecutor(4) as pool:
            with deployment.serving.store.transaction():
                waiting = [
                    pool.submit(api.post, "/v1/leads", json=make_payload(number))
                    for number in range(4)
                ]
                for _ in range(20):
                    assert api.get("/healthz").status_code == 200
                    assert api.post("/v1/score", json=make_payload(9)).status_code == 200
                assert not any(answer.done() for answer in waiting)

            assert [answer.result().status_code for answer in waiting] == [201] * 4


def test_model_is_swapped_without_a_failed_request(tmp_path: Path) -> None:
    old = make_bundle("2026-11-20-1")
    with deployed(tmp_path, bundle=old) as deployment, client(deployment) as api:

        def score(number: int) -> tuple[int, str, float]:
            if number == 60:
                swap(deployment)
            answer = api.post("/v1/score", json=make_payload(number % 5))
            body = answer.json()["score"]
            return answer.status_code, body["model_version"], body["p_conversion"]

        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(score, range(200)))

    assert {status for status, _, _ in seen} == {200}
    assert {version for _, version, _ in seen} == {"2026-11-20-1", "2026-11-20-2"}
    assert seen[-1][1] == "2026-11-20-2"
    for number in range(5):
        per_version = {(v, p) for _, v, p in seen[number::5]}
        assert len(per_version) == 2, "each version gives one score, never a mixture"


def swap(deployment: Deployment) -> None:
    deployment.shelf.put(make_bundle("2026-11-20-2", shift=1.0))
    promote(deployment.serving, "2026-11-20-2")
    deployment.serving.scorer.refresh(deployment.clock())


def test_many_at_once_each_get_their_own_answer(tmp_path: Path) -> None:
    with deployed(tmp_path) as deployment, client(deployment) as api:

        def send(number: int) -> tuple[int, str]:
            answer = api.post(
                "/v1/leads",
                json=make_payload(number % 20),
                headers={"Idempotency-Key": f"k{number % 20}"},
            )
            return answer.status_code, answer.json()["lead_id"]

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(send, range(200)))

    statuses = [status for status, _ in answers]
    assert statuses.count(201) == 20
    assert statuses.count(200) == 180
    assert len({lead_id for _, lead_id in answers}) == 20
