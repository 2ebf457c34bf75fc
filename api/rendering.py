"""Pages from templates: escaped by default, in words for people."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

from api import wording

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER: Final = Path(__file__).parent / "pages"


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the navigation."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page; `csrf` is the token that each of its forms sends."""

    name: str
    role: str
    role_words: str
    csrf: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Flash:
    """A message shown once, after a redirect; `tone` is `good` or `bad`."""

    text: str
    tone: str = "good"


_WORDS: Final[Mapping[str, Callable[..., object] | Mapping[Any, object] | tuple[str, ...]]] = {
    "ago": wording.ago,
    "answers": wording.ANSWERS,
    "approaches": wording.APPROACHES,
    "due": wording.due,
    "duration": wording.duration,
    "form_is_wrong": wording.FORM_IS_WRONG,
    "form_problems": wording.FORM_PROBLEMS,
    "heads": wording.HEADS,
    "in_hundred": wording.in_hundred,
    "moment": wording.moment,
    "money": wording.money,
    "new_key": lambda: secrets.token_urlsafe(16),
    "outcomes": wording.OUTCOMES,
    "queue_titles": wording.QUEUE_TITLES,
    "reason_words": wording.REASONS,
    "sentence": wording.sentence,
    "spoken": wording.spoken,
    "states": wording.STATES,
    "topics": wording.TOPICS,
    "web_address": wording.web_address,
}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # A service that only keys talk to never draws a page.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        finalize=wording.plain_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_WORDS)
    return environment


def render(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page; who looks at it and what to tell them come from `request.state`."""
    context = {
        "viewer": getattr(request.state, "viewer", None),
        "flash": getattr(request.state, "flash", None),
        "here": request.url.path,
        **values,
    }
    return HTMLResponse(_environment().get_template(template).render(context), status_code=status)
