"""The command tree: one file per group of commands, each imported without its libraries."""

from __future__ import annotations

from typing import Annotated

import typer

from leadqual.cli import server
from leadqual.cli.help_text import COMMAND_SETTINGS, example


def build_app(command: str | None = None) -> typer.Typer:
    """Return the command tree.

    Parameters
    ----------
    command : str, optional
        What will be called. A start of the service does not wait for the other commands.
    """
    app = typer.Typer(
        name="leadqual",
        help="Score and qualify leads: learned fit, authority, budget and conversion, ranked "
        "queues.",
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
    app.callback()(_root)
    if command != server.serve.__name__:
        _add_others(app)
    server.register(app)
    return app


def _add_others(app: typer.Typer) -> None:
    """Add all commands but those of the server."""
    from leadqual.cli import (
        access,
        backtesting,
        data,
        database,
        demo,
        learning,
        models,
        scoring,
        standard,
    )

    for group in (
        demo,
        data,
        learning,
        backtesting,
        models,
        scoring,
        standard,
        access,
        database,
    ):
        group.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"leadqual {version('leadqual')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass
