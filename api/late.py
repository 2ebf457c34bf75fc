"""An application that is built after the service began to answer what does not need it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Final

from api.asgi import ASGIApp, Receive, Scope, Send

BUILT_AFTER_SECONDS: Final = 0.2
"""How long after its start a service builds what nobody asked for: first answers come first."""


class LateApplication:
    """Build an application in a thread, at the first request for it or soon after the start.

    Requests wait for it without keeping the event loop from others. Where it cannot be built, the
    process ends at once: one that answers some calls and fails all others helps nobody.

    Parameters
    ----------
    build : callable
        Returns the application.
    close : callable
        Called when the server stops.
    """

    def __init__(self, build: Callable[[], ASGIApp], *, close: Callable[[], None]) -> None:
        self._build = build
        self._close = close
        self._building: asyncio.Task[ASGIApp] | None = None
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; begin and end with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._app is None:
            # Whoever stops waiting leaves the others their application.
            self._app = await asyncio.shield(self._begin())
        await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        asyncio.get_running_loop().call_later(BUILT_AFTER_SECONDS, self._begin)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._close()
        await send({"type": "lifespan.shutdown.complete"})

    def _begin(self) -> asyncio.Task[ASGIApp]:
        if self._building is None:
            self._building = asyncio.get_running_loop().create_task(self._build_beside())
        return self._building

    async def _build_beside(self) -> ASGIApp:
        try:
            return await asyncio.to_thread(self._build)
        except Exception:  # whatever it is: it is logged and ends the process
            logging.getLogger("leadqual.api").critical(
                "the application cannot be built; the service ends", exc_info=True
            )
            self._close()
            os._exit(1)
