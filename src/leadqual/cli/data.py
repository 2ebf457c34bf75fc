"""`simulate`, `import`, `mapping suggest`: history in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadqual.cli.help_text import example, new_group
from leadqual.cli.options import AsJson
from leadqual.cli.output import byte_progress, emit, note, now, steps

if TYPE_CHECKING:
    from leadqual.services.importing import ImportSummary

_mapping = new_group("mapping", "Mapping files: how an export's columns become leads.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=example("leadqual simulate --leads 20000 --days 730 --seed 1 --out sample"))(
        simulate
    )
    app.command(
        "import",
        epilog=example("leadqual import sample --mapping data_samples/mappings/sample.yaml"),
    )(import_history)
    _mapping.command(epilog=example("leadqual mapping suggest crm.csv > mapping.yaml"))(suggest)
    app.add_typer(_mapping)


def simulate(
    *,
    out: Annotated[Path, typer.Option(help="Folder for leads.csv, outcomes.csv, truth.csv.")],
    leads: Annotated[int, typer.Option(min=1, help="Number of leads.")] = 20_000,
    days: Annotated[int, typer.Option(min=1, help="Length of the history.")] = 730,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same history.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Write a sample history of a B2B funnel: leads, outcomes and, apart, the truth."""
    from leadqual.simulation.funnel import simulate as simulate_funnel
    from leadqual.simulation.funnel import write_csv
    from leadqual.simulation.parameters import FunnelParameters

    with steps(is_quiet=as_json) as step:
        step(f"Simulating {leads:,} leads over {days:,} days")
        simulated = simulate_funnel(FunnelParameters(n_leads=leads, n_days=days, seed=seed))
        step(f"Writing {out}")
        write_csv(simulated, out)
    files = {name: str(out / f"{name}.csv") for name in ("leads", "outcomes", "truth")}
    emit(
        {"n_leads": leads, "n_days": days, "seed": seed, "files": files},
        as_json=as_json,
        text=f"{leads:,} leads are in {files['leads']}, what became of them in "
        f"{files['outcomes']}; {files['truth']} is for checking only, training never reads it",
    )


def import_history(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or JSONL file, or a folder.")],
    *,
    mapping: Annotated[Path, typer.Option(help="Mapping file (YAML).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only, write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring leads and outcomes into the store; rejected rows go to FILE.rejected.csv.

    Doing it again changes nothing.
    """
    from leadqual.services.importing import ImportRequest, count_bytes, import_file
    from leadqual.services.workshop import open_workshop_from_environment

    request = ImportRequest(data=file, mapping=mapping, is_dry_run=dry_run)
    with (
        open_workshop_from_environment() as workshop,
        byte_progress(
            f"Importing {file.name}", total=count_bytes(request), is_quiet=as_json
        ) as advance,
    ):
        summary = import_file(workshop, request, now=now(), on_progress=advance)
    done = "would be" if dry_run else "were"
    text = (
        f"{summary.n_created:,} leads and {summary.n_events_created:,} events {done} added; "
        f"{summary.n_known:,} leads and {summary.n_events_known:,} events were there already"
    )
    emit(asdict(summary), as_json=as_json, text=text)
    if not as_json:
        _tell_rejected(summary)


def _tell_rejected(summary: ImportSummary) -> None:
    """Say how many rows were rejected, most for what, and where they are."""
    if summary.is_repeat:
        note("this data was imported with this mapping before: nothing was done")
    elif summary.n_rejected:
        note(f"{summary.n_rejected:,} rows were rejected, most often:")
        for problem, count in list(summary.problems.items())[:5]:
            note(f"  {count:,} x {problem}")
        for path in summary.rejected_files:
            note(f"  see {path}")


def suggest(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or JSONL file.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Guess a mapping file from the header and the values of an export."""
    from leadqual.leads.suggest import suggest_mapping

    text = suggest_mapping(file)
    emit({"mapping": text}, as_json=as_json, text=text.rstrip("\n"))
