"""Job titles, in five languages, to seniority and department."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import resources
from typing import Any, Final, NamedTuple

import yaml

SENIORITIES: Final = (
    "owner",
    "c_level",
    "vp",
    "director",
    "head",
    "manager",
    "senior",
    "specialist",
    "junior",
    "intern",
)
"""What `Title.seniority` may be, besides None."""

DEPARTMENTS: Final = (
    "executive",
    "sales",
    "marketing",
    "product",
    "engineering",
    "it",
    "operations",
    "procurement",
    "finance",
    "hr",
    "legal",
    "support",
    "other",
)
"""What `Title.department` may be, besides None."""


_NOT_LETTERS: Final = re.compile(r"[^a-z]+")


class Title(NamedTuple):
    """What a job title says. `seniority` is None where the title does not tell."""

    seniority: str | None
    department: str | None


@lru_cache(maxsize=65_536)
def read_title(text: str) -> Title:
    """Return seniority and department of a job title.

    A title that names no department is `executive` for owners and the C level, otherwise
    `other`. Text without a letter gives (None, None).

    Examples
    --------
    >>> read_title("Leiterin Einkauf")
    Title(seniority='head', department='procurement')
    >>> read_title("Directrice générale")
    Title(seniority='c_level', department='executive')
    >>> read_title("VP of Engineering")
    Title(seniority='vp', department='engineering')
    """
    return _read_folded(_fold(text))


@lru_cache(maxsize=65_536)
def _read_folded(title: str) -> Title:
    """Search the words of a folded title; "CEO", "ceo" and "C.E.O. 1" are one entry here."""
    if not title:
        return Title(None, None)
    seniority = next((level for level, words in _levels() if words.search(title)), None)
    found = [
        (match.start(), -len(match[0]), name)
        for name, words in _departments()
        if (match := words.search(title))
    ]
    if found:
        return Title(seniority, min(found)[2])
    return Title(seniority, "executive" if seniority in {"owner", "c_level"} else "other")


def read_seniority(text: str) -> str | None:
    """Return the level that a free-text seniority names ("C-Level", "Director"), or None."""
    name = _fold(text).replace(" ", "_")
    if name in SENIORITIES:
        return name
    return "c_level" if name in {"c_suite", "cxo", "executive"} else read_title(text).seniority


def read_department(text: str) -> str | None:
    """Return the department that a free-text department names, `other` if none of ours."""
    name = _fold(text).replace(" ", "_")
    return name if name in DEPARTMENTS else read_title(text).department


def _fold(text: str) -> str:
    """Fold case, accents and punctuation: what the words of `titles.yaml` are written in."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(_NOT_LETTERS.sub(" ", plain.replace("&", " and ")).split())


def _pattern(words: str) -> re.Pattern[str]:
    """Join words to one expression; `*` at an end lifts the word boundary there."""
    parts = []
    for word in words.split(", "):
        start = "" if word.startswith("*") else r"\b"
        end = r"\w*" if word.endswith("*") and not word.endswith(".*") else r"\b"
        body = word.removeprefix("*")
        body = body if body.endswith(".*") else body.removesuffix("*")
        parts.append(f"{start}(?:{body}){end}")
    return re.compile("|".join(parts))


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    """Read the bundled words."""
    text = resources.files("leadqual.leads").joinpath("titles.yaml").read_text("utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table


@lru_cache(maxsize=1)
def _levels() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Compile the seniority levels, in the order in which they are tried."""
    return tuple((entry["level"], _pattern(entry["words"])) for entry in _table()["seniority"])


@lru_cache(maxsize=1)
def _departments() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Compile the departments."""
    return tuple((name, _pattern(words)) for name, words in _table()["department"].items())
