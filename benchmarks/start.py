"""How long from the start of a process to its first scored answer, beside the naive application.

::

    python -m benchmarks.start            # five starts of each, in turn, and what they import
    python -m benchmarks.start --quick    # one start of each: does it run?

The files of both are in the cache of the operating system, as after any earlier start. Imports
are those of the process up to its first answer, by the clock of `-X importtime`, which itself
makes them somewhat slower.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.learning.tables import table
from benchmarks.serving import (
    FULL,
    QUICK,
    Command,
    Deployment,
    free_port,
    leadqual_command,
    prepare_deployment,
    scratch_folder,
    started,
    uvicorn_command,
    wait_until_listening,
)

OURS: Final = "leadqual"
NAIVE: Final = "naive FastAPI + DataFrame"
NAMES: Final = (OURS, NAIVE)
N_STARTS: Final = 5
TARGET: Final = 0.35
N_PACKAGES: Final = 20
FORBIDDEN: Final = ("mlflow", "shap", "matplotlib", "pandas", "sklearn", "lightgbm", "optuna")
"""What the serving process is promised to do without."""

_LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
_PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """How to start one of the two, and where it scores."""

    command: Command
    port: int
    path: str
    key: str

    def ask(self, body: bytes) -> None:
        """Post a lead.

        Raises
        ------
        RuntimeError
            The answer was neither 200 nor 201.
        OSError
            Nobody listens yet.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_SECONDS)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        connection.request("POST", self.path, body, headers)
        status = connection.getresponse().status
        connection.close()
        if status not in {200, 201}:
            raise RuntimeError(f"POST {self.path} answered {status}; 200 or 201 is expected")


def service_of(name: str, deployment: Deployment) -> Service:
    """Return one of the two, on a port of its own."""
    port = free_port()
    if name == OURS:
        return Service(leadqual_command(port), port, "/v1/leads", deployment.key)
    return Service(uvicorn_command("benchmarks.peers.naive:app", port), port, "/predict", "")


def time_start(service: Service, deployment: Deployment, *, body: bytes) -> float:
    """Return the seconds from the start of the process to its first scored answer."""
    log = deployment.folder / "start.log"
    began = time.perf_counter()
    with started(service.command, environment=deployment.environment, log=log) as process:
        wait_until_listening(process, service.port, log)
        service.ask(body)
        return time.perf_counter() - began


def read_imports(service: Service, deployment: Deployment, *, body: bytes) -> Counter[str]:
    """Return the microseconds that each module's own code took to import."""
    python, *rest = service.command
    log = deployment.folder / "imports.log"
    command = (python, "-X", "importtime", *rest)
    with started(command, environment=deployment.environment, log=log) as process:
        wait_until_listening(process, service.port, log)
        service.ask(body)
    found: Counter[str] = Counter()
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _LINE.fullmatch(line.rstrip()):
            found[match[2]] += int(match[1])
    return found


def describe_imports(name: str, modules: Counter[str]) -> Iterator[str]:
    """Yield what a process imports, by package, and what it was promised not to."""
    packages: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for module, micros in modules.items():
        package = module.partition(".")[0]
        packages[package] += micros
        counts[package] += 1
    total = sum(packages.values())
    yield f"**{name}: {len(modules):,} modules, {total / 1e3:,.0f} ms of imports**"
    yield ""
    rows = [
        [package, str(counts[package]), f"{micros / 1e3:.0f}", f"{micros / total:.0%}"]
        for package, micros in packages.most_common(N_PACKAGES)
    ]
    yield from table(("package", "modules", "ms", "share"), rows)
    yield "slowest modules (own ms): " + ", ".join(
        f"{module} {micros / 1e3:.0f}" for module, micros in modules.most_common(N_PACKAGES)
    )
    present = [package for package in FORBIDDEN if package in packages]
    yield f"of {', '.join(FORBIDDEN)} it imports: {', '.join(present) or 'none'}"
    yield ""


def describe_starts(seconds: dict[str, list[float]]) -> Iterator[str]:
    """Yield the times and their ratio."""
    ratios = [ours / naive for ours, naive in zip(seconds[OURS], seconds[NAIVE], strict=True)]
    rows = [
        [name, f"{median(taken):.2f} [{min(taken):.2f}-{max(taken):.2f}]"]
        for name, taken in seconds.items()
    ]
    yield from table(("", "s to the first scored answer"), rows)
    verdict = "met" if median(ratios) <= TARGET else "not met"
    yield (
        f"leadqual / naive: {median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}], "
        f"target <= {TARGET}: {verdict}"
    )
    yield ""


def run(folder: Path, *, is_quick: bool) -> Iterator[str]:
    """Measure and yield the report, line by line."""
    deployment = prepare_deployment(folder, size=QUICK if is_quick else FULL)
    bodies = iter(deployment.bodies.read_bytes().splitlines())
    n_starts = 1 if is_quick else N_STARTS
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(n_starts):
        for name in NAMES if number % 2 == 0 else reversed(NAMES):
            service = service_of(name, deployment)
            seconds[name].append(time_start(service, deployment, body=next(bodies)))
    yield f"## Start, {datetime.now(UTC):%Y-%m-%d}"
    yield ""
    yield f"Median of {n_starts} starts of each, in turn; {os.cpu_count()} cores, "
    yield f"load {os.getloadavg()[0]:.1f} at the end."
    yield ""
    yield from describe_starts(seconds)
    for name in NAMES:
        service = service_of(name, deployment)
        yield from describe_imports(name, read_imports(service, deployment, body=next(bodies)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one start of each, a tiny model")
    chosen = parser.parse_args(arguments)
    with scratch_folder() as folder:
        for line in run(folder, is_quick=chosen.quick):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
