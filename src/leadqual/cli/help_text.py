"""How help pages are laid out."""

from __future__ import annotations

from typing import Any, Final

import typer

COMMAND_SETTINGS: Final[dict[str, Any]] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
}


def example(*commands: str, closing: str = "") -> str:
    """Return the epilog of a help page: commands to copy, one per line."""
    title = "Example:" if len(commands) == 1 else "Examples:"
    lines = ["\b", title, *(f"  {command}" for command in commands)]
    return "\n".join(lines) + (f"\n\n{closing}" if closing else "")


def new_group(name: str, text: str) -> typer.Typer:
    """Return a sub-command group that behaves like the main program."""
    return typer.Typer(
        name=name,
        help=text,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=dict(COMMAND_SETTINGS),
    )
