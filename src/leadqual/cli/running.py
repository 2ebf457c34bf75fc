"""Run the service until it is told to stop; loads neither typer nor another command."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from leadqual.cli import collecting_nothing
from leadqual.cli.output import emit
from leadqual.errors import ConfigError

if TYPE_CHECKING:
    import uvicorn

    from leadqual.config import Settings

API: str = "api.main:app_from_environment"
"""The shell beside this one, reached by name: no module here imports it."""

SECONDS_TO_FINISH: int = 20
"""How long requests that are under way may take after SIGTERM."""

MAX_PORT: int = 65_535


def serve_until_stopped(*, host: str | None, port: int | None, as_json: bool) -> None:
    """Serve the deployment of the environment.

    Parameters
    ----------
    host, port : optional
        Those of the settings where they are None.
    as_json : bool
        Whether the address is printed as JSON.

    Raises
    ------
    ConfigError, SchemaVersionError, StoreError
        As `listen` and `run_until_stopped`.
    """
    with collecting_nothing():
        from leadqual.config import load_settings

        settings = load_settings()
    with listen(host or settings.host, settings.port if port is None else port) as listener:
        address = url_of(listener)
        text = f"leadqual listens on {address}"
        run_until_stopped(
            listener,
            settings,
            on_ready=lambda: emit({"url": address}, as_json=as_json, text=text),
        )


def read_plain(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Read a command line as typer would, which takes 20 ms to load.

    Returns
    -------
    dict of str to object, or None
        Arguments of `serve_until_stopped`; None for whatever is not `serve` with options that are
        written out: that is typer's, with its help and its refusals.
    """
    options: dict[str, Any] = {"host": None, "port": None, "as_json": False}
    rest = iter(arguments)
    if next(rest, None) != "serve":
        return None
    for name in rest:
        value = next(rest, "") if name in {"--host", "--port"} else ""
        if name == "--json":
            options["as_json"] = True
        elif name == "--host" and re.fullmatch(r"[0-9A-Za-z.:]+", value):
            options["host"] = value
        elif name == "--port" and re.fullmatch(r"[0-9]{1,5}", value) and int(value) <= MAX_PORT:
            options["port"] = int(value)
        else:
            return None
    return options


def listen(host: str, port: int) -> socket.socket:
    """Take a port before anything is started or printed.

    Raises
    ------
    ConfigError
        The address is in use or none of this machine's.
    """
    with ExitStack() as stack:
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(2048)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port, "
                "or stop what listens there"
            ) from error
        stack.pop_all()
    listener.set_inheritable(True)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address to open in a browser on this machine."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - a comparison, nothing is bound
    return f"http://{shown}:{port}"


def run_until_stopped(
    listener: socket.socket, settings: Settings, *, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Serve on a socket until SIGTERM or SIGINT, then let requests under way finish.

    Parameters
    ----------
    listener : socket
        Who connects before the service is there waits for it.
    on_ready : callable
        Called when the deployment was found to be usable, just before requests are answered.

    Raises
    ------
    ConfigError, SchemaVersionError, StoreError
        The deployment cannot serve, or the service did not start for another reason that its log
        says.
    """
    with collecting_nothing():
        import uvicorn

    config = uvicorn.Config(
        API,
        factory=True,
        workers=settings.workers,
        log_level=settings.log_level.lower(),
        access_log=False,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
        server_header=False,
        ws="none",
    )
    if settings.workers > 1:
        _run_workers(config, listener, settings, on_ready=on_ready)
        return
    with collecting_nothing():
        config.load()
    server = uvicorn.Server(config)

    def obey(_number: int, _frame: object) -> None:
        """Stop at once while nothing is served; later uvicorn obeys, then repeats the signal."""
        if not server.started:
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, obey)
    on_ready()
    server.run(sockets=[listener])
    if not server.started:
        raise ConfigError("the service did not start; the log above says why")


def _run_workers(
    config: uvicorn.Config,
    listener: socket.socket,
    settings: Settings,
    *,
    on_ready: Callable[[], None],
) -> None:
    """Serve with several processes, each of which opens the deployment for itself."""
    from uvicorn.supervisors import Multiprocess

    from leadqual.services.workshop import open_workshop

    with open_workshop(settings):
        pass  # a database that cannot be used is explained here, not by a dying worker
    on_ready()
    Multiprocess(config, sockets=[listener]).run()
