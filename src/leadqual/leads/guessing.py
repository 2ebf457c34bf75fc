"""Guesses what the columns of an unknown export are, from their names and first values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import yaml

from leadqual.leads.addresses import clean_email
from leadqual.leads.fields import LEAD_FIELDS, Kind
from leadqual.leads.personal import is_personal
from leadqual.leads.quantities import Unreadable, read_number

_MAX_CATEGORIES: Final = 50
_MAX_STATUSES: Final = 30
_ENOUGH: Final = 0.9
_MAJORITY: Final = 0.5
"""Enough e-mail addresses: one with a slip of the pen does not make the others a category."""

_TIME_FORMS: Final = tuple(
    f"{day}{clock}"
    for day in ("%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y")
    for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p")
)


@dataclass(frozen=True)
class Column:
    """A column with the texts of its first rows, empty where nothing is known."""

    name: str
    texts: tuple[str, ...]

    @property
    def folded(self) -> str:
        """Return the name as `column_names.yaml` spells it."""
        return fold(self.name)

    @property
    def values(self) -> set[str]:
        """Return the different known cells."""
        return set(self.texts) - {""}

    def holds(self, is_it: Callable[[str], object], *, share: float = _ENOUGH) -> bool:
        """Return whether something is true of nearly all known cells, and there are any."""
        known = [text for text in self.texts if text]
        return bool(known) and sum(map(bool, map(is_it, known))) >= share * len(known)


@dataclass(frozen=True)
class FieldGuess:
    """A column that is probably one field of a lead; `parse` as in a mapping file."""

    column: Column
    parse: str | None = None


@dataclass(frozen=True)
class Guess:
    """What the columns of an export probably are.

    `events` maps the values of the status column to events, as far as they are understood.
    `left_out` are columns that would be learned by heart: free text, numbers of records.
    `personal` are columns that look as if they were about persons.
    """

    fields: dict[str, FieldGuess]
    motion: Column | None
    status: Column | None
    events: dict[str, str]
    closed_at: FieldGuess | None
    reason: Column | None
    amount: Column | None
    never: tuple[Column, ...]
    attributes: tuple[Column, ...]
    left_out: tuple[Column, ...]
    personal: tuple[Column, ...]
    na: tuple[str, ...]


def guess_columns(columns: Iterable[Column]) -> Guess:
    """Say what each column probably is; every column is used once at most."""
    everything = tuple(columns)
    na = tuple(word for word in names()["na"] if any(word in col.texts for col in everything))
    rest = {
        col.name: Column(col.name, tuple("" if text in na else text for text in col.texts))
        for col in everything
    }
    status, events = _find_status(rest.values())
    closed_at = _find_closed_at(rest.values())
    outcome = {
        "reason": _find(rest.values(), names()["reason"], lambda col: bool(col.values)),
        "amount": _find(rest.values(), names()["amount"], lambda col: col.holds(_is_number)),
    }
    ends = [status, closed_at.column if closed_at else None, *outcome.values()]
    for column in ends:
        if column is not None:
            rest.pop(column.name, None)
    fields = dict(_find_fields(rest))
    motion = _find(rest.values(), names()["motion"], lambda col: len(col.values) <= _MAX_STATUSES)
    if motion is not None:
        del rest[motion.name]
    later = [col for col in rest.values() if any(word in col.folded for word in _words("later"))]
    others = [col for col in rest.values() if col not in later]
    personal = tuple(col for col in others if _is_personal(col))
    others = [col for col in others if col not in personal]
    attributes = tuple(col for col in others if _is_attribute(col))
    return Guess(
        fields=fields,
        motion=motion,
        status=status,
        events=events,
        closed_at=closed_at,
        reason=outcome["reason"],
        amount=outcome["amount"],
        never=tuple(column for column in (*ends, *later) if column is not None),
        attributes=attributes,
        left_out=tuple(col for col in others if col not in attributes),
        personal=personal,
        na=na,
    )


def fold(text: str) -> str:
    """Return lower-case letters and digits without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^a-z0-9]+", "", plain)


def find_time_form(column: Column) -> str | None:
    """Return `iso`, the first `strptime` form that nearly all cells have, or None."""
    if column.holds(_is_iso):
        return "iso"
    return next((form for form in _TIME_FORMS if column.holds(lambda t: _has_form(t, form))), None)  # noqa: B023 - called at once


@lru_cache(maxsize=1)
def names() -> dict[str, Any]:
    """Return the names that columns and values go by (`column_names.yaml`)."""
    text = resources.files("leadqual.leads").joinpath("column_names.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    return content


def _words(key: str) -> list[str]:
    """Return one list of names."""
    words: list[str] = names()[key].split()
    return words


def _find(columns: Iterable[Column], listed: str, fits: Callable[[Column], bool]) -> Column | None:
    """Return the column with the first of the listed names that also fits."""
    by_name: dict[str, Column] = {}
    for column in columns:
        by_name.setdefault(column.folded, column)
    found = (by_name[name] for name in listed.split() if name in by_name)
    return next((column for column in found if fits(column)), None)


def _find_fields(rest: dict[str, Column]) -> Iterator[tuple[str, FieldGuess]]:
    """Yield the fields that have a column, and take these out of the rest."""
    for name, listed in names()["fields"].items():
        column = _find(rest.values(), listed, lambda col: _fit(name, col) is not None)  # noqa: B023 - called at once
        if column is None and name == "contact.email":
            column = next((col for col in rest.values() if _holds_emails(col)), None)
        fit = None if column is None else _fit(name, column)
        if column is not None and fit is not None:
            del rest[column.name]
            yield name, FieldGuess(column, fit or None)


def _fit(name: str, column: Column) -> str | None:
    """Return how to parse the column as this field, "" for plainly, None if it does not fit."""
    kind = LEAD_FIELDS[name]
    if name == "external_id":
        is_unique = len(column.values) == len(column.texts)
        return "" if is_unique else None
    if name == "contact.email":
        return "" if _holds_emails(column) else None
    if kind is Kind.TIME:
        form = find_time_form(column)
        return "" if form == "iso" else form
    if kind is Kind.BOOL:
        truths = {*_words("won_words"), *_words("lost_words")}
        return "" if column.holds(lambda text: fold(text) in truths) else None
    if kind in {Kind.COUNT, Kind.NUMBER}:
        return _fit_number(column, is_count=kind is Kind.COUNT)
    # A column of numbers called "campaign" counts something.
    return None if name != "contact.phone" and column.holds(_is_number) else ""


def _fit_number(column: Column, *, is_count: bool) -> str | None:
    """Return how to parse a column of numbers, None if it holds none or fractions of counts."""
    if column.holds(_is_number):
        is_whole = column.holds(lambda text: _number(text).is_integer())
        return "" if is_whole or not is_count else None
    for parse in ("decimal_comma", "range"):
        if column.holds(lambda text: isinstance(read_number(text, parse=parse), float)):  # noqa: B023 - called at once
            return parse
    return None


def _find_status(columns: Iterable[Column]) -> tuple[Column | None, dict[str, str]]:
    """Return the column that tells how it ended, and what its values mean."""
    listed = list(columns)
    for name in _words("status"):
        column = next((col for col in listed if col.folded == name), None)
        if column is not None and 1 < len(column.values) <= _MAX_STATUSES:
            events = _events_of(column)
            if "won" in events.values():
                return column, events
    return None, {}


def _events_of(column: Column) -> dict[str, str]:
    """Return the events that the values of a status stand for."""
    known = {word: event for event, listed in names()["events"].items() for word in listed.split()}
    if len(column.values) == 2:
        known |= dict.fromkeys(_words("won_words"), "won")
        known |= dict.fromkeys(_words("lost_words"), "lost")
    return {value: known[fold(value)] for value in sorted(column.values) if fold(value) in known}


def _find_closed_at(columns: Iterable[Column]) -> FieldGuess | None:
    """Return the column that tells when it ended."""
    column = _find(columns, names()["closed_at"], lambda col: find_time_form(col) is not None)
    if column is None:
        return None
    form = find_time_form(column)
    return FieldGuess(column, None if form == "iso" else form)


def _holds_emails(column: Column) -> bool:
    return column.holds(clean_email, share=_MAJORITY)


def _is_personal(column: Column) -> bool:
    fields = ("contact.email", "contact.full_name", "contact.phone")
    known = {word for field in fields for word in names()["fields"][field].split()}
    return is_personal(
        column.folded,
        column.values,
        names=known.union(_words("personal")),
        parts=_words("personal_parts"),
    )


def _is_attribute(column: Column) -> bool:
    """Tell a category or quantity from free text, record numbers and constants."""
    n_values, n_known = len(column.values), sum(map(bool, column.texts))
    if n_values < 2:
        return False
    if column.holds(_is_number):
        is_numbering = n_values == n_known > _MAX_CATEGORIES and column.folded.endswith((
            "id",
            "number",
            "no",
            "nr",
        ))
        return not is_numbering
    return n_values <= max(_MAX_CATEGORIES, n_known // 5)


def _number(text: str) -> float:
    """Return a number, NaN if it is none."""
    value = read_number(text)
    return float("nan") if isinstance(value, Unreadable) else value


def _is_number(text: str) -> bool:
    """Return whether a text is one number."""
    return not isinstance(read_number(text), Unreadable)


def _is_iso(text: str) -> bool:
    """Return whether a text is an ISO 8601 time with at least a day."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return not text.isdigit()


def _has_form(text: str, form: str) -> bool:
    """Return whether a text is a time of this form."""
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - only whether it parses
    except ValueError:
        return False
    return True
