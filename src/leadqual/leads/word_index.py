"""Many small expressions over short texts, searched by what they must contain.

A thousand words in one alternation cost 150 microseconds per title: every word is tried at every
place. Nearly all of them hold three letters in a row that the title lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final, NamedTuple

# What is not certain to stand in a match: groups, classes, escapes, and a letter with `?`.
_UNCERTAIN: Final = re.compile(r"\([^()]*\)[?*+]*|\[[^]]*\][?*+]*|\\.[?*+]*|.[?*]|[.+]")
_LETTERS: Final = re.compile(r"[a-z]+")
_GRAM: Final = 3


class Match(NamedTuple):
    """Where a word of a list was found. `rank` counts the lists as they were given."""

    rank: int
    start: int
    length: int
    name: str


class _Word(NamedTuple):
    rank: int
    name: str
    expression: str


class WordIndex:
    """Finds which of several lists of words occur in a text of lower-case words.

    Parameters
    ----------
    lists : iterable of (str, str)
        Name of a list, and its words separated by ", ". A word is a regular expression
        that starts and ends at a word; `*` in front or behind lifts that.
    """

    def __init__(self, lists: Iterable[tuple[str, str]]) -> None:
        self._by_gram: dict[str, list[_Word]] = {}
        self._by_token: dict[str, list[_Word]] = {}
        self._always: list[_Word] = []
        for rank, (name, words) in enumerate(lists):
            for word in words.split(", "):
                self._add(word, rank=rank, name=name)

    def find(self, text: str) -> list[Match]:
        """Return one match, the first, of every word that occurs."""
        grams = {text[i : i + _GRAM] for i in range(len(text) - _GRAM + 1)}
        candidates = [word for gram in grams & self._by_gram.keys() for word in self._by_gram[gram]]
        tokens = set(text.split()) & self._by_token.keys()
        candidates += [word for token in tokens for word in self._by_token[token]]
        found = []
        for word in (*candidates, *self._always):
            match = _compiled(word.expression).search(text)
            if match is not None:
                found.append(Match(word.rank, match.start(), len(match[0]), word.name))
        return found

    def _add(self, word: str, *, rank: int, name: str) -> None:
        """File a word under what every match of it contains."""
        has_end = word.endswith(".*") or not word.endswith("*")
        body = word.removeprefix("*")
        body = body if has_end else body.removesuffix("*")
        start = "" if word.startswith("*") else r"\b"
        end = r"\b" if has_end else r"\w*"
        entry = _Word(rank, name, f"{start}(?:{body}){end}")
        certain = body
        if _LETTERS.fullmatch(body) is None:
            certain = max(_LETTERS.findall(_UNCERTAIN.sub("\0", body)), key=len, default="")
        if len(certain) >= _GRAM:
            self._by_gram.setdefault(certain[:_GRAM], []).append(entry)
        elif certain == word:
            self._by_token.setdefault(word, []).append(entry)
        else:
            self._always.append(entry)


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    """Compile a word when it is first a candidate: most never are."""
    return re.compile(expression)
