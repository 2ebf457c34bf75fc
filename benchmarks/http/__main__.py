"""The command: measure every server, or take one request apart."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import benchmarks.http
from benchmarks.http.profile import profile
from benchmarks.http.rounds import FLOOR, QUICK, Effort, Results, measure_all
from benchmarks.http.tables import describe, describe_targets
from benchmarks.serving import FULL, postgresql, prepare_deployment, scratch_folder
from benchmarks.serving import QUICK as QUICK_SIZE


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.http",
        description=benchmarks.http.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one short round on a tiny model")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a closed loop")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--profile", action="store_true", help="take one request apart instead")
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> Iterator[str]:
    """Do what was asked for and yield the report."""
    started = time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        urls = stack.enter_context(postgresql()) if chosen.postgres else {}
        size = QUICK_SIZE if chosen.quick else FULL
        deployment = prepare_deployment(folder, size=size, url=urls.get("leadqual"))
        name = "PostgreSQL, synchronous_commit on" if chosen.postgres else "SQLite, WAL, FULL"
        what = "requests taken apart" if chosen.profile else "HTTP"
        yield f"## {what}, {name}, {datetime.now(UTC):%Y-%m-%d}"
        yield ""
        if chosen.profile:
            yield from profile(deployment, n_requests=50 if chosen.quick else 500)
        else:
            full = Effort(closed_seconds=chosen.seconds, open_seconds=0.75 * chosen.seconds)
            effort = QUICK if chosen.quick else full
            results = Results()
            yield f"Median of {effort.n_rounds} interleaved runs; {os.cpu_count()} cores. Ratios"
            yield "are taken within each round; CPU is that of the server's process, per answer."
            yield f"The columns compare with the {FLOOR.name}, the targets with both."
            yield ""
            for part in measure_all(deployment, effort, results, floor_url=urls.get("floor")):
                yield from describe(results, *part)
            yield from describe_targets(results)
            yield f"Load {os.getloadavg()[0]:.1f} at the end."
    yield f"{time.monotonic() - started:.0f} s in all"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    for line in run(_parse(arguments)):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
