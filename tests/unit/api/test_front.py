"""What is handed over to FastAPI, and what it is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.asgi import Message, Receive, Scope, Send
from api.direct import SCORE_LEAD, TAKE_LEAD, Handed, handed_over
from api.front import Front
from api.rates import RateLimit
from api.tally import Tally
from leadqual.errors import AuthenticationError, PermissionDeniedError
from leadqual.leads.schema import Rejected
from leadqual.services.calls import Scope as KeyScope
from leadqual.services.serving import Serving
from leadqual.testing import make_call, make_serving
from tests.loops import run_on_loop

LEAD = {"source": "web", "contact": {"email": "ada@hafen.example"}}


class Behind:
    """An application that keeps what it is handed."""

    def __init__(self) -> None:
        self.handed: Handed | None = None
        self.messages: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> None:
        """Read the body."""
        self.handed = handed_over(scope)
        self.messages.append(await receive())


@pytest.fixture
def serving(tmp_path: Path, sqlite_url: str) -> Iterator[Serving]:
    with closing(make_serving(tmp_path, url=sqlite_url)) as serving:
        yield serving


@pytest.fixture
def key(serving: Serving) -> str:
    return serving.keys.create_secret(
        "reader", [KeyScope.LEADS_READ], call=make_call(serving)
    ).secret


def ask_front(
    serving: Serving,
    body: bytes,
    *,
    path: str = SCORE_LEAD.path,
    more: bool = False,
    rate: RateLimit | None = None,
    headers: Mapping[str, str],
) -> tuple[list[Message], Behind]:
    """Return what was sent, and what stood behind."""
    sent: list[Message] = []
    behind = Behind()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(message: Message) -> None:
        sent.append(message)

    named = {"content-type": "application/json", **headers}
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(name.encode(), text.encode()) for name, text in named.items()],
    }
    rate = rate or RateLimit("9/minute")
    front = Front(serving, behind=behind, tally=Tally(), key_rate=rate)
    run_on_loop(front(scope, receive, send))
    return sent, behind


def test_a_plain_request_is_answered_in_two_messages_and_goes_no_further(
    serving: Serving, key: str
) -> None:
    sent, behind = ask_front(
        serving, json.dumps(LEAD).encode(), headers={"authorization": f"Bearer {key}"}
    )

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 200
    assert dict(sent[0]["headers"])[b"content-length"] == b"%d" % len(sent[1]["body"])
    assert behind.messages == []


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"authorization": "Bearer lq_sk_unknown"}, AuthenticationError),
        ({}, None),
        ({"authorization": "Basic abc"}, None),
    ],
)
def test_strangers_are_refused_behind_and_their_body_is_not_read(
    serving: Serving, given: dict[str, str], error: type[Exception] | None
) -> None:
    sent, behind = ask_front(serving, b"{}", headers=given)

    assert sent == []
    assert behind.handed is not None
    assert behind.handed.principal is None
    assert behind.handed.messages == []
    assert isinstance(behind.handed.outcome, error or type(None))


def test_a_key_without_the_scope_is_refused_behind(serving: Serving, key: str) -> None:
    _, behind = ask_front(
        serving, b"{}", path=TAKE_LEAD.path, headers={"authorization": f"Bearer {key}"}
    )

    assert behind.handed is not None
    assert isinstance(behind.handed.outcome, PermissionDeniedError)
    assert behind.handed.principal is None


def test_a_key_over_its_rate_is_not_admitted(serving: Serving, key: str) -> None:
    rate = RateLimit("1/day")
    asked = [
        ask_front(
            serving,
            json.dumps(LEAD).encode(),
            rate=rate,
            headers={"authorization": f"Bearer {key}"},
        )
        for _ in range(2)
    ]

    assert [len(sent) for sent, _ in asked] == [2, 0]
    handed = asked[1][1].handed
    assert handed is not None
    assert (handed.principal, handed.outcome) == (None, None)


@pytest.mark.parametrize(
    ("body", "more"), [(b'{"source": 1}', False), (b'{"sou', True), (b"x" * 300_000, False)]
)
def test_a_body_that_is_not_plain_is_read_again_by_an_admitted_caller(
    serving: Serving, key: str, body: bytes, more: bool
) -> None:
    sent, behind = ask_front(serving, body, more=more, headers={"authorization": f"Bearer {key}"})

    assert sent == []
    assert behind.handed is not None
    assert behind.handed.principal is not None
    assert behind.handed.outcome is None
    assert behind.messages == [{"type": "http.request", "body": body, "more_body": more}]


def test_a_body_that_is_declared_too_large_is_refused_before_its_key_is_looked_at(
    serving: Serving, key: str
) -> None:
    held = {"authorization": f"Bearer {key}", "content-length": "9" * 9}
    _, behind = ask_front(serving, b"{}", headers=held)

    assert behind.handed is not None
    assert behind.handed.principal is None


def test_a_lead_that_cannot_be_used_is_said_to_be_so_without_trying_again(
    serving: Serving, key: str
) -> None:
    nobody = json.dumps({"source": "web"}).encode()

    _, behind = ask_front(serving, nobody, headers={"authorization": f"Bearer {key}"})

    assert behind.handed is not None
    assert isinstance(behind.handed.outcome, Rejected)
