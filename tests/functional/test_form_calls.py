"""Web forms: taken from listed pages, told nothing, never a way in."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from leadqual.services.forms import HONEYPOT


@pytest.fixture
def form_path(form_key: str) -> str:
    return f"/v1/forms/{form_key}"


def fields(n: int, **extra: str) -> dict[str, str]:
    return {
        "email": f"visitor{n}@werft.example",
        "full_name": "Vera Visitor",
        "company": "Werft",
        "message": "Please call",
        "utm_source": "ads",
        **extra,
    }


def only_lead(api: httpx.Client, lead_id: str) -> dict[str, Any]:
    return dict(api.get(f"/v1/leads/{lead_id}").json()["lead"])


def test_browser_is_sent_to_a_thanks_page(
    anonymous: httpx.Client, form_path: str, form_origin: str
) -> None:
    answer = anonymous.post(form_path, data=fields(1), headers={"Origin": form_origin})

    assert answer.status_code == 303
    thanks = anonymous.get(answer.headers["location"])
    assert thanks.status_code == 200
    assert "Thank you" in thanks.text
    assert "/demo/form" not in thanks.text


def test_fields_left_empty_are_no_mistake(
    api: httpx.Client, anonymous: httpx.Client, form_path: str, form_origin: str
) -> None:
    empty = {"phone": "", "company.n_employees": "", "job_title": " ", "message": "", HONEYPOT: ""}

    answer = anonymous.post(form_path, data=fields(6) | empty, headers={"Origin": form_origin})

    assert answer.status_code == 303
    queued = (
        api.get("/v1/queues/nurture").json()["items"] + api.get("/v1/queues/mrr").json()["items"]
    )
    assert fields(6)["full_name"] in {item["name"] for item in queued}


def test_script_gets_an_id_and_nothing_about_the_score(
    api: httpx.Client, anonymous: httpx.Client, form_path: str, form_origin: str
) -> None:
    answer = anonymous.post(form_path, json=fields(2), headers={"Origin": form_origin})

    assert answer.status_code == 201
    assert set(answer.json()) == {"lead_id", "status"}
    assert answer.headers["access-control-allow-origin"] == form_origin
    stored = only_lead(api, answer.json()["lead_id"])
    assert stored["contact"]["full_name"] == "Vera Visitor"
    assert stored["company"]["name"] == "Werft"
    assert stored["campaign"]["utm_source"] == "ads"


@pytest.mark.parametrize("as_json", [True, False])
def test_form_sent_twice_under_one_key_is_one_touch(
    api: httpx.Client, anonymous: httpx.Client, form_path: str, form_origin: str, as_json: bool
) -> None:
    number = 70 + as_json
    headers = {"Origin": form_origin, "Idempotency-Key": f"form-{number}"}
    body: Any = {"json" if as_json else "data": fields(number)}

    first = anonymous.post(form_path, json=fields(number), headers={"Origin": form_origin})

    statuses = [anonymous.post(form_path, headers=headers, **body).status_code for _ in range(2)]

    history = api.get(f"/v1/leads/{first.json()['lead_id']}/history").json()
    assert statuses == ([201, 201] if as_json else [303, 303])
    assert len(history["touches"]) == 2, "one for the first post, one for the two under one key"


@pytest.mark.parametrize("path", ["form", "/v1/leads"])
def test_form_key_does_not_learn_who_is_known(
    api: httpx.Client,
    client_of: Callable[[str], httpx.Client],
    form_path: str,
    form_origin: str,
    lead: Callable[..., dict[str, Any]],
    path: str,
) -> None:
    known = lead()
    lead_id = api.post("/v1/leads", json=known).json()["lead_id"]

    answer = client_of("form").post(
        form_path if path == "form" else path, json=known, headers={"Origin": form_origin}
    )

    assert answer.status_code == 201
    assert answer.json()["lead_id"] != lead_id
    assert len(api.get(f"/v1/leads/{lead_id}/history").json()["touches"]) == 2


def test_filled_honeypot_is_answered_alike_and_kept_from_the_reps(
    api: httpx.Client, anonymous: httpx.Client, form_path: str, form_origin: str
) -> None:
    answer = anonymous.post(
        form_path, json=fields(3, **{HONEYPOT: "http://spam"}), headers={"Origin": form_origin}
    )

    assert answer.status_code == 201
    assert set(answer.json()) == {"lead_id", "status"}
    stored = api.get(f"/v1/leads/{answer.json()['lead_id']}").json()
    assert stored["decision"]["queue"] == "quarantine"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_other_pages_cannot_post(
    anonymous: httpx.Client, form_path: str, origin: str | None
) -> None:
    headers = {} if origin is None else {"Origin": origin}

    answer = anonymous.post(form_path, data=fields(4), headers=headers)

    assert answer.status_code == 403


def test_preflight_names_only_the_listed_origin(
    anonymous: httpx.Client, form_path: str, form_origin: str
) -> None:
    allowed = anonymous.options(form_path, headers={"Origin": form_origin})
    refused = anonymous.options(form_path, headers={"Origin": "https://evil.example"})

    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == form_origin
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


def test_secret_key_and_unknown_key_are_no_forms(
    anonymous: httpx.Client, secret_key: str, form_origin: str
) -> None:
    for form_id in (secret_key, "lq_pk_unknown"):
        answer = anonymous.post(
            f"/v1/forms/{form_id}", data=fields(5), headers={"Origin": form_origin}
        )

        assert answer.status_code == 401


def test_unusable_form_is_explained_to_people_and_to_scripts(
    anonymous: httpx.Client, form_path: str, form_origin: str
) -> None:
    bad = {"full_name": "<script>alert(1)</script>", "email": "not an address"}
    person = anonymous.post(
        form_path, data=bad, headers={"Origin": form_origin, "Accept": "text/html"}
    )

    script = anonymous.post(form_path, json=bad, headers={"Origin": form_origin})

    assert (person.status_code, script.status_code) == (422, 422)
    assert person.headers["content-type"].startswith("text/html")
    assert "contact.email" in person.text
    assert "not an address" not in person.text + script.text
    assert "<script>alert" not in person.text


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"a=%00&email=x%40y.example", "application/x-www-form-urlencoded"),
        (b"&".join(b"f%d=1" % n for n in range(500)), "application/x-www-form-urlencoded"),
        (b'{"email": NaN}', "application/json"),
        (b"[1]", "application/json"),
        (b"{", "application/json"),
        (b"x", "multipart/form-data; boundary=a"),
        (b"x", "text/plain"),
        (b"", ""),
    ],
)
def test_bodies_that_are_no_form_are_refused(
    anonymous: httpx.Client, form_path: str, form_origin: str, content: bytes, content_type: str
) -> None:
    answer = anonymous.post(
        form_path,
        content=content,
        headers={"Origin": form_origin, "Content-Type": content_type},
    )

    assert answer.status_code in {400, 415, 422}


@pytest.mark.parametrize(
    ("content", "key", "origin", "status", "told"),
    [
        (b"email=a%40b.example", "lq_pk_unknown", True, 401, "has no valid form key"),
        (b"email=a%40b.example", "lq_sk_unknown", True, 401, "has no valid form key"),
        (b"email=a%40b.example", None, False, 403, "page&#39;s origin"),
        (b"message=" + b"x" * 70_000, None, True, 413, "Shorten it"),
        (b"&".join(b"f%d=1" % n for n in range(101)), None, True, 400, "up to 100 fields"),
    ],
    ids=["unknown key", "secret key", "other page", "too long", "too many fields"],
)
def test_visitor_reads_what_to_do_when_a_form_is_refused(
    anonymous: httpx.Client,
    form_key: str,
    form_origin: str,
    content: bytes,
    key: str | None,
    origin: bool,
    status: int,
    told: str,
) -> None:
    headers = {
        "Origin": form_origin if origin else "https://evil.example",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    }

    path = f"/v1/forms/{key or form_key}"
    page = anonymous.post(path, content=content, headers=headers)
    script = anonymous.post(path, content=content, headers=headers | {"Accept": "*/*"})

    assert (page.status_code, script.status_code) == (status, status)
    assert page.headers["content-type"].startswith("text/html")
    assert "Nothing was sent" in page.text
    assert told in page.text
    assert "Bearer" not in page.text + script.text
    assert script.headers["content-type"] == "application/problem+json"


def test_demo_page_shows_a_form_for_a_key(anonymous: httpx.Client, form_key: str) -> None:
    page = anonymous.get("/demo/form", params={"key": form_key})

    assert f'action="/v1/forms/{form_key}"' in page.text
    assert HONEYPOT in page.text
    injected = anonymous.get("/demo/form", params={"key": '"><script>'})
    assert "<script>" not in injected.text.replace('<script type="module"', "")
