"""The application of FastAPI: every route, and what stands before them."""

from __future__ import annotations

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
from api.headers import Envelope
from api.limits import BodyLimit
from api.metrics import Metrics
from api.pages import handoffs, lead, login, overview, public, queue
from api.rates import RateLimit
from api.rendering import FOLDER
from api.tally import Tally
from leadqual.services.serving import Serving

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

_ABOUT: Final = """Score leads, route them to queues, record what becomes of them.

Send `Authorization: Bearer KEY` with a key of `leadqual keys create`. Every POST takes an
`Idempotency-Key`: repeat a request with the same key when the answer was lost, and nothing is
done twice. Refusals are problem documents (RFC 9457); 429 and 503 say when to try again."""


def build_application(serving: Serving, *, tally: Tally, key_rate: RateLimit) -> FastAPI:
    """Return the application over a set of services; tally and rate are those of `api.front`."""
    serving.complete()
    settings, metrics = serving.settings, Metrics()
    app = documentation.DocumentedApi(
        title="leadqual",
        version="1",
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
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
    app.state.tally = tally
    app.state.key_rate = key_rate
    app.state.form_rate = RateLimit(settings.form_rate)
    for module in MODULES:
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    documentation.mount_assets(app)
    errors.install(app)
    tally.hand_to(metrics)
    return app
