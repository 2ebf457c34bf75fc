"""Pages without log-in: thanks after a form, and a form to try."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import GuardedRoute, Public, Services
from api.forms import DEMO_MARK, THANKS
from api.rendering import render
from leadqual.services.forms import HONEYPOT

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

_FORM_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,200}\Z")


@router.get(THANKS, dependencies=[Depends(Public("whoever posted a form lands here"))])
async def show_thanks(request: Request) -> Response:
    """Thank somebody who posted a form; who came from our own may send another one."""
    given = request.query_params.get("demo", "")
    form_id = given if _FORM_KEY.match(given) else None
    return render(request, "thanks.html", form_id=form_id)


@router.get("/demo/form", dependencies=[Depends(Public("visitors of a website see forms"))])
async def show_form(request: Request, serving: Services) -> Response:
    """Show a plain HTML form that posts a lead, with `?key=` or the key of the demo."""
    given = request.query_params.get("key") or await run_in_threadpool(
        _demo_key, serving.settings.home
    )
    form_id = given if given and _FORM_KEY.match(given) else None
    return render(
        request, "demo_form.html", form_id=form_id, honeypot=HONEYPOT, demo_mark=DEMO_MARK
    )


def _demo_key(home: Path) -> str | None:
    """Return the form key that `leadqual demo` wrote down; None when there is none."""
    try:
        found = json.loads((home / "demo.json").read_text(encoding="utf-8")).get("form_key")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
