"""One real server per test module, with keys for each scope and a person for each role."""

import itertools
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.testing import Deployment, deployed
from leadqual.cli import main
from tests.functional.command import Done, Run

_NUMBERS = itertools.count(1)
TLS = ssl.create_default_context()  # httpx makes one per client, and that takes 30 ms

Payload = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command of a fresh deployment in this process, which is quicker than a new one."""
    monkeypatch.setenv("LEADQUAL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments: str, expect: int = 0) -> Done:
        code = main(list(arguments))
        said = capsys.readouterr()
        assert code == expect, (arguments, said.out[-2000:], said.err[-2000:])
        return Done(code, said.out, said.err)

    return run_command


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def secret_key(deployment: Deployment) -> str:
    return deployment.secret_key


@pytest.fixture(scope="module")
def form_key(deployment: Deployment) -> str:
    return deployment.form_key


@pytest.fixture(scope="module")
def form_origin(deployment: Deployment) -> str:
    return deployment.form_origin


@pytest.fixture(scope="module")
def password(deployment: Deployment) -> str:
    return deployment.password


@pytest.fixture
def anonymous(deployment: Deployment) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=deployment.url, timeout=30, verify=TLS) as client:
        yield client


@pytest.fixture
def client_of(deployment: Deployment) -> Iterator[Callable[[str], httpx.Client]]:
    """Return a client with a key of one scope, or with the form key (`form`)."""
    clients: list[httpx.Client] = []

    def connect(scope: str) -> httpx.Client:
        key = deployment.form_key if scope == "form" else deployment.keys[scope]
        headers = {"Authorization": f"Bearer {key}"}
        clients.append(
            httpx.Client(base_url=deployment.url, headers=headers, timeout=30, verify=TLS)
        )
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def api(deployment: Deployment) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {deployment.secret_key}"}
    with httpx.Client(base_url=deployment.url, headers=headers, timeout=30, verify=TLS) as client:
        yield client


@pytest.fixture
def other_api(client_of: Callable[[str], httpx.Client]) -> httpx.Client:
    """Return a client with another key that may work the queues."""
    return client_of("queue:work")


@pytest.fixture
def logged_in(deployment: Deployment) -> Iterator[Callable[[str], httpx.Client]]:
    """Return a browser without JavaScript that a person of the role has logged in with."""
    browsers: list[httpx.Client] = []

    def log_in(role: str) -> httpx.Client:
        browser = httpx.Client(
            base_url=deployment.url, timeout=30, verify=TLS, headers={"Accept": "text/html"}
        )
        browsers.append(browser)
        fields = {"username": f"{role}1", "password": deployment.password}
        assert browser.post("/login", data=fields).status_code == 303
        return browser

    yield log_in
    for browser in browsers:
        browser.close()


@pytest.fixture
def lead() -> Payload:
    """Return a promising inbound lead that nobody else has; sections are merged into it."""

    def build(**sections: Any) -> dict[str, Any]:
        number = next(_NUMBERS)
        payload: dict[str, Any] = {
            "source": "web_form",
            "contact": {
                "email": f"person{number}@hafen{number}-logistik.example",
                "full_name": "Ada Beispiel",
                "job_title": "Chief Operating Officer",
                "phone": f"+49 40 {100000 + number}",
                "country": "DE",
            },
            "company": {
                "name": "Hafen Logistik",
                "industry": "Logistics",
                "n_employees": 850,
                "annual_revenue_usd": 9e7,
            },
            "interest": {
                "message": "We would like to start soon",
                "budget_usd": 60000,
                "timeline_days": 20,
                "is_decision_maker": True,
            },
            "engagement": {"n_visits": 5, "n_page_views": 30, "n_downloads": 3},
        }
        for name, value in sections.items():
            both_merge = isinstance(value, dict) and isinstance(payload.get(name), dict)
            payload[name] = payload[name] | value if both_merge else value
        return payload

    return build


@pytest.fixture
def queued(api: httpx.Client, lead: Payload) -> Callable[..., str]:
    """Take a lead in that reaches a rep's queue, and return its id."""

    def take(**sections: Any) -> str:
        answer = api.post("/v1/leads", json=lead(**sections))
        assert answer.status_code == 201, answer.text
        assert answer.json()["decision"]["queue"] in {"mrr", "sdr"}, answer.text
        return str(answer.json()["lead_id"])

    return take
