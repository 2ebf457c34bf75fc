"""Pieces of SQL that several areas use, or that the two databases write differently."""

from __future__ import annotations

from typing import Any

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
