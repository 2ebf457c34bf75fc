"""Compile the statements of `store.statements` to what the drivers take.

`python -m leadqual.store.compiling` writes the catalogue again: every statement that depends on
nothing, for each database. A test compares the catalogue with the definitions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final

from sqlalchemy import BindParameter, Dialect
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.types import TypeEngine

from leadqual.store.plans import CATALOGUE
from leadqual.store.statements.definitions import Builders, Statement, Statements

DIALECTS: Final = ("sqlite", "postgresql")
AREAS: Final = (
    "access",
    "audit",
    "claims",
    "erasure",
    "events",
    "handoffs",
    "idempotency",
    "items",
    "leads",
    "locks",
    "operations",
    "outbox",
    "ranking",
    "scores",
)
POSTGRESQL_ONLY: Final = frozenset({"claims.take_all", "locks.take"})

_HEADER: Final = (
    "-- What store/statements says, for {dialect}. Written by `make statements`; do not edit."
)


def compile_for(dialect: str, name: str, *arguments: Hashable) -> str:
    """Return the entry (see `Plan`) of a statement that depends on arguments."""
    area, _, short_name = name.partition(".")
    builders: Builders = import_module(f"leadqual.store.statements.{area}").BUILDERS
    return _entry(builders[short_name](dialect, *arguments), _dialect(dialect))


def compile_all(dialect: str) -> str:
    """Return the text of the catalogue of one database."""
    entries = [
        f"-- {name}\n{_entry(_statement(definition, dialect), _dialect(dialect))};"
        for name, definition in _definitions().items()
        if dialect == "postgresql" or name not in POSTGRESQL_ONLY
    ]
    return "\n\n".join([_HEADER.format(dialect=dialect), *entries]) + "\n"


def _definitions() -> dict[str, Statement | Callable[[str], Statement]]:
    """Return every definition by its full name."""
    found: dict[str, Statement | Callable[[str], Statement]] = {}
    for area in AREAS:
        module = import_module(f"leadqual.store.statements.{area}")
        statements: Statements = getattr(module, "STATEMENTS", {})
        found |= {f"{area}.{name}": definition for name, definition in statements.items()}
    return found


def _statement(definition: Statement | Callable[[str], Statement], dialect: str) -> Statement:
    return definition if isinstance(definition, Statement) else definition(dialect)


@cache
def _dialect(name: str) -> Dialect:
    if name != "postgresql":
        return SQLiteDialect_pysqlite()
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

    return PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def _entry(statement: Statement, dialect: Dialect) -> str:
    """Return one statement as `Plan` reads it."""
    compiled = statement.compile(dialect=dialect)
    binds: Mapping[str, BindParameter[Any]] = compiled.binds
    order: Sequence[str] | None = compiled.positiontup
    names = list(order if order is not None else compiled.params)
    kinds = {name: _kind(binds[name].type) for name in names}
    said: dict[str, object] = {
        "takes": names,
        "converts": {name: kind for name, kind in kinds.items() if kind is not None},
        "constants": {name: binds[name].value for name in names if not binds[name].required},
        "gives": [_kind(column.type) for column in statement.exported_columns],
    }
    comment = json.dumps({key: value for key, value in said.items() if value})
    lines = (line.rstrip() for line in compiled.string.splitlines())
    return "\n".join([f"-- {comment}", *lines])


def _kind(type_: TypeEngine[Any]) -> str | None:
    """Return how values of a column type are converted; None where the drivers do it."""
    kind: str | None = getattr(type_, "kind", None)
    return kind


def main() -> int:
    """Write the catalogue."""
    CATALOGUE.mkdir(exist_ok=True)
    for dialect in DIALECTS:
        (CATALOGUE / f"{dialect}.sql").write_text(compile_all(dialect), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
