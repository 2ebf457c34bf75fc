"""How fast a history is imported, beside the least that its rows can cost the database.

::

    python -m benchmarks.importing            # a million leads with outcomes, in five slices
    python -m benchmarks.importing --quick

The floor is a bare `executemany` of the very rows that the import wrote, from tuples that are
ready, into the same tables with the same indexes, constraints and durability, with a commit as
often as the import does. The slices go into two SQLite databases, first by one, then by the
other, so that both grow to the same size under the same load.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.http.tables import Target, spread
from benchmarks.learning.tables import table
from leadqual.config import Settings
from leadqual.services.importing import ROWS_PER_COMMIT, ImportRequest, import_file
from leadqual.services.workshop import open_workshop
from leadqual.simulation.funnel import simulate, write_csv
from leadqual.simulation.parameters import FunnelParameters
from leadqual.store.connections import sqlite_module

ROOT: Final = Path(__file__).parents[1]
MAPPING: Final = ROOT / "data_samples" / "mappings" / "sample.yaml"
ROWS: Final = {
    "leads": "SELECT * FROM leads WHERE feed = ? ORDER BY rowid",
    "external_ids": "SELECT * FROM external_ids WHERE feed = ? ORDER BY external_id",
    "events": (
        "SELECT * FROM events WHERE event_id > ifnull((SELECT max(event_id) FROM bare.events), 0)"
        " AND ? != '' ORDER BY event_id"
    ),
}
_MIN_RATIO: Final = 0.3


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice took, in seconds of the clock and of the processors."""

    n_rows: int
    bare_s: float
    bare_cpu_s: float
    import_s: float
    import_cpu_s: float

    @property
    def ratio(self) -> float:
        """Return the rate of the import, the bare one being 1."""
        return self.bare_s / self.import_s

    @property
    def cpu_ratio(self) -> float:
        """Return the same by processor time, which other programs hardly change."""
        return self.bare_cpu_s / self.import_cpu_s


def measure(folder: Path, *, n_leads: int, number: int) -> Slice:
    """Import a history and insert its rows bare, each into its database."""
    history, ours, bare = folder / f"history-{number}", folder / "ours", folder / "bare"
    write_csv(simulate(FunnelParameters(n_leads=n_leads, n_days=730, seed=number)), history)
    feed = f"sample-{number}"
    mapping = folder / f"{feed}.yaml"
    text = MAPPING.read_text("utf-8").replace("source: sample\n", f"source: {feed}\n", 1)
    mapping.write_text(text, encoding="utf-8")
    now = datetime.now(UTC) + timedelta(days=1_000)
    with open_workshop(Settings(home=ours)) as workshop:
        began, began_cpu = time.perf_counter(), _cpu_seconds()
        summary = import_file(workshop, ImportRequest(data=history, mapping=mapping), now=now)
        import_s, import_cpu_s = time.perf_counter() - began, _cpu_seconds() - began_cpu
    with open_workshop(Settings(home=bare)):
        pass  # makes the tables
    rows = _read_rows(ours / "leadqual.db", bare / "leadqual.db", feed)
    n_rows = len(rows["leads"]) + len(rows["events"])
    if n_rows != summary.n_created + summary.n_events_created:
        raise SystemExit("the import did not write what it said")
    began, began_cpu = time.perf_counter(), _cpu_seconds()
    _insert_bare(bare / "leadqual.db", rows)
    bare_s, bare_cpu_s = time.perf_counter() - began, _cpu_seconds() - began_cpu
    return Slice(n_rows, bare_s, bare_cpu_s, import_s, import_cpu_s)


def _read_rows(ours: Path, bare: Path, feed: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of a slice by table, in the order in which they were written."""
    connection = sqlite_module().connect(ours)
    connection.execute("ATTACH ? AS bare", (str(bare),))
    rows = {name: connection.execute(sql, (feed,)).fetchall() for name, sql in ROWS.items()}
    connection.close()
    return rows


def _insert_bare(path: Path, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    """Insert ready tuples as the import does: leads with their ids, then events."""
    connection = sqlite_module().connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}")
    for names in (("leads", "external_ids"), ("events",)):
        for start in range(0, len(rows[names[0]]), ROWS_PER_COMMIT):
            connection.execute("BEGIN IMMEDIATE")
            for name in names:
                some = rows[name][start : start + ROWS_PER_COMMIT]
                places = ", ".join("?" * len(some[0]))
                connection.executemany(f"INSERT INTO {name} VALUES ({places})", some)  # noqa: S608 - our own names
            connection.execute("COMMIT")
    connection.close()


def _cpu_seconds() -> float:
    """Return the processor time of this process and of those it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _row(name: str, one: Slice) -> list[str]:
    rate, bare = one.n_rows / one.import_s, one.n_rows / one.bare_s
    return [
        name,
        f"{one.n_rows:,}",
        f"{rate:,.0f}",
        f"{bare:,.0f}",
        f"{one.ratio:.2f}",
        f"{one.cpu_ratio:.2f}",
    ]


def report(slices: Sequence[Slice]) -> Iterator[str]:
    """Yield what was promised and what was found."""
    yield ""
    yield "**Targets of issue 4** (median of the ratios of each slice [lowest-highest])"
    yield ""
    ratios = [one.ratio for one in slices]
    target = Target("import, x bare executemany", ratios, at_least=_MIN_RATIO)
    yield from table(("", "wanted", "found", ""), [target.row()])
    yield ""
    yield f"by processor time: {spread([one.cpu_ratio for one in slices])}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few rows, to see that it works")
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--leads", type=int, default=200_000, help="in each slice")
    asked = parser.parse_args()
    n_slices, n_leads = (1, 500) if asked.quick else (asked.slices, asked.leads)
    head = ("slice", "leads and events", "import, per s", "bare, per s", "ratio", "by CPU")
    print("\n".join(table(head, [])[:2]))
    slices = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, n_slices + 1):
            slices.append(measure(Path(folder), n_leads=n_leads, number=number))
            print(f"| {' | '.join(_row(str(number), slices[-1]))} |", flush=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory, tuples of the floor included: {peak_mb:,.0f} MB")
    print("\n".join(report(slices)))


if __name__ == "__main__":
    main()
