"""`standard`: the written standard of "qualified"."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leadqual.cli.help_text import example, new_group
from leadqual.cli.options import AsJson
from leadqual.cli.output import emit, now

_standard = new_group("standard", 'The written, versioned standard of "qualified".')


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    _standard.command(epilog=example("leadqual standard show > standard.yaml"))(show)
    _standard.command(epilog=example("leadqual standard propose standard.yaml"))(propose)
    _standard.command(epilog=example("leadqual standard activate 2"))(activate)
    app.add_typer(_standard)


def show(*, as_json: AsJson = False) -> None:
    """Print the active standard as YAML; with --json every version."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    with open_desk() as desk:
        views = desk.standards.list(call=call_of_operator(now()))
    active = next((view for view in views if view.is_active), None)
    if active is None:
        from leadqual.routing.standard import default_standard_text

        text = default_standard_text()
    else:
        text = active.text
    document = {
        "active": None if active is None else active.version,
        "text": text,
        "versions": [
            {
                "version": view.version,
                "proposed_by": view.proposed_by,
                "proposed_at": view.proposed_at,
                "is_active": view.is_active,
            }
            for view in views
        ],
    }
    emit(document, as_json=as_json, text=text.rstrip("\n"))


def propose(
    file: Annotated[Path, typer.Argument(help="Standard (YAML), as `show` prints it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Store a new version of the standard; it does not count before it is activated."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    text = file.read_text(encoding="utf-8")
    with open_desk() as desk:
        view = desk.standards.propose(text, call=call_of_operator(now())).value
    emit(
        {"version": view.version, "is_active": view.is_active},
        as_json=as_json,
        text=f"standard {view.version} is stored; `leadqual standard activate {view.version}` "
        "makes it count",
    )


def activate(
    version: Annotated[int, typer.Argument(min=1, help="Number of a stored standard.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a stored standard the one that counts; running servers follow within two seconds."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    with open_desk() as desk:
        view = desk.standards.activate(version, call=call_of_operator(now())).value
    emit(
        {"version": view.version, "is_active": view.is_active},
        as_json=as_json,
        text=f"standard {view.version} counts now",
    )
