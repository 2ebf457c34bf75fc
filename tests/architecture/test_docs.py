"""The documentation names everything that exists, and nothing that does not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from api import application
from leadqual.cli.app import build_app
from leadqual.config import Settings
from leadqual.leads.fields import LEAD_FIELDS
from leadqual.leads.mapping import parse_mapping
from leadqual.leads.spec import AttributeSpec, FileSpec, MappingSpec, OutcomeSpec

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)([^)\s]*)\)")
ENFORCED_BY = re.compile(r"^\*\*Enforced by\*\* (.+)", re.MULTILINE | re.DOTALL)


def shown_commands(text: str) -> list[str]:
    """Every `leadqual …` to copy: in shell blocks, and in running text."""
    blocks = [block for language, block in FENCE.findall(text) if language in {"sh", "cron"}]
    lines = "\n".join(blocks).replace("\\\n", " ")
    found = re.findall(r"\bleadqual [a-z][^|&>#)\n]*", lines)
    return [shown.strip() for shown in found + re.findall(r"`(leadqual [a-z][^`]*)`", text)]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def commands(command: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    """Every command that does something: its full name and its options."""
    children = getattr(command, "commands", None)
    if children is None:
        yield name, {option for parameter in command.params for option in parameter.opts}
        return
    for child, inner in children.items():
        yield from commands(inner, f"{name} {child}")


COMMANDS = dict(commands(typer.main.get_command(build_app()), "leadqual"))
ENVIRONMENT = {
    str(field.validation_alias or f"LEADQUAL_{name.upper()}")
    for name, field in Settings.model_fields.items()
}


def routes() -> dict[str, bool]:
    """Every route as `METHOD /path`, and whether the API's documentation lists it."""
    api = FastAPI()
    for module in application.MODULES:
        api.include_router(module.router)
    found = [context.original_route for context in iter_route_contexts(api.routes)]
    return {
        f"{method} {route.path}": route.include_in_schema
        for route in found
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def anchors(path: Path) -> set[str]:
    """The fragments that the headings of a page make, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_is_something_to_check() -> None:
    assert len(COMMANDS) > 20
    assert len(ENVIRONMENT) > 10
    assert len(routes()) > 30
    assert len(DOCS) > 5
    assert len(DECISIONS) > 4


def test_every_command_is_documented() -> None:
    docs = "\n".join(text_of(path) for path in DOCS)

    missing = [name for name in COMMANDS if not re.search(rf"\b{name}\b", docs)]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_shown_exist_with_their_options(page: Path) -> None:
    wrong = []
    for shown in shown_commands(text_of(page)):
        name = next((name for name in COMMANDS if f"{shown} ".startswith(f"{name} ")), None)
        given = set(re.findall(r"(?<=\s)--[a-z-]+", shown)) - {"--help", "--debug"}
        wrong += [shown] if name is None or given - COMMANDS[name] else []

    assert wrong == []


def test_settings_table_is_complete() -> None:
    operating = text_of(ROOT / "docs" / "operating.md")

    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", operating, re.MULTILINE))

    assert rows == ENVIRONMENT


def test_settings_named_anywhere_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bLEADQUAL_[A-Z_]+\b", text_of(page))}

    assert named <= ENVIRONMENT


def test_every_call_is_documented() -> None:
    calls = {name for name, is_listed in routes().items() if is_listed}

    named = set(re.findall(r"`([A-Z]+ /[^`]*)`", text_of(ROOT / "docs" / "api.md")))

    assert calls - named == set()
    assert named - calls == set()


def test_mapping_reference_names_every_key() -> None:
    learning = text_of(ROOT / "docs" / "learning.md")
    models = (MappingSpec, FileSpec, AttributeSpec, OutcomeSpec)
    keys = {name for model in models for name in model.model_fields}

    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", learning, re.MULTILINE)

    assert keys <= {key for row in rows for key in re.findall(r"`(\w+)`", row)}


def test_mapping_reference_names_every_field_of_a_lead() -> None:
    learning = text_of(ROOT / "docs" / "learning.md")

    sections = dict(re.findall(r"^- `(\w+)\.` (.+)$", learning, re.MULTILINE))

    named = {
        f"{name}.{field}" for name in sections for field in re.findall(r"`(\w+)`", sections[name])
    }
    assert named == {name for name in LEAD_FIELDS if "." in name}


def test_mapping_example_is_valid() -> None:
    blocks = FENCE.findall(text_of(ROOT / "docs" / "learning.md"))

    examples = [parse_mapping(block) for language, block in blocks if language == "yaml"]

    assert [example.source for example in examples] == ["crm"]


def test_every_page_is_documented() -> None:
    queues = text_of(ROOT / "docs" / "queues.md")
    pages = {name.partition(" ")[2] for name, is_listed in routes().items() if not is_listed}

    missing = [path for path in sorted(pages) if f"`{path}`" not in queues]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", text_of(page))):
        place, _, fragment = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        is_known = target.exists() and (not fragment or fragment in anchors(target))
        broken += [] if is_known else [link]

    assert broken == []


def test_decisions_are_numbered_without_gap_or_repetition() -> None:
    numbers = [int(path.stem[:4]) for path in DECISIONS]

    assert numbers == list(range(1, len(DECISIONS) + 1))
    assert [text_of(path).split(".")[0] for path in DECISIONS] == [f"# {n}" for n in numbers]


@pytest.mark.parametrize("record", DECISIONS, ids=lambda path: path.stem)
def test_decision_names_what_enforces_it(record: Path) -> None:
    found = ENFORCED_BY.search(text_of(record))

    assert found is not None
    checks = re.findall(r"`((?:tests|benchmarks|pyproject)[\w./]*)`", found[1])
    assert checks
    assert [check for check in checks if not (ROOT / check).exists()] == []
