"""Job titles, in five languages, to seniority and department."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import resources
from typing import Final, NamedTuple

from leadqual.leads.word_index import WordIndex

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


_MARKS: Final = re.compile("[\u0300-\u036f]")
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
    levels = _levels().find(title)
    seniority = min(levels).name if levels else None
    # The word that stands first in the title wins; on a tie, the longer one.
    found = _departments().find(title)
    if found:
        return Title(seniority, min(found, key=lambda word: (word.start, -word.length)).name)
    return Title(seniority, "executive" if seniority in {"owner", "c_level"} else "other")


@lru_cache(maxsize=8_192)
def read_seniority(text: str) -> str | None:
    """Return the level that a free-text seniority names ("C-Level", "Director"), or None."""
    name = _fold(text).replace(" ", "_")
    if name in SENIORITIES:
        return name
    return "c_level" if name in {"c_suite", "cxo", "executive"} else read_title(text).seniority


@lru_cache(maxsize=8_192)
def read_department(text: str) -> str | None:
    """Return the department that a free-text department names, `other` if none of ours."""
    name = _fold(text).replace(" ", "_")
    return name if name in DEPARTMENTS else read_title(text).department


def _fold(text: str) -> str:
    """Fold case, accents and punctuation: what the words of `titles.txt` are written in."""
    plain = text.casefold()
    if not plain.isascii():
        plain = _MARKS.sub("", unicodedata.normalize("NFKD", plain))
    return " ".join(_NOT_LETTERS.sub(" ", plain.replace("&", " and ")).split())


@lru_cache(maxsize=1)
def _table() -> dict[str, list[tuple[str, str]]]:
    """Read the bundled words: of each section, names and their words."""
    text = resources.files("leadqual.leads").joinpath("titles.txt").read_text("utf-8")
    table: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            entries = table.setdefault(line.strip("[]"), [])
        elif line.startswith(" "):
            name, words = entries[-1]
            entries[-1] = name, f"{words} {line.strip()}".lstrip()
        elif line and not line.startswith("#"):
            name, _, words = line.partition(":")
            entries.append((name, words.strip()))
    return table


@lru_cache(maxsize=1)
def _levels() -> WordIndex:
    """Index the words of the seniority levels, in the order in which the levels are tried."""
    return WordIndex(_table()["seniority"])


@lru_cache(maxsize=1)
def _departments() -> WordIndex:
    """Index the words of the departments."""
    return WordIndex(_table()["department"])
