"""What is served: plain requests at once, all others by an application that is built meanwhile."""

from __future__ import annotations

import gc
import sys
from functools import partial
from typing import Final

from api.asgi import ASGIApp
from api.framework import import_fastapi
from api.front import Front
from api.late import LateApplication
from api.rates import RateLimit
from api.tally import Tally
from leadqual.config import load_settings
from leadqual.services.serving import Serving
from leadqual.wiring import build_serving

SWITCH_SECONDS: Final = 0.001
GARBAGE_OBJECTS: Final = 10_000
"""New objects before the collector looks: 16 requests at once hold 2,000, none in circles."""


def create_app(serving: Serving) -> Front:
    """Return the application over a set of services, which it closes when it stops."""
    tally, key_rate = Tally(), RateLimit(serving.settings.key_rate)
    build = partial(_build, serving, tally=tally, key_rate=key_rate)
    behind = LateApplication(build, close=serving.close)
    return Front(serving, behind=behind, tally=tally, key_rate=key_rate)


def _build(serving: Serving, *, tally: Tally, key_rate: RateLimit) -> ASGIApp:
    """Import and build what stands behind; a process that froze what it loaded freezes that too."""
    is_frozen = gc.get_freeze_count() > 0
    if is_frozen:
        gc.disable()
    try:
        import_fastapi()
        from api.application import build_application

        return build_application(serving, tally=tally, key_rate=key_rate)
    finally:
        if is_frozen:
            gc.freeze()
            gc.enable()


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
