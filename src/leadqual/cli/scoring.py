"""`score`: a file in, the same file with scores out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from leadqual.cli.help_text import example
from leadqual.cli.options import AsJson
from leadqual.cli.output import byte_progress, emit, note, now


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(
        epilog=example(
            "leadqual score leads.csv --mapping mapping.yaml --out scored.csv",
            "leadqual score leads.parquet --model 2026-11-21-1",
        )
    )(score)


def score(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or JSONL file.")],
    *,
    mapping: Annotated[
        Path | None,
        typer.Option(help="Mapping file; without it columns are canonical names (contact.email)."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="VERSION", help="A version instead of the champion.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write; default FILE.scored.csv or .parquet.")
    ] = None,
    no_reasons: Annotated[
        bool, typer.Option("--no-reasons", help="Leave the reasons out; they take most time.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score a file of any size: input columns are kept, score columns are added."""
    from leadqual.services.batch_scoring import ScoreRequest, count_bytes, score_file
    from leadqual.services.workshop import open_workshop_from_environment

    request = ScoreRequest(
        data=file, mapping=mapping, model_version=model, out=out, has_reasons=not no_reasons
    )
    with (
        open_workshop_from_environment() as workshop,
        byte_progress(f"Scoring {file.name}", total=count_bytes(file), is_quiet=as_json) as advance,
    ):
        summary = score_file(workshop, request, now=now(), on_progress=advance)
    emit(
        asdict(summary),
        as_json=as_json,
        text=f"{summary.n_scored:,} leads scored by {summary.model_version}: {summary.out}",
    )
    if summary.n_rejected and not as_json:
        note(f"{summary.n_rejected:,} rows could not be scored; column `rejected` says why")
