"""A deployment with a fitted model, and files of leads to be scored with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import compute, csv, parquet

from benchmarks.promoting import promote_model
from leadqual.config import Settings
from leadqual.leads.mapping import load_mapping
from leadqual.leads.spec import MappingSpec
from leadqual.outcomes.mapped import read_history
from leadqual.services.workshop import open_workshop
from leadqual.simulation.funnel import simulate, write_csv
from leadqual.simulation.parameters import FunnelParameters

ROOT: Final = Path(__file__).parents[1]
MAPPING: Final = ROOT / "data_samples" / "mappings" / "sample.yaml"
N_BASE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Bench:
    """A deployment and files to score with it: a long one, and a slice of it in two formats."""

    home: Path
    mapping: Path
    data: Path
    n_rows: int
    slice: Path
    n_slice: int
    csv: Path


def prepare(folder: Path, *, n_rows: int, is_quick: bool) -> Bench:
    """Promote a model and write leads, those of one simulation again and again with new names."""
    home = folder / "home"
    _promote(home, folder / "history", is_quick=is_quick)
    _simulate(folder / "simulated", n_leads=min(N_BASE, n_rows), seed=1)
    leads = csv.read_csv(folder / "simulated" / "leads.csv")
    data = folder / "leads.parquet"
    write_again(leads, data, n_rows=n_rows)
    mapping = folder / "mapping.yaml"
    mapping.write_text(MAPPING.read_text("utf-8"), encoding="utf-8")
    n_slice = max(n_rows // 5, 1)
    some = parquet.read_table(data).slice(0, n_slice)
    parquet.write_table(some, folder / "slice.parquet")
    csv.write_csv(some, folder / "slice.csv")
    return Bench(
        home=home,
        mapping=mapping,
        data=data,
        n_rows=n_rows,
        slice=folder / "slice.parquet",
        n_slice=n_slice,
        csv=folder / "slice.csv",
    )


def _simulate(folder: Path, *, n_leads: int, seed: int) -> None:
    """Write a history of the last year."""
    start = datetime.now(UTC) - timedelta(days=366)
    write_csv(
        simulate(FunnelParameters(n_leads=n_leads, n_days=365, seed=seed, start=start)), folder
    )


def _promote(home: Path, folder: Path, *, is_quick: bool) -> None:
    """Fit a model on a history of its own (quick: take the one of the tests) and promote it."""
    now = datetime.now(UTC)
    _simulate(folder, n_leads=300 if is_quick else 20_000, seed=2)
    history = read_history(folder, load_mapping(MAPPING), now=now).history
    with open_workshop(Settings(home=home)) as workshop:
        promote_model(workshop, history, now=now, is_fitted=not is_quick)


def write_again(leads: pa.Table, path: Path, *, n_rows: int) -> None:
    """Write a table several times with other ids and addresses."""
    with parquet.ParquetWriter(path, leads.schema) as writer:
        for number, start in enumerate(range(0, n_rows, len(leads))):
            some = leads.slice(0, min(len(leads), n_rows - start))
            for name in ("lead_id", "email"):
                column = some[name].combine_chunks()
                fresh = compute.binary_join_element_wise(f"n{number}", column, ".")
                renamed = compute.if_else(compute.equal(column, ""), column, fresh)
                some = some.set_column(some.column_names.index(name), name, renamed)
            writer.write_table(some)


def leads_only(mapping: Path) -> MappingSpec:
    """Return the mapping without outcomes and their file."""
    spec = load_mapping(mapping)
    files = {spec.lead_file: spec.files[spec.lead_file]}
    return spec.model_copy(update={"outcomes": (), "files": files})
