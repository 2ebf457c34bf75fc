"""The text of a first mapping file for an export."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from leadqual.leads.cells import cell_text
from leadqual.leads.guessing import Column, FieldGuess, Guess, fold, guess_columns, names
from leadqual.leads.rows import Table
from leadqual.leads.tables import open_table

# Sorted exports show one value of a column for a long time: so not only the first rows.
_READ_ROWS: Final = 50_000
_FIRST_ROWS: Final = 500
_STEP: Final = 50
# Everything else is quoted: a colon or a comma in a column name would end it.
_PLAIN: Final = re.compile(r"[^\W\d_][\w.]*(?: [\w.]+)*")
_NULLS: Final = frozenset({"null", "Null", "NULL"})


def suggest_mapping(path: Path) -> str:
    """Return the text of a mapping file to start from.

    Names in five languages and up to 1,500 of the first 50,000 rows decide. The text is
    valid, and every line of it is a guess: what is known only later (`never`) and what a
    status means, only the owner of the data knows.

    Raises
    ------
    FileFormatError
        The file is missing, empty or no table.
    """
    table = open_table(path)
    guess = guess_columns(_sample(table))
    lines = [*_head(path, guess), *_lead(guess), *_columns(guess), *_outcomes(guess)]
    return "\n".join(lines) + "\n"


def _sample(table: Table) -> Iterator[Column]:
    """Read rows spread over the beginning of the file, column by column."""
    read = itertools.islice(itertools.chain.from_iterable(table.chunks()), _READ_ROWS)
    rows = [
        row.cells
        for position, row in enumerate(read)
        if row.problem is None and (position < _FIRST_ROWS or position % _STEP == 0)
    ]
    for name in table.columns:
        yield Column(name, tuple(cell_text(cells.get(name)) or "" for cells in rows))


def _head(path: Path, guess: Guess) -> Iterator[str]:
    """Yield the part about the file."""
    yield f"# Guessed from the header and first rows of {_comment(path.name)}: check every line."
    yield "# What is known only after a lead was scored must stand under `never`."
    yield f"source: {_text(path.stem)}"
    na = f", na: [{', '.join(_text(word) for word in guess.na)}]" if guess.na else ""
    yield "files:"
    yield f"  leads: {{path: {_text(path.name)}{na}}}"
    if guess.motion is not None:
        yield f"motion: {{column: {_text(guess.motion.name)}, default: inbound}}"
    else:
        yield "motion: inbound  # or outbound, or {column: …, map: {…}, default: inbound}"


def _lead(guess: Guess) -> Iterator[str]:
    """Yield the fields of the lead."""
    yield "lead:"
    if "external_id" not in guess.fields:
        yield "  external_id: {row: true}  # no column with a different value in every row"
    if "created_at" not in guess.fields:
        yield "  created_at: {order: none}  # no time found; {order: file} if the rows are in order"
    for name, found in guess.fields.items():
        yield f"  {name}: {_source(found)}"


def _columns(guess: Guess) -> Iterator[str]:
    """Yield attributes, columns left out, and what must not be learned from."""
    yield "attributes:" if guess.attributes else "attributes: []"
    for column in guess.attributes:
        yield f"  - {_text(column.name)}"
    for column in guess.left_out:
        yield f"  # - {_comment(column.name)}  (free text, one value per row, or one value in all)"
    for column in guess.personal:
        yield f"  # - {_comment(column.name)}  (looks like personal data: learn nothing from it)"
    yield f"never: [{', '.join(_text(column.name) for column in guess.never)}]"


def _outcomes(guess: Guess) -> Iterator[str]:
    """Yield what became of the leads."""
    lines = list(_outcome_lines(guess))
    if not lines:
        yield "# No column tells how it ended. Without outcomes leads can be imported and scored,"
        yield "# not learned from: - {type: won, where: {column: …, in: [Won]}, occurred_at: …}"
        yield "outcomes: []"
    else:
        yield "outcomes:"
        yield from lines
    has_losses = {"lost", "disqualified"} & set(guess.events.values())
    yield f"recorded: {{losses: {'always' if has_losses else 'never'}}}"


def _outcome_lines(guess: Guess) -> Iterator[str]:
    """Yield one line per outcome, and the values that were not understood."""
    if guess.status is None:
        if guess.closed_at is not None:
            parts = ["type: won", f"occurred_at: {_source(guess.closed_at)}", *_amount(guess)]
            yield f"  - {{{', '.join(parts)}}}"
        return
    status = _text(guess.status.name)
    for event in dict.fromkeys(guess.events.values()):
        values = [value for value, meant in guess.events.items() if meant == event]
        listed = ", ".join(_text(value) for value in values)
        parts = [f"type: {event}", f"where: {{column: {status}, in: [{listed}]}}"]
        yield f"  - {{{', '.join([*parts, *_details(guess, event, values)])}}}"
    unknown = sorted(guess.status.values - guess.events.keys())
    if unknown:
        yield f"  # no event: {', '.join(_comment(value) for value in unknown)}"


def _details(guess: Guess, event: str, values: list[str]) -> Iterator[str]:
    """Yield time, reason and amount of an event, where the export has them."""
    if guess.closed_at is not None and _is_known(guess, guess.closed_at.column, values):
        yield f"occurred_at: {_source(guess.closed_at)}"
    if event in {"lost", "disqualified"} and guess.reason is not None:
        known = {
            word: reason for reason, listed in names()["reasons"].items() for word in listed.split()
        }
        pairs = [
            (value, known[fold(value)])
            for value in sorted(guess.reason.values)
            if fold(value) in known
        ]
        mapped = ", ".join(f"{_text(value)}: {reason}" for value, reason in pairs)
        yield f"reason: {{column: {_text(guess.reason.name)}, map: {{{mapped}}}}}"
    if event == "won":
        yield from _amount(guess)


def _amount(guess: Guess) -> Iterator[str]:
    """Yield the amount of a won deal."""
    if guess.amount is not None:
        yield f"amount_usd: {_text(guess.amount.name)}"


def _is_known(guess: Guess, column: Column, values: list[str]) -> bool:
    """Return whether every row with these statuses has a time."""
    statuses = guess.status.texts if guess.status is not None else ()
    times = [time for status, time in zip(statuses, column.texts, strict=True) if status in values]
    return all(times)


def _source(found: FieldGuess) -> str:
    """Return where a field comes from, as a mapping file says it."""
    name = _text(found.column.name)
    return name if found.parse is None else f"{{column: {name}, parse: {_text(found.parse)}}}"


def _text(value: str) -> str:
    """Return a scalar as YAML, quoted where it would not be read as this text."""
    if _PLAIN.fullmatch(value) and value not in _NULLS:
        return value
    return yaml.safe_dump(value, default_style='"', allow_unicode=True, width=math.inf).strip()


def _comment(text: str) -> str:
    """Return text that stays on its line."""
    return text if text.isprintable() else json.dumps(text)
