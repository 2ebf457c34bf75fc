"""The pages as a browser without JavaScript sees them: forms, redirects and cookies."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from leadqual.services.calls import Role

Payload = Callable[..., dict[str, Any]]
Queued = Callable[..., str]
LoggedIn = Callable[[str], httpx.Client]

EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


def csrf_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text[:300]
    return found[1]


def alert_of(page: httpx.Response) -> str:
    found = re.search(r'role="alert">([^<]+)', page.text)
    assert found, page.text[:300]
    return found[1]


def token_of(page: httpx.Response) -> str:
    found = re.search(r'name="token" value="(\d+)"', page.text)
    assert found, page.text[:300]
    return found[1]


def post(browser: httpx.Client, path: str, seen: httpx.Response, **fields: str) -> httpx.Response:
    return browser.post(path, data={"csrf": csrf_of(seen), **fields})


def claimed(browser: httpx.Client, lead_id: str) -> httpx.Response:
    post(browser, f"/leads/{lead_id}/claim", browser.get(f"/leads/{lead_id}"))
    return browser.get(f"/leads/{lead_id}")


def test_stranger_is_sent_to_log_in_and_back(anonymous: httpx.Client, queued: Queued) -> None:
    path = f"/leads/{queued()}"
    sent = anonymous.get(path)

    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/login?next=/leads/")
    page = anonymous.get(sent.headers["location"])
    assert f'value="{path}"' in page.text


def test_wrong_password_is_refused_without_saying_what_was_wrong(anonymous: httpx.Client) -> None:
    known = anonymous.post("/login", data={"username": "mrr1", "password": "wrong-password"})
    unknown = anonymous.post("/login", data={"username": "nobody", "password": "wrong-password"})

    assert (known.status_code, unknown.status_code) == (401, 401)
    assert "wrong-password" not in known.text
    assert alert_of(known) == alert_of(unknown)


def test_too_many_wrong_passwords_have_to_wait(anonymous: httpx.Client) -> None:
    answers = [
        anonymous.post("/login", data={"username": "guessed", "password": "wrong-password"})
        for _ in range(7)
    ]

    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0


def test_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(
    anonymous: httpx.Client, password: str
) -> None:
    answer = anonymous.post("/login", data={"username": "mrr1", "password": password})

    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_post_without_the_token_of_the_session_does_nothing(
    api: httpx.Client, logged_in: LoggedIn, queued: Queued
) -> None:
    lead_id, mrr = queued(), logged_in("mrr")

    for data in ({"once": "a"}, {"csrf": ""}, {"csrf": "wrong"}):
        assert mrr.post(f"/leads/{lead_id}/claim", data=data).status_code == 403
    assert api.get(f"/v1/leads/{lead_id}").json()["state"] == "open"


def test_post_from_another_site_does_nothing(logged_in: LoggedIn, queued: Queued) -> None:
    lead_id, mrr = queued(), logged_in("mrr")
    token = csrf_of(mrr.get("/queue/mrr"))

    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = mrr.post(f"/leads/{lead_id}/claim", data={"csrf": token}, headers=headers)

        assert answer.status_code == 403


def test_reps_see_only_their_own_queue(logged_in: LoggedIn, queued: Queued) -> None:
    inbound, outbound = queued(), queued(source="bought_list", motion="outbound")
    mrr, sdr = logged_in("mrr"), logged_in("sdr")

    assert mrr.get("/queue/mrr").status_code == 200
    assert sdr.get("/queue/sdr").status_code == 200
    for browser, path in [
        (mrr, "/queue/sdr"),
        (sdr, "/queue/mrr"),
        (mrr, "/overview"),
        (mrr, "/handoffs"),
        (logged_in("ae"), "/queue/mrr"),
    ]:
        assert browser.get(path).status_code == 403, path
    assert mrr.get(f"/leads/{outbound}").status_code == 404
    assert sdr.get(f"/leads/{inbound}").status_code == 404
    assert post(mrr, f"/leads/{outbound}/claim", mrr.get("/queue/mrr")).status_code == 404


def test_queue_shows_why_what_to_ask_and_by_when(
    logged_in: LoggedIn, queued: Queued, lead: Payload
) -> None:
    queued(contact={"full_name": "Grace Example", "job_title": "Chief Financial Officer"})

    page = logged_in("mrr").get("/queue/mrr").text

    assert "Grace Example" in page
    assert "Chief Financial Officer" in page
    assert re.search(r"\d+ in 100</b> will buy", page)
    assert re.search(r"Grade </span>[A-D]", page)
    assert re.search(r'<li class="(up|down)">', page)
    assert re.search(r'class="due (calm|soon|late)"', page)


def test_lead_fields_cannot_become_markup(
    logged_in: LoggedIn, queued: Queued, anonymous: httpx.Client
) -> None:
    lead_id = queued(
        contact={"full_name": EVIL, "job_title": EVIL},
        company={"name": EVIL, "industry": EVIL},
        interest={"message": EVIL + "\u202e reversed"},
        campaign={"landing_page": "javascript:alert(1)", "referrer": "https://ok.example/x"},
        attributes={"plan": EVIL},
    )
    mrr = logged_in("mrr")

    for page in (mrr.get("/queue/mrr"), mrr.get(f"/leads/{lead_id}")):
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "\u202e" not in page.text
    page_text = mrr.get(f"/leads/{lead_id}").text
    assert 'href="javascript' not in page_text
    assert 'href="https://ok.example/x"' in page_text


def test_no_page_has_inline_code(logged_in: LoggedIn, queued: Queued) -> None:
    lead_id, mrr = queued(), logged_in("mrr")
    pages = [mrr.get("/queue/mrr"), claimed(mrr, lead_id), logged_in("leader").get("/overview")]

    for page in pages:
        assert not re.search(r"<script(?![^>]* src=)", page.text)
        assert not re.search(r"<[^>]+ (style|on\w+)=", page.text)


def test_rep_claims_hands_off_and_the_ae_wins(
    api: httpx.Client, logged_in: LoggedIn, queued: Queued
) -> None:
    lead_id, mrr, ae = queued(), logged_in("mrr"), logged_in("ae")
    page = claimed(mrr, lead_id)
    handed = post(
        mrr,
        f"/leads/{lead_id}/handoff",
        page,
        token=token_of(page),
        authority="yes",
        authority_text="signs up to 50 k",
        budget="",
        meeting_at="2099-01-05T10:30",
        handed_to="ae1",
        note="Wants to see the reporting",
    )
    assert handed.status_code == 303
    waiting = ae.get("/handoffs")
    assert "signs up to 50 k" in waiting.text
    assert "Wants to see the reporting" in waiting.text
    assert "5 Jan 2099, 10:30 UTC" in waiting.text

    accepted = post(ae, f"/handoffs/{lead_id}/accept", waiting)
    won = post(ae, f"/handoffs/{lead_id}/won", ae.get("/handoffs"), amount_usd="24000")

    assert (accepted.status_code, won.status_code) == (303, 303)
    assert "Congratulations" in ae.get("/handoffs").text
    assert lead_id in ae.get("/handoffs/finished").text
    events = api.get(f"/v1/leads/{lead_id}/history").json()["events"]
    assert [(event["type"], event["actor"]) for event in events] == [
        ("handed_off", "mrr1"),
        ("accepted", "ae1"),
        ("won", "ae1"),
    ]


def test_ae_sends_back_with_a_reason_and_the_rep_sees_it(
    logged_in: LoggedIn, queued: Queued
) -> None:
    lead_id, mrr, ae = queued(), logged_in("mrr"), logged_in("ae")
    page = claimed(mrr, lead_id)
    post(mrr, f"/leads/{lead_id}/handoff", page, token=token_of(page))
    waiting = ae.get("/handoffs")

    without = post(ae, f"/handoffs/{lead_id}/reject", waiting)
    back = post(
        ae, f"/handoffs/{lead_id}/reject", waiting, reason="no_budget", note="No money until May"
    )

    assert without.status_code == 409
    assert "Choose a reason" in without.text
    assert back.status_code == 303
    seen = mrr.get(f"/leads/{lead_id}").text
    assert "Rejected by the AE: no budget" in seen
    assert "No money until May" in seen


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"type": "contacted", "note": "left a message"}, "claimed"),
        ({"type": "meeting_booked"}, "claimed"),
        ({"type": "no_response"}, "closed"),
        ({"type": "disqualified", "reason": "no_need"}, "closed"),
        ({"type": "spam"}, "closed"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_rep_notes_what_came_of_it(
    api: httpx.Client,
    logged_in: LoggedIn,
    queued: Queued,
    fields: dict[str, str],
    state: str,
) -> None:
    lead_id, mrr = queued(), logged_in("mrr")
    page = claimed(mrr, lead_id)

    answer = post(mrr, f"/leads/{lead_id}/outcome", page, token=token_of(page), **fields)

    assert answer.status_code == 303
    assert api.get(f"/v1/leads/{lead_id}").json()["state"] == state


@pytest.mark.parametrize("fields", [{}, {"asked": "yes"}, {"for": "nonsense"}], ids=str)
def test_rep_puts_a_lead_off(
    api: httpx.Client, logged_in: LoggedIn, queued: Queued, fields: dict[str, str]
) -> None:
    lead_id, mrr = queued(), logged_in("mrr")
    page = claimed(mrr, lead_id)

    answer = post(mrr, f"/leads/{lead_id}/snooze", page, token=token_of(page), **fields)

    assert answer.status_code == 303
    assert api.get(f"/v1/leads/{lead_id}").json()["state"] == "snoozed"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "disqualified"}, "Choose the reason"),
        ({}, "Choose what happened"),
        ({"type": "won"}, "Choose what happened"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_incomplete_disposition_is_explained_and_records_nothing(
    api: httpx.Client, logged_in: LoggedIn, queued: Queued, fields: dict[str, str], message: str
) -> None:
    lead_id, mrr = queued(), logged_in("mrr")
    page = claimed(mrr, lead_id)

    answer = post(mrr, f"/leads/{lead_id}/outcome", page, token=token_of(page), **fields)

    assert answer.status_code == 409
    assert message in answer.text
    assert api.get(f"/v1/leads/{lead_id}/history").json()["events"] == []


def test_action_under_a_lost_lease_says_so_and_records_nothing(
    api: httpx.Client, logged_in: LoggedIn, queued: Queued
) -> None:
    lead_id, mrr = queued(), logged_in("mrr")
    page = claimed(mrr, lead_id)
    post(mrr, f"/leads/{lead_id}/release", page, token=token_of(page))
    api.post(f"/v1/leads/{lead_id}/claim")

    for action, fields in (("outcome", {"type": "spam"}), ("handoff", {}), ("snooze", {})):
        answer = post(mrr, f"/leads/{lead_id}/{action}", page, token=token_of(page), **fields)

        assert answer.status_code == 409
        assert "no longer yours" in answer.text
    assert api.get(f"/v1/leads/{lead_id}/history").json()["events"] == []


def test_lead_that_a_colleague_took_cannot_be_claimed(
    api: httpx.Client, logged_in: LoggedIn, queued: Queued
) -> None:
    lead_id, mrr = queued(), logged_in("mrr")
    seen = mrr.get("/queue/mrr")
    api.post(f"/v1/leads/{lead_id}/claim")

    answer = post(mrr, f"/leads/{lead_id}/claim", seen)

    assert answer.status_code == 303
    assert "A colleague was faster" in mrr.get("/queue/mrr").text


def test_what_a_rep_holds_stands_above_the_list(logged_in: LoggedIn, queued: Queued) -> None:
    claimed_id, put_off_id, mrr = queued(), queued(), logged_in("mrr")
    claimed(mrr, claimed_id)
    page = claimed(mrr, put_off_id)
    post(mrr, f"/leads/{put_off_id}/snooze", page, token=token_of(page))

    held = re.search(
        r'<ul class="leads mine">(.*?)</ul>\s*</section>', mrr.get("/queue/mrr").text, re.S
    )

    assert held is not None
    assert claimed_id in held[1]
    assert put_off_id in held[1]
    assert "put off until" in held[1]


def test_message_is_shown_once(logged_in: LoggedIn, queued: Queued) -> None:
    lead_id, mrr = queued(), logged_in("mrr")
    post(mrr, f"/leads/{lead_id}/claim", mrr.get("/queue/mrr"))

    first, second = mrr.get(f"/leads/{lead_id}"), mrr.get(f"/leads/{lead_id}")

    assert "It is yours now" in first.text
    assert "It is yours now" not in second.text


def test_double_click_records_one_event(
    api: httpx.Client, logged_in: LoggedIn, queued: Queued
) -> None:
    lead_id, mrr = queued(), logged_in("mrr")
    page = claimed(mrr, lead_id)
    fields = {"token": token_of(page), "type": "contacted", "once": "click-1"}

    answers = [post(mrr, f"/leads/{lead_id}/outcome", page, **fields) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(api.get(f"/v1/leads/{lead_id}/history").json()["events"]) == 1


def test_logged_out_session_is_over(logged_in: LoggedIn) -> None:
    mrr = logged_in("mrr")
    cookies = dict(mrr.cookies)
    post(mrr, "/logout", mrr.get("/queue/mrr"))

    mrr.cookies.update(cookies)

    assert mrr.get("/queue/mrr").status_code == 303


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_a_first_page(logged_in: LoggedIn, role: Role) -> None:
    page = logged_in(role.value).get("/", follow_redirects=True)

    assert page.status_code == 200
    assert f"{role.value}1" in page.text


def test_leader_sees_queues_and_the_funnel(logged_in: LoggedIn, queued: Queued) -> None:
    queued()

    page = logged_in("leader").get("/overview")

    assert page.status_code == 200
    assert "Inbound queue" in page.text
    headings = re.findall(r'<h2 id="funnel-\d">([^<]+)', page.text)
    assert headings == ["All leads", "Inbound", "Outbound"]


@pytest.mark.parametrize(
    "amount", ["", "-5", "nan", "inf", "1e400", "a lot", "99999999999999"], ids=str
)
def test_win_needs_an_amount(
    api: httpx.Client, logged_in: LoggedIn, queued: Queued, amount: str
) -> None:
    lead_id, mrr, ae = queued(), logged_in("mrr"), logged_in("ae")
    page = claimed(mrr, lead_id)
    post(mrr, f"/leads/{lead_id}/handoff", page, token=token_of(page))
    post(ae, f"/handoffs/{lead_id}/accept", ae.get("/handoffs"))

    answer = post(ae, f"/handoffs/{lead_id}/won", ae.get("/handoffs"), amount_usd=amount)

    assert answer.status_code == 409
    assert api.get(f"/v1/leads/{lead_id}").json()["state"] == "opportunity"


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"type": "won", "amount_usd": "24,000"}, "won"),
        ({"type": "lost", "reason": "competitor"}, "lost"),
    ],
    ids=["won", "lost"],
)
def test_account_manager_closes_a_deal_without_handing_over(
    api: httpx.Client, logged_in: LoggedIn, lead: Payload, fields: dict[str, str], state: str
) -> None:
    customer = lead(company={"is_customer": True})
    lead_id, am = str(api.post("/v1/leads", json=customer).json()["lead_id"]), logged_in("am")
    page = claimed(am, lead_id)
    unsaid = post(am, f"/leads/{lead_id}/outcome", page, token=token_of(page), type=fields["type"])

    answer = post(am, f"/leads/{lead_id}/outcome", page, token=token_of(page), **fields)

    assert f"Close as {state}" in page.text
    assert unsaid.status_code == 409
    assert answer.status_code == 303
    assert api.get(f"/v1/leads/{lead_id}").json()["state"] == state
    [event] = api.get(f"/v1/leads/{lead_id}/history").json()["events"]
    assert (event["amount_usd"], event["reason"]) in {(24000.0, None), (None, "competitor")}


def test_account_manager_answers_hand_offs_of_customers_only(
    api: httpx.Client, logged_in: LoggedIn, lead: Payload, queued: Queued
) -> None:
    customer = lead(company={"is_customer": True}, contact={"full_name": "Clara Customer"})
    lead_id = str(api.post("/v1/leads", json=customer).json()["lead_id"])
    other_id, am = queued(), logged_in("am")
    page = claimed(am, lead_id)
    post(am, f"/leads/{lead_id}/handoff", page, token=token_of(page))
    api.post(f"/v1/leads/{other_id}/outcomes", json={"type": "handed_off"})

    waiting = am.get("/handoffs")
    accepted = post(am, f"/handoffs/{lead_id}/accept", waiting)
    won = post(am, f"/handoffs/{lead_id}/won", am.get("/handoffs"), amount_usd="700")

    assert "Clara Customer" in waiting.text
    assert other_id not in waiting.text
    assert (accepted.status_code, won.status_code) == (303, 303)
    assert post(am, f"/handoffs/{other_id}/accept", waiting).status_code == 409


def test_rep_who_hands_over_is_offered_no_deal(logged_in: LoggedIn, queued: Queued) -> None:
    page = claimed(logged_in("mrr"), queued())

    assert "Close as won" not in page.text


def test_page_that_does_not_exist_is_a_page(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/nothing", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "Go to the start page" in answer.text
