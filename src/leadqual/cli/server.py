"""`serve` and `doctor`: run the service, look at the deployment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from leadqual.cli.help_text import example
from leadqual.cli.options import AsJson
from leadqual.cli.output import emit, table
from leadqual.cli.running import MAX_PORT, serve_until_stopped


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=example("leadqual serve", "leadqual serve --host 0.0.0.0 --port 8080"))(
        serve
    )
    app.command(epilog=example("leadqual doctor", "leadqual doctor --json"))(doctor)


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Default LEADQUAL_HOST.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_PORT, help="Default LEADQUAL_PORT; 0: any free one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve the API and the queue pages until SIGTERM or Ctrl-C; requests under way finish."""
    serve_until_stopped(host=host, port=port, as_json=as_json)


def doctor(*, as_json: AsJson = False) -> None:
    """Check Python, database, schema, models, signing key, MLflow, disk and file permissions."""
    from leadqual.config import load_settings
    from leadqual.services.checkup import Health, examine

    findings = examine(load_settings())
    rows = [(finding.health.value, finding.name, finding.text) for finding in findings]
    emit(
        {"findings": [asdict(finding) for finding in findings]},
        as_json=as_json,
        text=table(("", "what", "found"), rows),
    )
    if any(finding.health is Health.FAIL for finding in findings):
        raise typer.Exit(1)
