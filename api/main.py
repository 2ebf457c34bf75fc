"""The application: every route, and what stands before them."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from api import (
    batch,
    documentation,
    errors,
    forms,
    health,
    intake,
    leads,
    models,
    outcomes,
    queues,
    reports,
    score,
    standards,
)
from api.front import Front
from api.headers import Envelope
from api.limits import BodyLimit
from api.metrics import Metrics
from api.pages import handoffs, lead, login, overview, public, queue
from api.rates import RateLimit
from api.rendering import FOLDER
from leadqual.config import load_settings
from leadqual.services.serving import Serving
from leadqual.wiring import build_serving

_RESOURCES: Final = (
    intake,
    leads,
    batch,
    score,
    queues,
    outcomes,
    reports,
    models,
    standards,
    forms,
    health,
)
_PAGES: Final = (login, queue, lead, handoffs, overview, public, documentation)
MODULES: Final = (*_RESOURCES, *_PAGES)

SWITCH_SECONDS: Final = 0.001
GARBAGE_OBJECTS: Final = 10_000
"""New objects in all before the collector looks: 16 requests at once hold 2,000, none in circles."""

_ABOUT: Final = """Score leads, route them to queues, record what becomes of them.

Send `Authorization: Bearer KEY` with a key of `leadqual keys create`. Every POST takes an
`Idempotency-Key`: repeat a request with the same key when the answer was lost, and nothing is
done twice. Refusals are problem documents (RFC 9457); 429 and 503 say when to try again."""


def create_app(serving: Serving) -> Front:
    """Return the application over a set of services, which it closes when it stops."""
    metrics, key_rate = Metrics(), RateLimit(serving.settings.key_rate)
    behind = _documented(serving, metrics=metrics, key_rate=key_rate)
    return Front(serving, behind=behind, metrics=metrics, key_rate=key_rate)


def _documented(serving: Serving, *, metrics: Metrics, key_rate: RateLimit) -> FastAPI:
    """Return the application behind, with every route."""
    settings = serving.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        serving.close()

    app = documentation.DocumentedApi(
        title="leadqual",
        version="1",
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        # Nothing here reports to OpenTelemetry, and asking for each request whether costs 5 us.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=[
            Middleware(Envelope, is_https=settings.secure_cookies, metrics=metrics),
            Middleware(
                BodyLimit,
                default_bytes=settings.max_body_bytes,
                bytes_of=dict.fromkeys(
                    (batch.PATH, outcomes.BATCH_PATH), settings.max_batch_body_bytes
                ),
            ),
        ],
    )
    app.state.serving = serving
    app.state.metrics = metrics
    app.state.key_rate = key_rate
    app.state.form_rate = RateLimit(settings.form_rate)
    for module in MODULES:
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    documentation.mount_assets(app)
    errors.install(app)
    return app


def app_from_environment() -> Front:
    """Return the application of the deployment that the environment describes (for uvicorn).

    Raises
    ------
    ConfigError, SchemaVersionError, StoreError
        When the deployment cannot serve; the message says what to do.
    """
    app = create_app(build_serving(load_settings()))
    shorten_pauses()
    return app


def shorten_pauses() -> None:
    """Let nothing but work keep this process's event loop from its sockets."""
    # A full collection goes through 225,000 objects that stay as long as the process.
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 10, 10)
    # How long the writer's thread may go on in Python while the event loop wants to.
    sys.setswitchinterval(SWITCH_SECONDS)
