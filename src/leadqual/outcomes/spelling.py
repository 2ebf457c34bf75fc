"""Values that a mapping names, found in cells that spell them a little differently."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_MIN_WORD: Final = 5


@dataclass(frozen=True)
class Spellings:
    """The values that one rule of a mapping names in a column.

    Parameters
    ----------
    own : frozenset of str
        Values of this rule.
    named : frozenset of str
        Values that any rule names in the same column, own ones included: they mean what is
        written there, never something close to it.
    """

    own: frozenset[str]
    named: frozenset[str]

    def find(self, text: str | None) -> str | None:
        """Return the own value that a cell gives: letter case and blanks do not matter.

        A cell that several named values give in this way is the one that it gives exactly.

        Examples
        --------
        >>> rule = Spellings(frozenset({"Closed Won"}), frozenset({"Closed Won", "Closed Lost"}))
        >>> rule.find("closed  WON"), rule.find("Closed Lost")
        ('Closed Won', None)
        """
        if text is None or text in self.own:
            return text
        if text in self.named:
            return None
        same = [value for value in self.named if _fold(value) == _fold(text)]
        return same[0] if len(same) == 1 and same[0] in self.own else None

    def find_near(self, text: str | None) -> str | None:
        """Return the own value that a cell gives but for one letter, if it gives no named one.

        Examples
        --------
        >>> rule = Spellings(frozenset({"CONVERTED"}), frozenset({"CONVERTED"}))
        >>> rule.find_near("Convertd"), rule.find_near("Open")
        ('CONVERTED', None)
        """
        if text is None or any(_fold(value) == _fold(text) for value in self.named):
            return None
        return next((value for value in sorted(self.own) if _is_near(value, text)), None)


def spell(own: Iterable[str], *others: Iterable[str]) -> Spellings:
    """Return the spellings of a rule beside the other rules of its column."""
    values = frozenset(own)
    return Spellings(values, values.union(*others))


def _fold(text: str) -> str:
    return " ".join(text.split()).casefold()


def _is_near(value: str, text: str) -> bool:
    """Say whether one letter of one long word is missing, too many, wrong or swapped."""
    one, two = _fold(value).split(), _fold(text).split()
    differing = [pair for pair in zip(one, two, strict=False) if pair[0] != pair[1]]
    if len(one) != len(two) or len(differing) != 1:
        return False
    a, b = differing[0]
    if min(len(a), len(b)) < _MIN_WORD or not (a.isalpha() and b.isalpha()):
        return False
    start = _count_same(a, b)
    a, b = a[start:], b[start:]
    end = _count_same(a[::-1], b[::-1])
    a, b = a[: len(a) - end], b[: len(b) - end]
    return max(len(a), len(b)) <= 1 or (len(a) == 2 and a == b[::-1])


def _count_same(a: str, b: str) -> int:
    """Count the letters with which both begin."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (one, two) in pairs if one != two), min(len(a), len(b)))
