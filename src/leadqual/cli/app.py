"""The command tree: one file per group of commands, each imported without its libraries."""

from __future__ import annotations

from typing import Annotated

import typer

from leadqual.cli import (
    access,
    backtesting,
    data,
    database,
    demo,
    learning,
    models,
    scoring,
    server,
    standard,
)
from leadqual.cli.help_text import COMMAND_SETTINGS, example

app = typer.Typer(
    name="leadqual",
    help="Score and qualify leads: learned fit, authority, budget and conversion, ranked queues.",
    epilog=example(
        "leadqual demo",
        "leadqual train --data history/ --mapping mapping.yaml --json",
        closing="Every command takes --debug, which prints the traceback of an error.",
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=COMMAND_SETTINGS,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"leadqual {version('leadqual')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


_GROUPS = (
    demo,
    data,
    learning,
    backtesting,
    models,
    scoring,
    standard,
    access,
    database,
    server,
)
for group in _GROUPS:
    group.register(app)
