"""What a serving process loads before its first answer, and what it leaves for later."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from leadqual.config import Settings
from leadqual.services.access import Keys
from leadqual.services.calls import SYSTEM, Call, Scope
from leadqual.services.workshop import open_workshop
from leadqual.services.writer import GroupWriter
from leadqual.store import Store
from leadqual.testing import START, make_payload

NEVER = {
    "joblib", "lightgbm", "matplotlib", "mlflow", "optuna", "pandas", "pyarrow", "scipy",
    "shap", "sklearn",
}  # fmt: skip
ONLY_WHEN_NEEDED = {
    "alembic": "an empty or older database",
    "anyio": "requests that are not plain",
    "argon2": "the first log-in",
    "fastapi": "requests that are not plain",
    "jinja2": "the first page",
    "leadqual.cli.demo": "its own command",
    "leadqual.outcomes.timeline": "training",
    "leadqual.queue.handoff": "the first hand-off",
    "leadqual.services.health": "the first look at it",
    "leadqual.services.people": "the first log-in",
    "leadqual.services.promotion": "the first look at the models",
    "leadqual.services.queues": "the first look at a queue",
    "leadqual.store.backups": "its own command",
    "leadqual.store.compiling": "statements that depend on who asks",
    "leadqual.store.integrity": "its own command",
    "leadqual.store.statements": "statements that depend on who asks",
    "numpy.random": "training",
    "prometheus_client": "the first look at the figures",
    "psycopg": "PostgreSQL",
    "requests": "nothing: tldextract brings it",
    "opentelemetry": "nothing: FastAPI brings it",
    "rich": "progress bars",
    "sqlalchemy": "statements that depend on who asks",
    "starlette": "requests that are not plain",
    "structlog": "the first failure",
    "tldextract": "nothing: only its list is read",
    "typer": "other commands, help, refusals",
    "yaml": "a standard of one's own",
}
SERVE = """
import asyncio, json, sys
from contextlib import closing
from leadqual.cli import running
from leadqual.config import load_settings
from leadqual.wiring import build_serving
from api.main import create_app

with closing(build_serving(load_settings())) as serving:
    for ticker in serving.tickers:
        ticker.close()  # what they begin half a second later is no part of the start
    app, key, body = create_app(serving), sys.argv[1], sys.argv[2].encode()
    answers = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        answers.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": "POST", "path": "/v1/leads", "raw_path": b"/v1/leads", "query_string": b"",
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"authorization", b"Bearer " + key.encode()),
        ],
    }
    asyncio.run(app(scope, receive, send))
    print(json.dumps([answers[0]["status"], sorted(sys.modules)]))
"""


def make_key(store: Store) -> str:
    """Return a key that may write leads."""
    with closing(GroupWriter(store)) as writer:
        made = Keys(store, writer).create_secret(
            "test", [Scope.LEADS_WRITE], call=Call(SYSTEM, START)
        )
    return made.secret


def test_a_serving_process_loads_no_learner_and_nothing_that_its_first_answer_can_do_without(
    tmp_path: Path,
) -> None:
    with open_workshop(Settings(home=tmp_path)) as workshop:
        key = make_key(workshop.store)

    done = subprocess.run(
        [sys.executable, "-c", SERVE, key, json.dumps(make_payload())],
        env={"LEADQUAL_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    status, modules = json.loads(done.stdout)
    loaded = set(modules)
    assert status == 201
    assert not loaded & NEVER
    assert {name: ONLY_WHEN_NEEDED[name] for name in loaded & set(ONLY_WHEN_NEEDED)} == {}
    assert {"api.main", "numpy", "leadqual.store"} <= loaded


def test_models_of_documents_are_built_late_and_all_others_at_once() -> None:
    code = """
from api.framework import import_fastapi

import_fastapi()
from fastapi.openapi.models import Schema
from pydantic import BaseModel

assert Schema.model_config["defer_build"]
assert Schema(title="late").model_dump(exclude_none=True) == {"title": "late"}
assert "defer_build" not in BaseModel.model_config
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
