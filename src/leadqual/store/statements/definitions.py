"""How an area defines its statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import CompoundSelect, Delete, Insert, Select, Update

Statement = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]] | Insert | Update | Delete
"""Parameters that differ between executions are `bindparam(name)`."""

Statements = Mapping[str, Statement | Callable[[str], Statement]]
"""Statements by name; a function takes the name of the database, `sqlite` or `postgresql`."""

Builders = Mapping[str, Callable[..., Statement]]
"""Functions of the name of the database and the arguments of `Prepared`."""
