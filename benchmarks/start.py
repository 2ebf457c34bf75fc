"""How long from the start of a process to its first scored answer, beside other applications.

::

    python -m benchmarks.start            # five starts of each, in turn, and what they import
    python -m benchmarks.start --profile  # where the start goes, stage by stage
    python -m benchmarks.start --postgres # the service on PostgreSQL
    python -m benchmarks.start --quick    # one start of each: does it run?

The files of all are in the cache of the operating system, as after any earlier start. CPU is that
of all threads and children up to the first answer: a busy machine lengthens wall time far more.
Imports are those of the process up to its first answer, by the clock of `-X importtime`, which
itself makes them somewhat slower.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.http.tables import Target, spread
from benchmarks.learning.tables import table
from benchmarks.peers.lean import DATABASE
from benchmarks.serving import (
    FULL,
    QUICK,
    ROOT,
    Command,
    Deployment,
    free_port,
    leadqual_command,
    postgresql,
    prepare_deployment,
    scratch_folder,
    started,
    uvicorn_command,
    wait_until_listening,
)
from benchmarks.start_stages import KEY, LATER, LIBRARY

OURS: Final = "leadqual"
SCORE: Final = "leadqual, POST /v1/score"
NAIVE: Final = "naive FastAPI + DataFrame"
LEAN: Final = "floor: pydantic, SQLite, bare ASGI"
ECHO: Final = "echo, bare ASGI"
NAMES: Final = (OURS, SCORE, NAIVE, LEAN, ECHO)
N_STARTS: Final = 5
TARGET: Final = 0.35
N_PACKAGES: Final = 20
FORBIDDEN: Final = (
    "mlflow", "shap", "matplotlib", "pandas", "sklearn", "scipy", "lightgbm", "optuna", "pyarrow",
)  # fmt: skip
"""What the serving process is promised to do without."""

_LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
_PATIENCE_SECONDS: Final = 60.0


_APPS: Final = {
    NAIVE: ("benchmarks.peers.naive:app", "/predict"),
    LEAN: ("benchmarks.peers.lean:app", "/"),
    ECHO: ("benchmarks.peers.echo:app", "/"),
}
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Service:
    """How to start one of them, and where it answers."""

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


@dataclass(frozen=True, slots=True)
class Start:
    """What one start took up to the first answer: seconds, CPU seconds, peak memory in MiB."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def service_of(name: str, deployment: Deployment) -> Service:
    """Return one of them, on a port of its own."""
    port = free_port()
    if name in _APPS:
        app, path = _APPS[name]
        return Service(uvicorn_command(app, port), port, path, "")
    path = "/v1/score" if name == SCORE else "/v1/leads"
    return Service(leadqual_command(port), port, path, deployment.key)


def environment_of(deployment: Deployment) -> dict[str, str]:
    """Return what each of them finds in its environment."""
    return {**deployment.environment, DATABASE: str(deployment.folder / "lean.db")}


def time_start(
    service: Service, deployment: Deployment, *, environment: Mapping[str, str], body: bytes
) -> Start:
    """Start a process and measure it at its first answer."""
    log = deployment.folder / "start.log"
    began = time.perf_counter()
    with started(service.command, environment=environment, log=log) as process:
        wait_until_listening(process, service.port, log)
        service.ask(body)
        seconds = time.perf_counter() - began
        return Start(seconds, *_used(process.pid))


def _used(process_id: int) -> tuple[float, float]:
    """Return CPU seconds, with those of children that have ended, and the peak memory in MiB."""
    folder = Path("/proc", str(process_id))
    ticks = folder.joinpath("stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:15]
    peak = re.search(r"VmHWM:\s+(\d+) kB", folder.joinpath("status").read_text(encoding="ascii"))
    return sum(map(int, ticks)) / _TICKS, int(peak[1]) / 1024 if peak else float("nan")


def read_imports(service: Service, deployment: Deployment, *, body: bytes) -> Counter[str]:
    """Return the microseconds that each module took to import by itself, up to the first answer."""
    python, *rest = service.command
    log = deployment.folder / "imports.log"
    command = (python, "-X", "importtime", *rest)
    with started(command, environment=deployment.environment, log=log) as process:
        wait_until_listening(process, service.port, log)
        service.ask(body)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found: Counter[str] = Counter()
    for line in lines:
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


def describe_starts(starts: Mapping[str, Sequence[Start]]) -> Iterator[str]:
    """Yield what was measured, as a table beside the naive application, and the target."""
    naive = starts.get(NAIVE, ())
    rows = []
    for name, found in starts.items():
        row = [name, spread([one.seconds for one in found])]
        row += [spread([one.cpu_seconds for one in found])]
        row += [f"{median(one.peak_mib for one in found):,.0f}"]
        row += [spread(_ratios(found, naive)) if naive else ""]
        rows.append(row)
    yield from table(("", "s to the first answer", "CPU s", "peak MiB", "x naive, s"), rows)
    if not naive:
        return
    cpu = [
        mine.cpu_seconds / theirs.cpu_seconds
        for mine, theirs in zip(starts[OURS], naive, strict=True)
    ]
    targets = [
        Target("start to first scored answer, x naive", _ratios(starts[OURS], naive), None, TARGET),
        Target("the same in CPU seconds", cpu, at_most=TARGET),
    ]
    yield "**Targets of issue 4** (median of the ratios within each round [lowest-highest])"
    yield ""
    yield from table(("", "wanted", "found", ""), [target.row() for target in targets])


def _ratios(found: Sequence[Start], naive: Sequence[Start]) -> list[float]:
    return [mine.seconds / theirs.seconds for mine, theirs in zip(found, naive, strict=True)]


def describe_stages(deployment: Deployment, *, n_starts: int) -> Iterator[str]:
    """Yield where the start goes: CPU milliseconds of each stage in processes of their own."""
    command = (sys.executable, "-m", "benchmarks.start_stages", str(deployment.bodies))
    environment = {**deployment.environment, KEY: deployment.key}
    runs = [
        json.loads(
            subprocess.run(  # noqa: S603 - our own command
                command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
            ).stdout
        )
        for _ in range(n_starts)
    ]
    best = {stage: min(run[stage] for run in runs) for stage in runs[0]}
    total = sum(taken for stage, taken in best.items() if not stage.startswith(LATER))
    given = sum(taken for stage, taken in best.items() if stage.startswith(LIBRARY))
    rows = [[stage, f"{taken:.0f}", f"{taken / total:.0%}"] for stage, taken in best.items()]
    yield f"Least CPU of {n_starts} processes, per stage; up to the first answer {total:,.0f} ms, "
    yield f"of which Python and its libraries {given:,.0f}."
    yield ""
    yield from table(("stage", "CPU ms", "share"), rows)
    starts = measure(deployment, (NAIVE, LEAN), n_starts=n_starts)
    least = {name: min(start.cpu_seconds for start in found) for name, found in starts.items()}
    yield f"Least CPU of as many whole starts: {NAIVE} {1e3 * least[NAIVE]:,.0f} ms, "
    yield f"{TARGET} of that {1e3 * TARGET * least[NAIVE]:,.0f}; {LEAN} {1e3 * least[LEAN]:,.0f}."


def measure(
    deployment: Deployment, names: Sequence[str], *, n_starts: int
) -> dict[str, list[Start]]:
    """Start each of them in turn, in both orders."""
    environment = environment_of(deployment)
    bodies = iter(deployment.bodies.read_bytes().splitlines())
    found: dict[str, list[Start]] = {name: [] for name in names}
    for number in range(n_starts):
        for name in names if number % 2 == 0 else reversed(names):
            service = service_of(name, deployment)
            start = time_start(service, deployment, environment=environment, body=next(bodies))
            found[name].append(start)
            print(f"{name}: {start.seconds:.2f} s", file=sys.stderr, flush=True)
    return found


def run(folder: Path, chosen: argparse.Namespace, urls: Mapping[str, str]) -> Iterator[str]:
    """Measure and yield the report, line by line."""
    size = QUICK if chosen.quick else FULL
    deployment = prepare_deployment(folder, size=size, url=urls.get("leadqual"))
    n_starts = 1 if chosen.quick else N_STARTS
    database = "PostgreSQL" if urls else "SQLite"
    yield f"## Start, {database}, {datetime.now(UTC):%Y-%m-%d}"
    yield ""
    if chosen.profile:
        yield from describe_stages(deployment, n_starts=n_starts)
        return
    starts = measure(deployment, NAMES, n_starts=n_starts)
    yield f"Median of {n_starts} starts of each, in turn; {os.cpu_count()} cores, "
    yield f"load {os.getloadavg()[0]:.1f} at the end."
    yield ""
    yield from describe_starts(starts)
    if urls:
        return
    body = deployment.bodies.read_bytes().splitlines()[-1]
    for name in (OURS, NAIVE):
        service = service_of(name, deployment)
        yield from describe_imports(name, read_imports(service, deployment, body=body))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one start of each, a tiny model")
    parser.add_argument("--profile", action="store_true", help="take the start apart instead")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        urls = stack.enter_context(postgresql()) if chosen.postgres else {}
        for line in run(folder, chosen, urls):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
