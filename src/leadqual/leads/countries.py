"""Country names and codes, in five languages, to ISO 3166-1 alpha-2."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from functools import lru_cache
from importlib import resources
from typing import Final

# fmt: off
_SMALL_WORDS: Final = frozenset({
    "the", "of", "and", "und", "et", "y", "e", "de", "du", "da", "do", "del", "des",
    "la", "le", "les", "los", "las", "die", "der", "el",
})
# fmt: on


@lru_cache(maxsize=8_192)
def country_code(text: str) -> str | None:
    """Return the two-letter code of a country, or None if it is not one we know.

    Understands alpha-2 and alpha-3 codes, English, German, French, Spanish and Portuguese
    names, and common short forms; case, accents, dots and hyphens do not matter.

    Examples
    --------
    >>> [country_code(name) for name in ("uk", "ALLEMAGNE", "Estados Unidos", "Côte-d'Ivoire")]
    ['GB', 'DE', 'US', 'CI']
    >>> country_code("Atlantis") is None
    True
    """
    before, comma, after = text.partition(",")
    # ISO lists write "Korea, Republic of".
    return _codes().get(_key(f"{after} {before}" if comma else text)) or _codes().get(_key(text))


def _key(text: str) -> str:
    """Fold case, accents, punctuation and small words away."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    words = re.sub(r"[^a-z ]+", "", re.sub(r"[\s\-/]+", " ", folded)).split()
    if len(words) > 1:
        words = [word for word in words if word not in _SMALL_WORDS]
    return "".join(words)


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Read the bundled table: folded name or code to alpha-2 code."""
    text = resources.files("leadqual.leads").joinpath("countries.csv").read_text("utf-8")
    codes: dict[str, str] = {}
    for row in csv.DictReader(io.StringIO(text)):
        code = row.pop("code")
        also = row.pop("also").split("|")
        for name in (code, *row.values(), *also):
            if name:
                codes.setdefault(_key(name), code)
    return codes
