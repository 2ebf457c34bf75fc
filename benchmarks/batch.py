"""How fast a file is scored, beside the bare model calls on arrays that are ready.

::

    python -m benchmarks.batch           # five rounds of 1,000,000 rows, some eight minutes
    python -m benchmarks.batch --quick
    python -m benchmarks.batch --stages  # only where the time goes, for one process

The floor evaluates the same bundle on ready arrays in memory: no file, no normalising, no
encoding, no grades, no texts. There are two: LightGBM's own calls on the same trees (with numpy for
the linear terms), and our own compiled models, which is the harder one. "Per row" counts processor
time, "all cores" the time of the clock with all cores on either side; the time that processes need
to start is in ours and not in the floors'. The contended run scores while another process spins on
one of the cores. "Files" is what Arrow needs to read the input and to write the very columns of the
result, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyarrow import parquet

from benchmarks.batch_data import Bench, prepare
from benchmarks.batch_floors import Floor, LibraryFloor
from benchmarks.batch_stages import Stages, stage_rows
from benchmarks.http.tables import Target, spread
from benchmarks.learning.tables import table

MAX_GIB: Final = 1.0
_POLL_SECONDS: Final = 0.05
_GROUP_ROWS: Final = 131_072


@dataclass(frozen=True, slots=True)
class Timed:
    """What one run took; `peak_mb` is what all its processes and the files between them held."""

    wall_s: float
    cpu_s: float
    peak_mb: float = 0.0


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
        held = sum(map(_pss_mb, _family(process.pid))) + _nameless_mb(process.pid)
        peak = max(peak, held)
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


def _nameless_mb(pid: int) -> float:
    """Return the size of a process's files in memory, which no set size counts."""
    n_bytes = 0
    for file in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):  # closed meanwhile
            if str(file.readlink()).startswith("/memfd:"):
                n_bytes += file.stat().st_size
    return n_bytes / 1024**2


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

    `bare_us`, `files_us` and `ours_us` are microseconds of processor time per row; those of the
    clock with all cores are `wall_us` for the file, `bare_wall_us` and `library_us` for the floors,
    and `library_how` says how LightGBM used them.
    """

    explain: bool
    wall_us: float
    library_how: str
    library_us: float
    bare_wall_us: float
    bare_us: float
    files_us: float
    ours_us: float
    contended: float
    peak_mb: float

    @property
    def everywhere(self) -> float:
        """Return the rate beside our own calls, by the clock."""
        return self.bare_wall_us / self.wall_us

    @property
    def library(self) -> float:
        """Return the rate beside LightGBM's calls, by the clock."""
        return self.library_us / self.wall_us

    @property
    def cpu(self) -> float:
        """Return the rate by processor time, that of the bare calls being 1."""
        return self.bare_us / self.ours_us

    @property
    def cpu_with_files(self) -> float:
        """Return the same beside bare calls with bare reading and writing."""
        return (self.bare_us + self.files_us) / self.ours_us

    def floors_row(self, number: int) -> list[str]:
        """Return a line of the table of both floors."""
        return [
            self._name(number),
            f"{self.library_us:.1f} ({self.library_how})",
            f"{self.bare_wall_us:.1f}",
            f"{self.wall_us:.1f}",
            f"{self.library:.2f}",
            f"{self.everywhere:.2f}",
        ]

    def row(self, number: int) -> list[str]:
        """Return a line of the table."""
        return [
            self._name(number),
            f"{1e6 / self.wall_us:,.0f}",
            f"{self.everywhere:.2f}",
            f"{self.cpu:.2f}",
            f"{self.bare_us:.1f} + {self.files_us:.1f}",
            f"{self.ours_us:.1f}",
            f"{self.cpu_with_files:.2f}",
            f"{self.contended:.2f}",
            f"{self.peak_mb:,.0f}",
        ]

    def _name(self, number: int) -> str:
        return f"{number}, {'with' if self.explain else 'without'} reasons"


def measure(bench: Bench, floor: Floor, library: LibraryFloor, *, explain: bool) -> Round:
    """Measure floors and file in turn."""
    bare_s = floor.everywhere(explain=explain)
    ours = score(bench, bench.data, explain=explain)
    library_s, how = library.everywhere(explain=explain)
    bare_cpu_s = floor.cpu_per_row(explain=explain)
    alone = score(bench, bench.slice, explain=explain, n_cores=1)
    files_cpu_s = read_and_write(bench.slice, _scored(bench.slice))
    with spinning():
        contended = score(bench, bench.slice, explain=explain)
    return Round(
        explain=explain,
        wall_us=ours.wall_s * 1e6 / bench.n_rows,
        library_how=how,
        library_us=library_s * 1e6,
        bare_wall_us=bare_s * 1e6,
        bare_us=bare_cpu_s * 1e6,
        files_us=files_cpu_s * 1e6 / bench.n_slice,
        ours_us=alone.cpu_s * 1e6 / bench.n_slice,
        contended=contended.wall_s / alone.wall_s,
        peak_mb=ours.peak_mb,
    )


def report(rounds: list[Round]) -> Iterator[str]:
    """Yield what was promised and what was found."""
    told, plain = ([one for one in rounds if one.explain is is_told] for is_told in (True, False))
    yield ""
    yield "**Targets of issue 4** (median of the ratios within each round [lowest-highest])"
    yield ""
    targets = [
        *_against_floors("with reasons", told, at_least=0.6),
        *_against_floors("without reasons", plain, at_least=0.8),
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


def _against_floors(how: str, rounds: list[Round], *, at_least: float) -> list[Target]:
    """Return a target beside both floors."""
    beside = {
        "x LightGBM's own calls": [one.library for one in rounds],
        "x our own calls (harder)": [one.everywhere for one in rounds],
    }
    return [
        Target(f"{how}, all cores, {name}", ratios, at_least=at_least)
        for name, ratios in beside.items()
    ]


def floors_table(rounds: list[Round], library: LibraryFloor) -> Iterator[str]:
    """Yield what both floors take."""
    n_told, n_plain = (f"{library.n_rows(explain=is_told):,}" for is_told in (True, False))
    yield ""
    yield "**Both floors, all cores**, microseconds of the clock per row. LightGBM's own calls:"
    yield f"`Booster.predict` of every ensemble on a ready matrix of {n_plain} rows, with reasons"
    yield f"`pred_contrib` of {n_told} rows, linear terms by numpy; by a process per core or by one"
    yield "process with a thread per core, whichever was quicker"
    yield ""
    head = ("round", "LightGBM", "our own calls", "files", "x LightGBM", "x our own")
    yield from table(head, [one.floors_row(1 + k // 2) for k, one in enumerate(rounds)])


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
        "x our own, all cores",
        "x our own by CPU",
        "our own calls + files, us",
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
        library = LibraryFloor(floor)
        print(
            f"{n_rows:,} rows, Parquet to Parquet; contended and by CPU: {bench.n_slice:,} rows\n"
        )
        print("\n".join(table(head, [])[:2]))
        for number in range(1, n_rounds + 1):
            for explain in (False, True):
                rounds.append(measure(bench, floor, library, explain=explain))
                print(f"| {' | '.join(rounds[-1].row(number))} |", flush=True)
        print("\n".join(floors_table(rounds, library)))
        print("\n".join(report(rounds)))
        text = score(bench, bench.csv, explain=True)
        print(f"\nCSV to CSV with reasons: {bench.n_slice / text.wall_s:,.0f} rows/s")


if __name__ == "__main__":
    main()
