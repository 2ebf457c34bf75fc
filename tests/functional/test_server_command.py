"""`leadqual serve` as a process of its own, and what may be done beside it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from leadqual.config import Settings
from leadqual.leads.flat import flatten_lead
from leadqual.qualify.bundle import bundle_files
from leadqual.registry.local import GoldenInput
from leadqual.services.scoring import columns_of
from leadqual.services.workshop import call_of_operator, open_workshop
from leadqual.testing import START, make_bundle, make_lead, make_payload
from tests.functional.command import BARE, COMMAND, Run


@pytest.fixture
def versions(tmp_path: Path) -> tuple[str, str]:
    """Return two versions that the deployment of `run` has; the first one is champion."""
    columns = columns_of([flatten_lead(make_lead(number)) for number in range(5)])
    names = ("2026-11-20-1", "2026-11-21-1")
    with open_workshop(Settings(home=tmp_path / "home")) as workshop:
        for name in names:
            workshop.registry.save(
                bundle_files(make_bundle(name)),
                version=name,
                metadata={},
                documents={},
                golden=GoldenInput(columns=columns, n_leads=5),
            )
        workshop.models.promote(names[0], call=call_of_operator(START))
    return names


@contextmanager
def serving(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", "0", "--json"],
        env={**BARE, "LEADQUAL_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = json.loads("".join(process.stdout.readline() for _ in range(3)))["url"]
        yield process, address
    finally:
        process.kill()
        process.communicate()


def test_server_says_where_it_listens_and_obeys_sigterm(
    tmp_path: Path, versions: tuple[str, str]
) -> None:
    with serving(tmp_path / "home") as (process, url):
        ready = httpx.get(f"{url}/readyz", timeout=20).json()
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=20)

    assert ready["model_version"] == versions[0]
    assert ready["degraded"] == []
    assert code == 0


def test_running_server_swaps_within_two_seconds_and_fails_no_request(
    run: Run, tmp_path: Path, versions: tuple[str, str]
) -> None:
    key = run("keys", "create", "--scopes", "leads:read", "--json").document["key"]
    seen: list[tuple[float, int, str]] = []

    with (
        serving(tmp_path / "home") as (_, url),
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client,
    ):
        client.get("/readyz", timeout=20)
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                answer = client.post("/v1/score", json=make_payload(1))
                version = answer.json()["score"]["model_version"] if answer.is_success else ""
                seen.append((time.monotonic(), answer.status_code, version))

        asking = threading.Thread(target=ask)
        asking.start()
        run("promote", versions[1])
        promoted_at = time.monotonic()
        time.sleep(2.5)
        stop.set()
        asking.join()

    assert {status for _, status, _ in seen} == {200}
    assert seen[0][2] == versions[0]
    assert all(version == versions[1] for at, _, version in seen if at > promoted_at + 2)
    assert any(at > promoted_at + 2 for at, _, _ in seen)


def test_port_in_use_is_explained(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        done = run("serve", "--port", str(taken.getsockname()[1]), expect=1)

    assert "--port" in done.err


def test_database_of_a_running_server_is_not_replaced(
    run: Run, tmp_path: Path, versions: tuple[str, str]
) -> None:
    run("db", "backup", "copy.db")

    with serving(tmp_path / "home") as (_, url):
        httpx.get(f"{url}/readyz", timeout=20)
        refused = run("db", "restore", "copy.db", expect=1)
        ready = httpx.get(f"{url}/readyz", timeout=20).json()
    run("db", "restore", "copy.db")

    assert "stop the servers" in refused.err
    assert ready["is_ready"] is True
