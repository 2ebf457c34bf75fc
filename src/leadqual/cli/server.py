"""`serve` and `doctor`: run the service, look at the deployment."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from leadqual.cli import collecting_nothing
from leadqual.cli.help_text import example
from leadqual.cli.output import AsJson, emit, table
from leadqual.errors import ConfigError

if TYPE_CHECKING:
    import uvicorn

    from leadqual.config import Settings

API: str = "api.main:app_from_environment"
"""The shell beside this one, reached by name: no module here imports it."""

SECONDS_TO_FINISH: int = 20
"""How long requests that are under way may take after SIGTERM."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=example("leadqual serve", "leadqual serve --host 0.0.0.0 --port 8080"))(
        serve
    )
    app.command(epilog=example("leadqual doctor", "leadqual doctor --json"))(doctor)


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Default LEADQUAL_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Default LEADQUAL_PORT; 0: any free one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve the API and the queue pages until SIGTERM or Ctrl-C; requests under way finish."""
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


def doctor(*, as_json: AsJson = False) -> None:
    """Check Python, database, schema, models, signing key, MLflow, disk and file permissions."""
    from leadqual.config import load_settings
    from leadqual.services.checkup import Health, examine

    findings = examine(load_settings())
    rows = [(finding.health.value, finding.name, finding.text) for finding in findings]
    emit(
        {"findings": [asdict(finding) for finding in findings]},
        as_json=as_json,
        text=table(("", "what", "found"), rows),
    )
    if any(finding.health is Health.FAIL for finding in findings):
        raise typer.Exit(1)


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
