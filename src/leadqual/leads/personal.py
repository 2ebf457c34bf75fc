"""Tells columns about persons from columns about companies, for `leadqual mapping suggest`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

_EMAIL: Final = re.compile(r"\S+@\S+\.\w{2,}")
_PHONE: Final = re.compile(
    r"(?:\+|00|0(?=[1-9]))\d[\d ()/.-]{5,}|\(\d{2,5}\)[\d -]{5,}|\d{3}[-. ]\d{3}[-. ]\d{4}"
)
# Counts, and answers in five languages.
_HARMLESS: Final = re.compile(
    r"-?\d{1,5}(?:[.,]\d{1,2})?|yes|no|true|false|[ynt]|ja|nein|oui|non|s[iíì]|sim|n[aã]o",
    re.IGNORECASE,
)


def is_personal(
    folded: str, values: Collection[str], *, names: Collection[str], parts: Collection[str]
) -> bool:
    """Return whether a column looks as if it were about a person; in doubt it does.

    A level of an attribute stands in the model in plain text, so a name or an address that is
    taken for a category is one that anybody with the model can read.

    Parameters
    ----------
    folded : str
        The column's name, lower-case letters and digits only.
    values : collection of str
        Its different known cells.
    names, parts : collection of str
        Whole names, and parts of names, that mean a person. With a part of a name, such as in
        "Do not e-mail" or "E-mails opened", the cells are looked at too.
    """
    if folded in names or any(map(_EMAIL.search, values)):
        return True
    if _is_most(values, _PHONE.fullmatch):
        return True
    return any(part in folded for part in parts) and not all(map(_HARMLESS.fullmatch, values))


def _is_most(values: Collection[str], is_it: Callable[[str], object]) -> bool:
    return sum(map(bool, map(is_it, values))) * 2 > len(values)
