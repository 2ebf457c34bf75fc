"""A real Chromium against a real server on this machine."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from api.testing import Deployment, deployed
from leadqual.testing import make_bundle, make_payload

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("browser tests need /usr/bin/chromium: apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("home"), bundle=make_bundle()) as found:
        headers = {"Authorization": f"Bearer {found.secret_key}"}
        leads = [make_payload(40 + number) for number in range(12)]
        answer = httpx.post(f"{found.url}/v1/leads/batch", json={"leads": leads}, headers=headers)
        assert answer.status_code == 200
        yield found


class Visitor:
    """One person at one browser window; remembers everything that went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._note)
        page.on("request", self._watch)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def log_in(self, username: str, password: str) -> None:
        self.open("/login")
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def _note(self, message: object) -> None:
        if getattr(message, "type", "") == "error":
            self.problems.append(str(getattr(message, "text", message)))

    def _watch(self, request: object) -> None:
        address = str(getattr(request, "url", ""))
        if not address.startswith((self.url, "data:")):
            self.problems.append(f"asked another site: {address}")


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def visitor(
    chromium: Browser, deployment: Deployment, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    has_javascript = request.param == "with JavaScript"
    context = chromium.new_context(java_script_enabled=has_javascript, locale="en-GB")
    visitor = Visitor(context.new_page(), deployment.url)
    yield visitor
    context.close()
    assert visitor.problems == []


@pytest.fixture
def script_visitor(chromium: Browser, deployment: Deployment) -> Iterator[Visitor]:
    context = chromium.new_context(viewport={"width": 360, "height": 740}, locale="en-GB")
    visitor = Visitor(context.new_page(), deployment.url)
    yield visitor
    context.close()
    assert visitor.problems == []
