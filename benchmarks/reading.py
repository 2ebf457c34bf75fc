"""How fast an export is read into leads, and that memory does not grow with its length.

::

    python -m benchmarks.reading --rows 1000000

Repeats the sample with new ids, addresses and companies, then reads it as an import does. Speed is
given as a ratio to the least that a checked row can cost on this machine at this moment:
`csv.DictReader` and one validation of the finished lead. Fails below the floor.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np

from leadqual.leads.mapping import MappingSpec, load_mapping
from leadqual.leads.schema import Lead
from leadqual.outcomes.mapped import iter_leads

SAMPLE = Path("data_samples/sample/leads.csv")
MAPPING = Path("data_samples/mappings/sample.yaml")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
YARDSTICK_ROWS = 20_000
MIN_RATIO = 0.15
MAX_GROWTH_MB = 60
N_COMPANIES = 300_000


def write_export(path: Path, n_rows: int) -> None:
    """Write `n_rows` leads of up to 300,000 companies, a few of which send many."""
    rng = np.random.default_rng(1)
    companies = (N_COMPANIES * rng.random(n_rows) ** 3).astype(int)
    with SAMPLE.open(encoding="utf-8", newline="") as sample, path.open("w", newline="") as out:
        rows = list(csv.DictReader(sample))
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        for i, company in enumerate(companies):
            row = rows[i % len(rows)] | {"lead_id": f"B{i:07d}"}
            if row["email"]:
                row["email"] = f"p{i}@c{company}.example"
            if row["company_domain"]:
                row["company_domain"] = f"c{company}.example"
            writer.writerow(row)


def leads_only(mapping: MappingSpec) -> MappingSpec:
    """Return the mapping without outcomes and joined files."""
    files = {mapping.lead_file: mapping.files[mapping.lead_file]}
    return mapping.model_copy(update={"outcomes": (), "files": files})


def read_rate(path: Path, mapping: MappingSpec, n_rows: int) -> float:
    """Return the rows read per second of processor time."""
    started, n_read = time.process_time(), 0
    for chunk in iter_leads(path, mapping, now=NOW):
        n_read += len(chunk)
        if n_read >= n_rows:
            break
    return n_read / (time.process_time() - started)


def yardstick_rate(path: Path, mapping: MappingSpec) -> float:
    """Return the rows per second of the least that a checked row can cost."""
    chunks = iter_leads(path, mapping, now=NOW)
    leads = (row.result for chunk in chunks for row in chunk)
    lead = next(lead for lead in leads if isinstance(lead, Lead) and lead.interest.message)
    values = lead.model_dump(exclude_none=True)
    started = time.process_time()
    with path.open(newline="", encoding="utf-8") as stream:
        for _ in islice(csv.DictReader(stream), YARDSTICK_ROWS):
            Lead.model_validate(values)
    return YARDSTICK_ROWS / (time.process_time() - started)


def peak_mb() -> float:
    """Return the most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Measure, print, and return 1 below a floor."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    n_rows = parser.parse_args().rows
    mapping = leads_only(load_mapping(MAPPING))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "leads.csv"
        write_export(path, n_rows)
        read_rate(path, mapping, n_rows // 4)
        before = peak_mb()
        started = time.perf_counter()
        rate = read_rate(path, mapping, n_rows)
        seconds = time.perf_counter() - started
        ratio, growth = rate / yardstick_rate(path, mapping), peak_mb() - before
    print(f"{n_rows:,} rows in {seconds:.0f} s, {rate:,.0f} per second of processor time")
    print(f"ratio to csv and one validation: {ratio:.2f} (floor {MIN_RATIO})")
    print(f"peak {peak_mb():.0f} MB, {growth:.0f} of it in the last three quarters", end=" ")
    print(f"(ceiling {MAX_GROWTH_MB})")
    return int(ratio < MIN_RATIO or growth > MAX_GROWTH_MB)


if __name__ == "__main__":
    sys.exit(main())
