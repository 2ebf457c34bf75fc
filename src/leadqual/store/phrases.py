"""Pieces of SQL that the two databases write differently."""

from __future__ import annotations

from typing import Any, Final

import pydantic_core
from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)

from leadqual.store.prepared import Link, Prepared

_NAMES: Final = func.json_array_elements_text(cast(bindparam("names", type_=Text), JSON))
_LOCK: Final = Prepared(
    select(func.pg_advisory_xact_lock(func.hashtextextended(_NAMES.column_valued("name"), 0)))
)


def listed(dialect: str, name: str) -> Select[*tuple[Any, ...]]:
    """Return a subquery over the texts of a JSON list that is given as parameter `name`.

    One statement serves lists of any length, so it is compiled once.
    """
    texts = bindparam(name, type_=Text)
    if dialect == "postgresql":
        return select(func.json_array_elements_text(cast(texts, JSON)))
    return select(literal_column("value")).select_from(func.json_each(texts))


def motion(dialect: str) -> ColumnElement[str]:
    """Return the motion of a row of `leads`, which stands in its JSON alone."""
    if dialect == "postgresql":
        return literal_column("(CAST(leads.lead_json AS JSON) ->> 'motion')", Text)
    return literal_column("json_extract(leads.lead_json, '$.motion')", Text)


def first_rows(statement: Select[*tuple[Any, ...]], n_rows: int) -> Select[*tuple[Any, ...]]:
    """Return a statement that ends after `n_rows` rows, with the number written out.

    SQLite plans a statement whose limit is a parameter anew at each execution, which costs 12
    microseconds; a look-up itself takes four.
    """
    return statement.limit(literal_column(str(n_rows))).offset(literal_column("0"))


def dump(value: object) -> str:
    """Return compact JSON that reads back equal, bit for bit. Raises for NaN and surrogates."""
    return pydantic_core.to_json(value, inf_nan_mode="constants").decode()


def load(text: str) -> Any:  # noqa: ANN401 - JSON can hold anything
    """Return what `dump` wrote."""
    return pydantic_core.from_json(text)


def lock(link: Link, *names: str) -> None:
    """Keep other processes from doing what is called `names` until this transaction ends.

    SQLite has one writer, so there is nothing to do. PostgreSQL waits for its lock timeout; it
    takes the locks in one order whoever asks, so that two transactions do not wait for each other.

    Raises
    ------
    BusyError
        When another process held one of them for too long.
    """
    if link.is_postgresql and link.is_writing and names:
        link.run(_LOCK, names=dump(sorted(set(names))))
