"""Country names and codes, in five languages, to ISO 3166-1 alpha-2."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from functools import lru_cache
from importlib import resources
from itertools import islice
from typing import Final

# fmt: off
_SMALL_WORDS: Final = frozenset({
    "the", "of", "and", "und", "et", "y", "e", "de", "du", "da", "do", "del", "des",
    "la", "le", "les", "los", "las", "die", "der", "el",
})
# fmt: on
_GAPS: Final = re.compile(r"[^\S\n]+|[\-/]+")
_NOT_LETTERS: Final = re.compile(r"[^a-z \n]+")


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
    return _join(_fold(text))


def _fold(text: str) -> str:
    """Fold case and accents away, and punctuation to blanks or nothing; lines stay lines."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _NOT_LETTERS.sub("", _GAPS.sub(" ", folded))


def _join(folded: str) -> str:
    """Leave out blanks, and small words beside others."""
    words = folded.split()
    if len(words) > 1:
        words = [word for word in words if word not in _SMALL_WORDS]
    return "".join(words)


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Read the bundled table: folded name or code to alpha-2 code."""
    text = resources.files("leadqual.leads").joinpath("countries.csv").read_text("utf-8")
    names: list[str] = []
    codes: list[str] = []
    for *named, also in islice(csv.reader(io.StringIO(text)), 1, None):
        found = [name for name in (*named, *also.split("|")) if name]
        names += found
        codes += [named[0]] * len(found)
    keys = map(_join, _fold("\n".join(names)).split("\n"))  # folded at once: a third of the time
    # The first one counts, so it is put in last.
    return dict(reversed(list(zip(keys, codes, strict=True))))
