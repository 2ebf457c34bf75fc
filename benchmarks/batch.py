"""How fast a file is scored, beside the bare model calls on arrays that are ready.

::

    python -m benchmarks.batch                    # five rounds of 200,000 rows, then 1,000,000
    python -m benchmarks.batch --quick
    python -m benchmarks.batch --stages  # only where the time goes, for one process

The floor evaluates the same bundle on encoded leads in memory: no file, no normalising, no
encoding, no grades, no texts. "Per row" counts processor time, "all cores" the time of the clock
with one process per core on either side; the time that processes need to start is in ours and not
in the floor's. The contended run scores while another process spins on one of the cores. "Files"
is what Arrow needs to read the input and to write the very columns of the result, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pyarrow import parquet

from benchmarks.batch_data import Bench, leads_only, prepare
from benchmarks.batch_stages import Stages, stage_rows
from benchmarks.http.tables import Target, spread
from benchmarks.learning.tables import table
from leadqual.config import Settings
from leadqual.leads.export import open_export
from leadqual.leads.projection import compile_leads
from leadqual.leads.tables import open_table
from leadqual.qualify.bundle import ModelBundle
from leadqual.services.batch_columns import TableReader
from leadqual.services.batch_stretches import cut
from leadqual.services.workshop import open_workshop

MAX_GIB: Final = 1.0
_POLL_SECONDS: Final = 0.05
_GROUP_ROWS: Final = 131_072


@dataclass(frozen=True, slots=True)
class Timed:
    """What one run took; `peak_mb` is the proportional set size of all its processes."""

    wall_s: float
    cpu_s: float
    peak_mb: float = 0.0


class Floor:
    """The bare model calls, here or on every core at once."""

    def __init__(self, bench: Bench) -> None:
        with open_workshop(Settings(home=bench.home)) as workshop:
            self._bundle = workshop.registry.load(workshop.models.aliases().champion or "")
        self._leads = list(_encode(bench, self._bundle))
        self.n_rows = sum(leads.n_leads for leads in self._leads)

    def run(self, *, explain: bool) -> Timed:
        """Evaluate all leads in this process."""
        began, began_cpu = time.perf_counter(), time.process_time()
        for leads in self._leads:
            self._bundle.predictor.predict(leads, explain=explain)
        return Timed(time.perf_counter() - began, time.process_time() - began_cpu)

    def run_everywhere(self, *, explain: bool) -> float:
        """Return the seconds until every core is done with its share, all starting together."""
        n_cores = len(os.sched_getaffinity(0))
        context = multiprocessing.get_context("fork")  # nothing has to be handed over
        start = context.Barrier(n_cores + 1)

        def share(number: int) -> None:
            start.wait()
            for leads in self._leads[number::n_cores]:
                self._bundle.predictor.predict(leads, explain=explain)

        others = [context.Process(target=share, args=(number,)) for number in range(n_cores)]
        for other in others:
            other.start()
        start.wait()
        began = time.perf_counter()
        for other in others:
            other.join()
        return time.perf_counter() - began


def _encode(bench: Bench, bundle: ModelBundle) -> Iterator[Any]:
    """Yield encoded leads of the slice, a few thousand at a time."""
    reader = compile_leads(open_export(bench.slice, leads_only(bench.mapping)))
    columns = TableReader(reader, [bundle.encoder], now=datetime.now(UTC))
    for one in cut(open_table(bench.slice)):
        found = columns.read(one.stretch)
        leads = bundle.encoder.encode(found.columns, n_leads=found.places.size)
        for start in range(0, leads.n_leads, 4_096):
            yield leads.take(slice(start, start + 4_096))


_CHILD: Final = """
import json, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from leadqual.config import Settings
from leadqual.services.batch_scoring import ScoreRequest, score_file
from leadqual.services.workshop import open_workshop

def main(home, data, mapping, out, explain):
    with open_workshop(Settings(home=Path(home))) as workshop:
        request = ScoreRequest(
            data=Path(data), mapping=Path(mapping), out=Path(out), has_reasons=explain == "True"
        )
        began, began_cpu = time.perf_counter(), time.process_time()
        summary = score_file(workshop, request, now=datetime.now(UTC))
        wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps([wall, cpu + others.ru_utime + others.ru_stime, summary.n_scored]))

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


def score(bench: Bench, data: Path, *, explain: bool, n_cores: int | None = None) -> Timed:
    """Score a file in a process of its own, from opening it to its last byte."""
    out = _scored(data)
    command = [
        sys.executable,
        "-c",
        _CHILD,
        *map(str, (bench.home, data, bench.mapping, out, explain)),
    ]
    cores = sorted(os.sched_getaffinity(0))[-(n_cores or 0) :]
    with subprocess.Popen(  # noqa: S603 - our own code
        ["taskset", "--cpu-list", ",".join(map(str, cores)), *command],  # noqa: S607 - of util-linux
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
    ) as process:
        peak = _watch(process)
        said = process.stdout.read() if process.stdout is not None else b""
    if process.returncode:
        raise SystemExit("scoring failed")
    wall, cpu, n_scored = json.loads(said)
    if not n_scored:
        raise SystemExit("nothing was scored")
    return Timed(wall, cpu, peak)


def _scored(data: Path) -> Path:
    """Return where the scores of a file go."""
    return data.with_name(f"scored{data.suffix}")


def read_and_write(data: Path, scored: Path) -> float:
    """Return the processor seconds of reading a file and writing its scored columns, bare."""
    result = parquet.read_table(scored)
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        parquet.read_table(data, use_threads=False)
        parquet.write_table(result, Path(folder) / "out.parquet", row_group_size=_GROUP_ROWS)
        return time.process_time() - began


def _watch(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process; return the most memory that it and its children had, in MB."""
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(_pss_mb, _family(process.pid))))
        time.sleep(_POLL_SECONDS)
    return peak


def _family(pid: int) -> list[int]:
    """Return a process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except OSError:
        return [pid]
    return [pid, *(int(child) for child in children)]


def _pss_mb(pid: int) -> float:
    """Return the proportional set size of a process: shared pages count in parts."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


@contextmanager
def spinning() -> Iterator[None]:
    """Let another process hold the first core."""
    first = min(os.sched_getaffinity(0))
    code = f"import os\nos.sched_setaffinity(0, [{first}])\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as spinner:  # noqa: S603 - our own code
        try:
            yield
        finally:
            spinner.kill()


@dataclass(frozen=True, slots=True)
class Round:
    """One round: what was found with reasons or without, as ratios.

    `bare_us`, `files_us` and `ours_us` are microseconds of processor time per row.
    """

    explain: bool
    everywhere: float
    bare_us: float
    files_us: float
    ours_us: float
    contended: float
    peak_mb: float
    rows_per_s: float

    @property
    def cpu(self) -> float:
        """Return the rate by processor time, that of the bare calls being 1."""
        return self.bare_us / self.ours_us

    @property
    def cpu_with_files(self) -> float:
        """Return the same beside bare calls with bare reading and writing."""
        return (self.bare_us + self.files_us) / self.ours_us

    def row(self, number: int) -> list[str]:
        """Return a line of the table."""
        return [
            f"{number}, {'with' if self.explain else 'without'} reasons",
            f"{self.rows_per_s:,.0f}",
            f"{self.everywhere:.2f}",
            f"{self.cpu:.2f}",
            f"{self.bare_us:.1f} + {self.files_us:.1f}",
            f"{self.ours_us:.1f}",
            f"{self.cpu_with_files:.2f}",
            f"{self.contended:.2f}",
            f"{self.peak_mb:,.0f}",
        ]


def measure(bench: Bench, floor: Floor, *, explain: bool) -> Round:
    """Measure floor and file in turn."""
    bare_s = floor.run_everywhere(explain=explain) / floor.n_rows
    ours = score(bench, bench.data, explain=explain)
    bare_cpu_s = floor.run(explain=explain).cpu_s / floor.n_rows
    alone = score(bench, bench.slice, explain=explain, n_cores=1)
    files_cpu_s = read_and_write(bench.slice, _scored(bench.slice))
    with spinning():
        contended = score(bench, bench.slice, explain=explain)
    return Round(
        explain=explain,
        everywhere=bare_s * bench.n_rows / ours.wall_s,
        bare_us=bare_cpu_s * 1e6,
        files_us=files_cpu_s * 1e6 / bench.n_slice,
        ours_us=alone.cpu_s * 1e6 / bench.n_slice,
        contended=contended.wall_s / alone.wall_s,
        peak_mb=ours.peak_mb,
        rows_per_s=bench.n_rows / ours.wall_s,
    )


def report(rounds: list[Round]) -> Iterator[str]:
    """Yield what was promised and what was found."""
    told, plain = ([one for one in rounds if one.explain is is_told] for is_told in (True, False))
    yield ""
    yield "**Targets of issue 4** (median of the ratios within each round [lowest-highest])"
    yield ""
    targets = [
        Target(
            "with reasons, all cores, x bare calls", [one.everywhere for one in told], at_least=0.6
        ),
        Target(
            "without reasons, all cores, x bare calls",
            [one.everywhere for one in plain],
            at_least=0.8,
        ),
        Target("peak memory, GiB", [one.peak_mb / 1024 for one in rounds], at_most=MAX_GIB),
        Target(
            "a core held by another process, x one thread alone",
            [one.contended for one in rounds],
            at_most=1.3,
        ),
    ]
    yield from table(("", "wanted", "found", ""), [target.row() for target in targets])
    yield f"one core by processor time, with reasons: {spread([one.cpu for one in told])}, "
    yield f"without: {spread([one.cpu for one in plain])};"
    both = [spread([one.cpu_with_files for one in some]) for some in (told, plain)]
    yield f"beside bare calls and files by processor time, with reasons: {both[0]}, "
    yield f"without: {both[1]}"


def print_stages(bench: Bench, *, rounds: int) -> None:
    """Print where the time of one process goes."""
    print("\n**Processor time by stage**, microseconds per row of the slice in one process")
    print("(least and median of the rounds)\n")
    found = {explain: Stages(bench, explain=explain) for explain in (False, True)}
    for _ in range(rounds):
        for stages in found.values():
            stages.run()
    head = ("", "without reasons", "with reasons")
    print("\n".join(table(head, list(stage_rows(found[False].taken, found[True].taken)))))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few rows, to see that it works")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stages", action="store_true", help="only where the time goes")
    asked = parser.parse_args()
    n_rows, n_rounds = (2_000, 1) if asked.quick else (asked.rows, asked.rounds)
    head = (
        "round",
        "rows/s",
        "x bare, all cores",
        "x bare by CPU",
        "bare calls + files, us",
        "ours, us",
        "x both by CPU",
        "contended",
        "peak MB",
    )
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = prepare(Path(folder), n_rows=n_rows, is_quick=asked.quick)
        if asked.stages:
            print_stages(bench, rounds=n_rounds)
            return
        floor = Floor(bench)
        print(
            f"{n_rows:,} rows, Parquet to Parquet; contended and by CPU: {bench.n_slice:,} rows\n"
        )
        print("\n".join(table(head, [])[:2]))
        for number in range(1, n_rounds + 1):
            for explain in (False, True):
                rounds.append(measure(bench, floor, explain=explain))
                print(f"| {' | '.join(rounds[-1].row(number))} |", flush=True)
        print("\n".join(report(rounds)))
        print_stages(bench, rounds=n_rounds)
        text = score(bench, bench.csv, explain=True)
        print(f"\nCSV to CSV with reasons: {bench.n_slice / text.wall_s:,.0f} rows/s")


if __name__ == "__main__":
    main()
