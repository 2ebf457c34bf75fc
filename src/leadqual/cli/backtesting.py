"""`backtest`: would retraining have paid, and against what else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leadqual.cli.help_text import example
from leadqual.cli.options import AsJson
from leadqual.cli.output import counted_steps, emit, note, now, require_writable


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(
        epilog=example(
            "leadqual backtest",
            "leadqual backtest --data crm/ --mapping crm.yaml --every 7d --first 2026-01-01",
            "leadqual backtest --data calls.csv --mapping calls.yaml --every 1000rows --jobs 4",
        )
    )(backtest)


def backtest(  # noqa: PLR0913 - one argument per option of the command
    *,
    data: Annotated[
        Path | None, typer.Option(help="Replay this file or folder instead of the store.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="Mapping file for --data.")] = None,
    every: Annotated[
        str | None,
        typer.Option(
            help="Length of a step: 30d (the default), or 1000rows where the export has an order "
            "but no times (default: a fortieth of the rows)."
        ),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option(help="Start of the first step: a day such as 2026-01-31 (UTC), or 5000rows."),
    ] = None,
    lag: Annotated[
        str | None,
        typer.Option(
            help="Without times: an outcome is known after so many later leads, such as 500rows."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes at once.")] = 1,
    html: Annotated[Path | None, typer.Option(help="Write a page with the curves here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a history: score the arrivals of each step, reveal outcomes, retrain, go on.

    Compares the first model kept as it was, the retrained model, logistic regression and LightGBM
    fitted anew at each step, and an Odoo-like naive Bayes that follows every outcome. Nothing
    recorded after a step began is used to score its arrivals. Nothing is registered.

    A backtest that was broken off goes on where it was when the same command is given again.
    """
    from leadqual.services.backtesting import BacktestRequest
    from leadqual.services.backtesting import backtest as backtest_history
    from leadqual.services.histories import HistorySource
    from leadqual.services.workshop import open_workshop_from_environment

    source = HistorySource(data=data, mapping=mapping)
    request = BacktestRequest(every=every, first=first, lag=lag, jobs=jobs)
    require_writable(html)
    with (
        open_workshop_from_environment() as workshop,
        counted_steps(is_quiet=as_json) as (step, count),
    ):
        done = backtest_history(
            workshop, source, request=request, now=now(), on_step=step, on_count=count
        )
    if html is not None:
        html.write_text(done.html, encoding="utf-8")
    emit(done.document, as_json=as_json, text=done.text)
    if html is not None and not as_json:
        note(f"page with curves: {html}")
