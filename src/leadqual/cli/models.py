"""`promote`, `rollback`, `models`: which version serves."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from leadqual.cli.help_text import example
from leadqual.cli.options import AsJson
from leadqual.cli.output import emit, note, now, table


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(
        epilog=example(
            "leadqual promote 2026-11-21-1",
            'leadqual promote 2026-11-21-1 --force "champion was trained on wrong data"',
        )
    )(promote)
    app.command(epilog=example("leadqual rollback"))(rollback)
    app.command("models", epilog=example("leadqual models", "leadqual models --json"))(list_models)


def promote(
    version: Annotated[str, typer.Argument(help="A version that `leadqual models` lists.")],
    *,
    force: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Promote though the gate refused it; say why."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a version the champion; running servers swap to it within two seconds."""
    _change(version, force_reason=force, as_json=as_json)


def rollback(*, as_json: AsJson = False) -> None:
    """Make the previous champion the champion again."""
    _change(None, force_reason=None, as_json=as_json)


def list_models(*, as_json: AsJson = False) -> None:
    """List versions, newest first, with their alias and figures."""
    from leadqual.services.workshop import call_of_operator, open_workshop_from_environment

    with open_workshop_from_environment() as workshop:
        views = workshop.models.list(call=call_of_operator(now()))
    unjudged = {
        view.version: str(view.metadata["headline"])
        for view in views
        if "headline" in view.metadata and not view.metadata.get("metrics")
    }
    rows = [
        (
            view.version,
            view.alias,
            "not judged" if view.version in unjudged else view.metadata.get("headline", ""),
            view.problem,
        )
        for view in views
    ]
    text = table(("version", "alias", "newest matured slice", "problem"), rows)
    for version, why in unjudged.items():
        text += f"\n\n{version}: {why}"
    if not rows:
        text = "no model yet: `leadqual train` makes one, until then leads are scored by rules"
    emit({"models": [asdict(view) for view in views]}, as_json=as_json, text=text)


def _change(version: str | None, *, force_reason: str | None, as_json: bool) -> None:
    """Promote a version, or go back where there is none named."""
    from leadqual.services.workshop import (
        call_of_operator,
        mirror_aliases,
        open_workshop_from_environment,
    )

    with open_workshop_from_environment() as workshop:
        call = call_of_operator(now())
        if version is None:
            aliases = workshop.models.rollback(call=call).value
        else:
            aliases = workshop.models.promote(version, call=call, force_reason=force_reason).value
        problem = mirror_aliases(workshop)
    before = f" (before: {aliases.previous})" if aliases.previous else ""
    emit(
        {**asdict(aliases), "mlflow_problem": problem},
        as_json=as_json,
        text=f"champion is {aliases.champion}{before}",
    )
    if problem and not as_json:
        note(f"note: {problem}")
