"""An application that is built while others are answered."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

from api.asgi import ASGIApp, Message, Receive, Scope, Send
from api.late import LateApplication
from tests.loops import run_on_loop

FAILS = """
import asyncio
from api.late import LateApplication

def build():
    raise ImportError("no such module")

async def receive():
    return {"type": "lifespan.startup"}

async def send(message):
    await asyncio.sleep(20)

app = LateApplication(build, close=lambda: print("closed", flush=True))
asyncio.run(app({"type": "lifespan"}, receive, send))
"""


async def says_its_path(scope: Scope, _: Receive, send: Send) -> None:
    await send({"path": scope["path"]})


async def never() -> Message:
    raise AssertionError


def test_requests_wait_for_one_build_and_leave_the_loop_to_others() -> None:
    built: list[int] = []
    may_build = threading.Event()
    sent: list[Any] = []

    def build() -> ASGIApp:
        may_build.wait(20)
        built.append(1)
        return says_its_path

    async def send(message: Message) -> None:
        sent.append(message["path"])

    async def ask() -> None:
        late = LateApplication(build, close=lambda: None)
        asked = [
            asyncio.ensure_future(late({"type": "http", "path": path}, never, send))
            for path in ("/a", "/b")
        ]
        await asyncio.sleep(0)
        asked[0].cancel()
        may_build.set()
        await asked[1]
        await late({"type": "http", "path": "/c"}, never, send)

    run_on_loop(ask())

    assert (built, sent) == ([1], ["/b", "/c"])


def test_it_is_built_soon_after_the_start_though_nobody_asks_and_closed_at_the_end() -> None:
    seen: list[str] = []

    async def live() -> None:
        was_built = asyncio.Event()
        loop = asyncio.get_running_loop()

        def build() -> ASGIApp:
            loop.call_soon_threadsafe(was_built.set)
            return says_its_path

        async def receive() -> Message:
            if seen:
                await was_built.wait()
                return {"type": "lifespan.shutdown"}
            return {"type": "lifespan.startup"}

        async def send(message: Message) -> None:
            seen.append(message["type"])

        late = LateApplication(build, close=lambda: seen.append("closed"))
        await late({"type": "lifespan"}, receive, send)

    run_on_loop(live())

    assert seen == ["lifespan.startup.complete", "closed", "lifespan.shutdown.complete"]


def test_a_process_whose_application_cannot_be_built_says_why_and_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILS], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert done.stdout == "closed\n"
    assert "cannot be built" in done.stderr
    assert "no such module" in done.stderr
