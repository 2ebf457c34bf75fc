"""Take the start of the service apart, in a process that starts like one.

`python -m benchmarks.start_stages BODIES` prints the CPU milliseconds of each stage as JSON, in
the order of a start; the key comes in the environment. What two stages share (an import, a list
that is read once) counts for the first of them. Stages that begin with "library: " are Python
and what it is given; the service can only do without them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from leadqual.cli import prepare_libraries

if TYPE_CHECKING:
    from leadqual.services.serving import Serving

KEY: Final = "BENCHMARK_KEY"
"""Environment variable of the secret key."""

LIBRARY: Final = "library: "
LATER: Final = "after the first answer: "
LIBRARIES: Final = {
    "pydantic": ("pydantic.main", "pydantic._internal._generate_schema"),
    "uvicorn": ("uvicorn", "uvicorn.protocols.http.httptools_impl", "uvicorn.lifespan.on"),
    "uvloop": ("uvloop",),
    "numpy": ("numpy",),
    "SQLite": ("pysqlite3.dbapi2" if find_spec("pysqlite3") else "sqlite3.dbapi2",),
}
OWN: Final = ("leadqual.qualify.scoring", "leadqual.store", "leadqual.wiring", "api.main")

_MILLI: Final = 1e3


class Laps:
    """CPU milliseconds between one lap and the next, by name; all threads count."""

    def __init__(self) -> None:
        self.taken = {f"{LIBRARY}Python, asyncio, json": _MILLI * time.process_time()}
        self._began = time.process_time()

    def lap(self, name: str) -> None:
        """Note what was spent since the last lap."""
        self.taken[name] = _MILLI * (time.process_time() - self._began)
        self._began = time.process_time()

    def skip(self) -> None:
        """Forget what was spent since the last lap."""
        self._began = time.process_time()


def time_imports(laps: Laps) -> None:
    """Import what the service imports, library by library, then our own modules."""
    prepare_libraries()
    for library, modules in LIBRARIES.items():
        for name in modules:
            import_module(name)
        laps.lap(f"{LIBRARY}{library}")
        gc.disable()  # as `leadqual serve` does
    import_module("leadqual.cli.running")
    laps.lap("our own modules: the command line")
    for name in OWN:
        import_module(name)
        laps.lap(f"our own modules: {name}")


def time_opening(laps: Laps) -> Serving:
    """Open the deployment of the environment, part by part, as `leadqual.wiring` does.

    Raises
    ------
    RuntimeError
        It has no champion.
    """
    from leadqual.config import load_settings
    from leadqual.registry.local import LocalRegistry
    from leadqual.services.serving import Edges, assemble
    from leadqual.services.workshop import signing_key
    from leadqual.store import open_store
    from leadqual.wiring import now_utc

    laps.skip()
    settings = load_settings()
    store = open_store(settings.resolved_database_url)
    store.check_schema()
    with store.read() as tx:
        champion = tx.aliases.get("champion")
    laps.lap("settings, store, schema, first statement")
    if champion is None:
        raise RuntimeError("this deployment has no champion; promote a model first")
    key = signing_key(settings)
    registry = LocalRegistry(settings.resolved_models_dir, key)
    bundle = registry.load(champion.version)
    laps.lap("bundle: verify, read, tabulate, compare scores")
    serving = assemble(
        Edges(
            settings=settings,
            store=store,
            registry=registry,
            key=key,
            clock=now_utc,
            draw=Random().random,
            load_bundle=lambda _: bundle,
        )
    )
    laps.lap("standard, services")
    serving.warm_up()
    laps.lap("warm-up: one lead")
    return serving


def time_answers(laps: Laps, serving: Serving, body: bytes) -> None:
    """Build the application and let it answer once on each path."""
    from api.main import create_app

    laps.skip()
    app = create_app(serving)
    laps.lap("application in front")
    from benchmarks.http.stages import InProcess

    caller = InProcess(app, os.environ[KEY])
    for path, when in (("/v1/leads", ""), ("/v1/score", LATER)):
        laps.skip()
        asyncio.run(caller.ask("POST", path, body))
        laps.lap(f"{when}first POST {path}, no sockets")
    asyncio.run(caller.ask("GET", "/healthz", b""))
    laps.lap(f"{LATER}FastAPI, all routes and GET /healthz")


def main() -> int:
    """Start, answer and print."""
    laps = Laps()
    time_imports(laps)
    serving = time_opening(laps)
    try:
        time_answers(laps, serving, Path(sys.argv[1]).read_bytes().splitlines()[-1])
    finally:
        serving.close()
    print(json.dumps(laps.taken))
    return 0


if __name__ == "__main__":
    sys.exit(main())
