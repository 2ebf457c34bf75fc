"""`demo`: everything at once, from nothing to a running service."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadqual.cli.help_text import example
from leadqual.cli.options import AsJson
from leadqual.cli.output import emit, now, steps

if TYPE_CHECKING:
    from leadqual.config import Settings
    from leadqual.services.demo import DemoAccess


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog=example("leadqual demo", "leadqual demo --port 8080 --no-serve --json"))(
        demo
    )


def demo(
    *,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Default LEADQUAL_PORT; 0: any free one.")
    ] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop before serving.")] = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a history, train, promote, seed the queues and serve; about two minutes.

    What an earlier run made is kept, so the second start is quick. Logins and keys are written to
    LEADQUAL_HOME/demo.json as well.
    """
    from leadqual.cli.running import listen, run_until_stopped, url_of
    from leadqual.config import load_settings
    from leadqual.services.demo import prepare_access, prepare_model, seed_queues
    from leadqual.services.workshop import open_workshop
    from leadqual.wiring import build_serving

    settings = load_settings()
    with open_workshop(settings):
        pass  # a deployment that cannot be used is explained before anything listens
    listener = listen(settings.host, settings.port if port is None else port)
    with steps(is_quiet=as_json) as step:
        with open_workshop(settings) as workshop:
            model = prepare_model(workshop, now=now(), on_step=step)
        step("Starting the service")
        serving = build_serving(settings)
        try:
            access = prepare_access(serving, url=url_of(listener), now=now(), on_step=step)
            n_live = seed_queues(serving, now=now(), on_step=step)
        finally:
            serving.close()
    document = {**asdict(access), "model_version": model.version, "n_live_leads": n_live}
    emit(document, as_json=as_json, text=_guide(access, settings))
    if no_serve:
        listener.close()
        return
    run_until_stopped(listener, settings)


def _guide(access: DemoAccess, settings: Settings) -> str:
    """Return what to open, who may log in and what to try."""
    logins = "\n".join(
        f"    {login.role:<10} {login.username:<10} {login.password}" for login in access.logins
    )
    lead = (
        '{"source": "webinar", "contact": {"email": "ada@hafen-logistik.example", "job_title": '
        '"Head of Operations"}, "company": {"industry": "Logistics", "n_employees": 240}}'
    )
    return f"""
  Queue page   {access.url}/
  Log in as    (role, user name, password; also in {settings.home / "demo.json"})
{logins}

  Score a lead without storing it
    curl -s {access.url}/v1/score -H 'Authorization: Bearer {access.api_key}' \\
      -H 'Content-Type: application/json' -d '{lead}'

  Form page    {access.url}/demo/form
  API docs     {access.url}/docs
  MLflow       {_beside_python("mlflow")} ui --backend-store-uri {settings.resolved_tracking_uri}
"""


def _beside_python(command: str) -> str:
    """Return how to call a command of this environment from here, active or not."""
    path = Path(sys.executable).with_name(command)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
