"""The words of the simulated market, read once from the packaged `wording.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

ByLanguage = dict[str, dict[str, list[str]]]


@dataclass(frozen=True)
class Wording:
    """Hold names, titles, messages and notes, by language where it matters."""

    company_first: list[str]
    company_second: list[str]
    legal_forms: dict[str, list[str]]
    first_names: dict[str, list[str]]
    last_names: dict[str, list[str]]
    department_words: dict[str, dict[str, str]]
    titles: ByLanguage
    messages: ByLanguage
    notes: dict[str, list[str]]


@cache
def load_wording() -> Wording:
    """Return the packaged words."""
    text = files("leadqual.simulation").joinpath("wording.yaml").read_text(encoding="utf-8")
    return Wording(**yaml.safe_load(text))
