"""Written standards, model aliases and imported files."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Integer, Text, bindparam, delete, func, select, update

from leadqual.store.statements.definitions import Statement, Statements
from leadqual.store.statements.inserts import insertion, upsert_into
from leadqual.store.tables_operations import ALIASES, IMPORTS, STANDARDS
from leadqual.store.types import BigId, UtcTime

_AT: Final = bindparam("moment", type_=UtcTime)
_BY: Final = bindparam("by", type_=Text)
_STANDARD: Final = select(*STANDARDS.c)
_OF_VERSION: Final = STANDARDS.c.version == bindparam("of_version", type_=Integer)
_STANDARDS: Final[Statements] = {
    "newest_standard": select(func.max(STANDARDS.c.version)),
    "insert_standard": insertion(STANDARDS),
    "get_standard": _STANDARD.where(_OF_VERSION),
    "list_standards": _STANDARD.order_by(STANDARDS.c.version),
    "active_standard": _STANDARD.where(STANDARDS.c.is_active),
    "retire_standard": (
        update(STANDARDS)
        .where(STANDARDS.c.is_active)
        .values(is_active=bindparam("off", value=False))
    ),
    "activate_standard": (
        update(STANDARDS)
        .where(_OF_VERSION)
        .values(is_active=bindparam("on", value=True), activated_at=_AT, activated_by=_BY)
    ),
}

_OF_ALIAS: Final = ALIASES.c.alias == bindparam("of_alias", type_=Text)


def _set_alias(dialect: str) -> Statement:
    """Return an insert that keeps the version it replaces as `previous`."""
    names = [column.name for column in ALIASES.c if column is not ALIASES.c.previous]
    statement = upsert_into(ALIASES, dialect).values({
        name: bindparam(name, type_=ALIASES.c[name].type) for name in names
    })
    changed = {name: statement.excluded[name] for name in names if name != "alias"}
    return statement.on_conflict_do_update(
        index_elements=[ALIASES.c.alias], set_={**changed, "previous": ALIASES.c.version}
    ).returning(*ALIASES.c)


_ALIASES: Final[Statements] = {
    "get_alias": select(*ALIASES.c).where(_OF_ALIAS),
    "list_aliases": select(*ALIASES.c).order_by(ALIASES.c.alias),
    "set_alias": _set_alias,
    "clear_alias": delete(ALIASES).where(_OF_ALIAS),
}

_IMPORT: Final = select(*IMPORTS.c)
_OF_IMPORT: Final = IMPORTS.c.import_id == bindparam("id", type_=BigId)
_IMPORTS: Final[Statements] = {
    "insert_import": insertion(IMPORTS, is_idempotent=True, returning=[IMPORTS.c.import_id]),
    "get_import": _IMPORT.where(_OF_IMPORT),
    "same_import": _IMPORT.where(
        IMPORTS.c.feed == bindparam("of_feed", type_=Text),
        IMPORTS.c.file_hash == bindparam("of_file", type_=Text),
        IMPORTS.c.mapping_hash == bindparam("of_mapping", type_=Text),
    ),
    "list_imports": _IMPORT.order_by(IMPORTS.c.import_id),
    "finish_import": (
        update(IMPORTS)
        .where(_OF_IMPORT)
        .values(
            finished_at=_AT,
            n_rows=bindparam("rows", type_=BigId),
            n_leads=bindparam("leads", type_=BigId),
            n_events=bindparam("events", type_=BigId),
            n_rejected=bindparam("rejected", type_=BigId),
        )
    ),
}

STATEMENTS: Final[Statements] = {**_STANDARDS, **_ALIASES, **_IMPORTS}
