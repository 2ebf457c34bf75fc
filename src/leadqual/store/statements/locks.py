"""Locks by name, which only PostgreSQL needs."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Text, bindparam, cast, func, select

from leadqual.store.statements.definitions import Statements

_NAMES: Final = func.json_array_elements_text(cast(bindparam("names", type_=Text), JSON))

STATEMENTS: Final[Statements] = {
    "take": select(
        func.pg_advisory_xact_lock(func.hashtextextended(_NAMES.column_valued("name"), 0))
    ),
}
