"""For tests and benchmarks: the application on a real port of this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

import uvicorn

from api.asgi import ASGIApp
from api.main import create_app
from leadqual.config import Settings
from leadqual.qualify.bundle import ModelBundle
from leadqual.services.calls import Role, Scope
from leadqual.services.serving import Serving
from leadqual.testing import BundleShelf, FrozenClock, make_call, make_serving

START_SECONDS: Final = 20.0
PASSWORD: Final = "correct horse battery"  # noqa: S105 - users of test services only
FORM_ORIGIN: Final = "https://www.hafen.example"


class LiveServer:
    """Serve an application on 127.0.0.1, at a port the system picks, until the block ends.

    Parameters
    ----------
    app : ASGIApp
        What `create_app` returned; its services are closed at the end.

    Raises
    ------
    RuntimeError
        When it does not start within `START_SECONDS`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self) -> LiveServer:
        """Start, and return once it answers."""
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the server did not start; see its log above")
            time.sleep(0.005)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop and wait for the end."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


@dataclass(frozen=True)
class Deployment:
    """A running service with keys and people.

    `keys` has one key per scope, by the name of the scope; `form_key` may be used from
    `form_origin`, `own_form_key` from the service's own pages. Each role has a user named
    `<role>1`, all with the same password. The clock stands still until a test moves it;
    `shelf` is where the service loads models from.
    """

    url: str
    serving: Serving
    clock: FrozenClock
    shelf: BundleShelf
    secret_key: str
    form_key: str
    own_form_key: str
    keys: Mapping[str, str]
    form_origin: str = FORM_ORIGIN
    password: str = PASSWORD


@contextmanager
def deployed(
    folder: Path, *, bundle: ModelBundle | None = None, settings: Settings | None = None
) -> Iterator[Deployment]:
    """Serve a fresh deployment from `folder` until the block ends.

    Parameters
    ----------
    bundle : ModelBundle, optional
        The champion; without one leads are scored by rules.
    settings : Settings, optional
        Instead of the defaults under `folder`.
    """
    clock, shelf = FrozenClock(), BundleShelf()
    serving = make_serving(folder, bundle=bundle, shelf=shelf, clock=clock, settings=settings)
    call = make_call(serving)
    for role in Role:
        serving.people.add_user(f"{role.value}1", PASSWORD, role=role, call=call)
    secret = serving.keys.create_secret("everything", Scope, call=call).secret
    form = serving.keys.create_form("site", [FORM_ORIGIN], call=call).secret
    keys = {
        scope.value: serving.keys.create_secret(scope.value, [scope], call=call).secret
        for scope in Scope
    }
    with LiveServer(create_app(serving)) as server:
        own = serving.keys.create_form("own pages", [server.url], call=call).secret
        yield Deployment(
            url=server.url,
            serving=serving,
            clock=clock,
            shelf=shelf,
            secret_key=secret,
            form_key=form,
            own_form_key=own,
            keys=keys,
        )
