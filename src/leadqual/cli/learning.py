"""`train`, `evaluate`, `retrain`: from history to a registered model."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from leadqual.cli.help_text import example
from leadqual.cli.options import AsJson
from leadqual.cli.output import emit, note, now, require_writable, steps

AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Use only what was known on this day (UTC)."),
]
Data = Annotated[Path | None, typer.Option(help="Read this file or folder instead of the store.")]
Mapping = Annotated[Path | None, typer.Option(help="Mapping file for --data.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(
        epilog=example(
            "leadqual train", "leadqual train --data crm/ --mapping crm.yaml --as-of 2026-06-30"
        )
    )(train)
    app.command(
        epilog=example(
            "leadqual evaluate", "leadqual evaluate 2026-11-21-1 --data crm/ --mapping crm.yaml"
        )
    )(evaluate)
    app.command(epilog=example("leadqual retrain", "leadqual retrain --json  # from cron"))(retrain)


def train(
    *,
    as_of: AsOf = None,
    data: Data = None,
    mapping: Mapping = None,
    allow_leaks: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Train though columns look like leaks; say why."),
    ] = None,
    tune: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            help="Tune the learners on the past before the judged leads for so long, up to a day; "
            "the same command again goes on.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build the training set, guard against leaks, fit, evaluate and register a version."""
    from leadqual.services.histories import HistorySource
    from leadqual.services.training import train as train_model
    from leadqual.services.workshop import open_workshop_from_environment

    source = HistorySource(as_of=_utc(as_of), data=data, mapping=mapping)
    try:
        with open_workshop_from_environment() as workshop, steps(is_quiet=as_json) as step:
            trained = train_model(
                workshop,
                source,
                now=now(),
                leak_reason=allow_leaks,
                tune_minutes=tune,
                on_step=step,
            )
    except KeyboardInterrupt:
        if tune is not None:
            note("stopped; finished trials are kept, and the same command goes on after them")
        raise
    emit(trained.as_dict(), as_json=as_json, text=trained.summary())
    for problem in () if as_json else trained.problems:
        note(f"note: {problem}")


def evaluate(
    version: Annotated[
        str | None, typer.Argument(help="A registered version; without it the method is tried.")
    ] = None,
    *,
    as_of: AsOf = None,
    data: Data = None,
    mapping: Mapping = None,
    html: Annotated[Path | None, typer.Option(help="Write the report with plots here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Report skill with intervals beside baselines, calibration and slices.

    Without VERSION the method is fitted on the earlier part of the history and tested on the
    newest matured part. With VERSION that model is tested on the same part.
    """
    from leadqual.services.evaluating import evaluate as evaluate_model
    from leadqual.services.histories import HistorySource
    from leadqual.services.workshop import open_workshop_from_environment

    source = HistorySource(as_of=_utc(as_of), data=data, mapping=mapping)
    require_writable(html)
    with open_workshop_from_environment() as workshop, steps(is_quiet=as_json) as step:
        evaluated = evaluate_model(workshop, source, now=now(), version=version, on_step=step)
    if html is not None:
        html.write_text(evaluated.html, encoding="utf-8")
    emit(evaluated.document, as_json=as_json, text=evaluated.text)
    if html is not None and not as_json:
        note(f"report with plots: {html}")


def retrain(*, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Train on what the service recorded, compare with the champion, promote or refuse, once.

    Safe to run from cron, twice at once, and to be killed: until the last step nothing that
    serves is touched.
    """
    from leadqual.services.retraining import retrain as retrain_model
    from leadqual.services.workshop import open_workshop_from_environment

    with open_workshop_from_environment() as workshop, steps(is_quiet=as_json) as step:
        done = retrain_model(workshop, now=now(), on_step=step, as_of=_utc(as_of))
    emit(asdict(done), as_json=as_json, text=done.summary())
    for problem in () if as_json else done.problems:
        note(f"note: {problem}")


def _utc(day: datetime | None) -> datetime | None:
    """Read a day from the command line as UTC midnight."""
    return None if day is None else day.replace(tzinfo=UTC)
