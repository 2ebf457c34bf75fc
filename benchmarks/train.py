"""Training beside the bare learner fits that it is made of, with its memory and a busy neighbour.

::

    python -m benchmarks.train              # 20,000 and 200,000 leads, some ten minutes
    python -m benchmarks.train --million    # 1,000,000 leads, once
    python -m benchmarks.train --quick      # 2,500 leads: does it run?

Histories are simulated. Both arms run in turn in one process; the ratio is of processor time, so
that what else runs on the machine hardly moves it, and by the clock beside it. The matrix that
memory is compared with is the dense one of all leads, 8 bytes a cell. A busy neighbour is a
process that spins on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.http.tables import Target
from benchmarks.learning.scenarios import BASE, MAPPINGS
from benchmarks.learning.tables import table
from benchmarks.serving import scratch_folder
from leadqual.leads.mapping import load_mapping
from leadqual.outcomes.history import History
from leadqual.outcomes.mapped import read_history
from leadqual.services.effort import read_peak_bytes
from leadqual.simulation.funnel import simulate, write_csv

if TYPE_CHECKING:
    from leadqual.learning.fitting import FittedModel

N_ROUNDS: Final = 5
SMALL: Final = 20_000
LARGE: Final = 200_000
MILLION: Final = 1_000_000
QUICK: Final = 2_500
_MADE_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_MIB: Final = 2**20
_SPIN: Final = "import os\nos.sched_setaffinity(0, {%d})\nwhile True: pass"

Run = dict[str, float]


@dataclass(frozen=True, slots=True)
class Took:
    """Processor and wall seconds of one piece of work."""

    cpu: float
    wall: float

    @classmethod
    def by(cls, work: Callable[[], object]) -> Took:
        """Measure a piece of work, all threads of this process included."""
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        return cls(time.process_time() - cpu, time.perf_counter() - wall)


def make_history(n_leads: int, path: Path) -> None:
    """Simulate a history, read it through its mapping and keep it for the other processes."""
    days = 300 if n_leads <= QUICK else BASE.n_days
    parameters = replace(BASE, n_leads=n_leads, n_days=days)
    folder = path.with_suffix("")
    write_csv(simulate(parameters), folder)
    end = parameters.start + timedelta(days=days + 1)
    history = read_history(folder, load_mapping(MAPPINGS / "sample.yaml"), now=end).history
    with path.open("wb") as file:
        pickle.dump(history, file, protocol=5)


def compare(history: History, n_rounds: int) -> None:
    """Print bare fits and whole fits in turn, a line of JSON per round."""
    from threadpoolctl import threadpool_limits

    from benchmarks.bare_fits import plan_fits
    from leadqual.learning.preparing import prepare
    from leadqual.learning.settings import FitSettings

    with threadpool_limits(limits=1):
        settings = FitSettings()
        plan = plan_fits(prepare(history, as_of=None, settings=settings), settings)
        for _ in range(n_rounds):
            bare = Took.by(lambda: [fit() for fit in plan])
            whole = Took.by(lambda: fit(history))
            found = {
                "cpu": whole.cpu / bare.cpu,
                "wall": whole.wall / bare.wall,
                "whole_cpu": whole.cpu,
                "whole_wall": whole.wall,
                "bare_cpu": bare.cpu,
                "n_fits": len(plan),
            }
            print(json.dumps(found), flush=True)


def fit(history: History) -> FittedModel:
    """Fit once, as `leadqual train` does."""
    from leadqual.learning.fitting import fit_bundle

    return fit_bundle(history, as_of=None, version="benchmark", created_at=_MADE_AT)


def fit_once(history: History) -> None:
    """Print what one fit takes, a line of JSON."""
    before = read_peak_bytes() or 0
    models: list[FittedModel] = []
    took = Took.by(lambda: models.append(fit(history)))
    n_leads, width = models[0].history.n_leads, models[0].bundle.encoder.width
    found = {
        "cpu": took.cpu,
        "wall": took.wall,
        "before_mib": before / _MIB,
        "peak_mib": (read_peak_bytes() or 0) / _MIB,
        "matrix_mib": n_leads * width * 8 / _MIB,
        "n_learned": n_leads,
    }
    print(json.dumps(found), flush=True)


def child(task: str, path: Path, *options: str, cores: frozenset[int] | None = None) -> list[Run]:
    """Run a task in a process of its own, on some cores only; return its lines."""
    command = [sys.executable, "-m", "benchmarks.train", "--task", task, str(path), *options]
    wanted = () if cores is None else ("--cores", ",".join(map(str, sorted(cores))))
    done = subprocess.run(  # noqa: S603 - our own module
        [*command, *wanted], cwd=Path(__file__).parents[1], check=True, stdout=subprocess.PIPE,
        text=True, env=_plain_environment(),
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def _plain_environment() -> dict[str, str]:
    """Return the environment without what would tame OpenMP: users do not set it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}


@contextmanager
def busy_core(core: int) -> Iterator[None]:
    """Keep one core busy."""
    spinning = subprocess.Popen([sys.executable, "-c", _SPIN % core])  # noqa: S603 - our text
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()


def contend(path: Path, n_rounds: int) -> list[float]:
    """Return wall time beside a busy neighbour over that of one core alone, round by round."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    found = []
    for _ in range(n_rounds):
        (alone,) = child("once", path, cores=frozenset(cores[-1:]))
        with busy_core(cores[0]):
            (beside,) = child("once", path, cores=frozenset(cores))
        found.append(beside["wall"] / alone["wall"])
        print(f"one core alone {alone['wall']:.1f} s, beside a busy one {beside['wall']:.1f} s")
    return found


def report(sizes: Sequence[tuple[int, int]], *, n_contended: int) -> None:
    """Measure and print: each size with its number of rounds, then the busy neighbour."""
    targets = []
    with scratch_folder() as folder:
        for n_leads, n_rounds in sizes:
            path = folder / f"{n_leads}.history"
            make_history(n_leads, path)
            rounds = child("compare", path, "--rounds", str(n_rounds))
            (once,) = child("once", path)
            _print_size(n_leads, rounds, once)
            name = f"{n_leads:,} leads"
            targets += [
                Target(f"{name}, processor time, x bare", [r["cpu"] for r in rounds], at_most=1.3),
                Target(f"{name}, by the clock, x bare", [r["wall"] for r in rounds], at_most=1.3),
                Target(
                    f"{name}, peak memory, x dense matrix",
                    [once["peak_mib"] / once["matrix_mib"]],
                    at_most=3,
                ),
            ]
        if n_contended:
            smallest = folder / f"{min(n for n, _ in sizes)}.history"
            ratios = contend(smallest, n_contended)
            targets.append(Target("beside a busy core, x one core alone", ratios, at_most=1.3))
    print("\n**Targets of issue 4**\n")
    print("\n".join(table(("", "wanted", "found", ""), [target.row() for target in targets])))


def _print_size(n_leads: int, rounds: Sequence[Run], once: Run) -> None:
    print(f"\n**{n_leads:,} leads** ({once['n_learned']:,.0f} learned from)\n")
    head = ("round", "whole fit, CPU s", "bare fits, CPU s", "ratio", "by the clock")
    rows = [
        [str(i), f"{r['whole_cpu']:.2f}", f"{r['bare_cpu']:.2f} ({r['n_fits']:.0f} fits)",
         f"{r['cpu']:.2f}", f"{r['wall']:.2f}"]
        for i, r in enumerate(rounds, start=1)
    ]  # fmt: skip
    print("\n".join(table(head, rows)))
    print(
        f"Memory: {once['before_mib']:,.0f} MiB with the history read, at most "
        f"{once['peak_mib']:,.0f} MiB while fitting; dense matrix {once['matrix_mib']:,.0f} MiB.",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="2,500 leads, one round")
    parser.add_argument("--million", action="store_true", help="1,000,000 leads, one round")
    parser.add_argument("--task", nargs=2, metavar=("TASK", "HISTORY"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--cores", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.task is not None:
        _run_task(given)
    elif given.quick:
        report([(QUICK, 1)], n_contended=1)
    elif given.million:
        report([(MILLION, 1)], n_contended=0)
    else:
        report([(SMALL, N_ROUNDS), (LARGE, 1)], n_contended=N_ROUNDS)


def _run_task(given: argparse.Namespace) -> None:
    if given.cores is not None:
        os.sched_setaffinity(0, {int(core) for core in given.cores.split(",")})
    task, path = given.task
    with Path(path).open("rb") as file:
        history = pickle.load(file)  # noqa: S301 - written by this run
    if task == "compare":
        compare(history, given.rounds)
    else:
        fit_once(history)


if __name__ == "__main__":
    main()
