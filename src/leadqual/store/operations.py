"""Written standards, model aliases and imported files."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Integer, Text, bindparam, delete, func, select, update

from leadqual.errors import NotFoundError
from leadqual.store.phrases import lock
from leadqual.store.prepared import Link, Prepared, Row, Statement, insertion
from leadqual.store.records import AliasRecord, ImportCounts, ImportRecord, StandardRecord
from leadqual.store.tables_operations import ALIASES, IMPORTS, STANDARDS
from leadqual.store.types import BigId, UtcTime
from leadqual.store.upsert import upsert_into

_AT: Final = bindparam("moment", type_=UtcTime)
_BY: Final = bindparam("by", type_=Text)
_VERSION: Final = bindparam("of_version", type_=Integer)
_STANDARD: Final = select(*STANDARDS.c)
_NEWEST: Final = Prepared(select(func.max(STANDARDS.c.version)))
_INSERT_STANDARD: Final = insertion(STANDARDS)
_GET_STANDARD: Final = Prepared(_STANDARD.where(STANDARDS.c.version == _VERSION))
_LIST_STANDARDS: Final = Prepared(_STANDARD.order_by(STANDARDS.c.version))
_ACTIVE: Final = Prepared(_STANDARD.where(STANDARDS.c.is_active))
_RETIRE: Final = Prepared(
    update(STANDARDS).where(STANDARDS.c.is_active).values(is_active=bindparam("off", value=False))
)
_ACTIVATE: Final = Prepared(
    update(STANDARDS)
    .where(STANDARDS.c.version == _VERSION)
    .values(is_active=bindparam("on", value=True), activated_at=_AT, activated_by=_BY)
)


class StandardRepository:
    """Keep versions of the written standard; at most one is active."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def propose(self, yaml: str, *, owner: str, created_by: str, at: datetime) -> StandardRecord:
        """Keep a new version, not active yet; versions count from 1."""
        lock(self._link, "standards")
        newest = self._link.run(_NEWEST)[0][0] or 0
        self._link.run(
            _INSERT_STANDARD,
            version=newest + 1,
            yaml=yaml,
            owner=owner,
            created_at=at,
            created_by=created_by,
            activated_at=None,
            activated_by=None,
            is_active=False,
        )
        return StandardRecord(newest + 1, yaml, owner, at, created_by)

    def get(self, version: int) -> StandardRecord:
        """Return one version. Raises `NotFoundError`."""
        row = self._link.first(_GET_STANDARD, of_version=version)
        if row is None:
            raise _no_standard(version)
        return StandardRecord(*row)

    def list(self) -> tuple[StandardRecord, ...]:
        """Return every version, oldest first."""
        return tuple(StandardRecord(*row) for row in self._link.run(_LIST_STANDARDS))

    def active(self) -> StandardRecord | None:
        """Return the version that decides now, None when none was ever activated."""
        row = self._link.first(_ACTIVE)
        return None if row is None else StandardRecord(*row)

    def activate(self, version: int, *, actor: str, at: datetime) -> StandardRecord:
        """Let one version decide from now on. Raises `NotFoundError`."""
        lock(self._link, "standards")
        self._link.run(_RETIRE)
        if self._link.count(_ACTIVATE, of_version=version, by=actor, moment=at) == 0:
            raise _no_standard(version)
        return self.get(version)


_OF_ALIAS: Final = ALIASES.c.alias == bindparam("of_alias", type_=Text)
_GET_ALIAS: Final = Prepared(select(*ALIASES.c).where(_OF_ALIAS))
_LIST_ALIASES: Final = Prepared(select(*ALIASES.c).order_by(ALIASES.c.alias))
_CLEAR_ALIAS: Final = Prepared(delete(ALIASES).where(_OF_ALIAS))


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


_SET_ALIAS: Final = Prepared(_set_alias)


class AliasRepository:
    """Say which model version is champion and which challenger; servers poll this."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def get(self, alias: str) -> AliasRecord | None:
        """Return what an alias names, None when it names nothing."""
        row = self._link.first(_GET_ALIAS, of_alias=alias)
        return None if row is None else AliasRecord(*row)

    def list(self) -> tuple[AliasRecord, ...]:
        """Return every alias by name."""
        return tuple(AliasRecord(*row) for row in self._link.run(_LIST_ALIASES))

    def set(
        self, alias: str, version: str, *, actor: str, at: datetime, reason: str
    ) -> AliasRecord:
        """Let an alias name a version; the one it named becomes `previous`."""
        row = self._link.run(
            _SET_ALIAS, alias=alias, version=version, set_at=at, set_by=actor, reason=reason
        )[0]
        return AliasRecord(*row)

    def clear(self, alias: str) -> None:
        """Let an alias name nothing."""
        self._link.run(_CLEAR_ALIAS, of_alias=alias)


_INSERT_IMPORT: Final = insertion(IMPORTS, is_idempotent=True, returning=[IMPORTS.c.import_id])
_GET_IMPORT: Final = Prepared(
    select(*IMPORTS.c).where(IMPORTS.c.import_id == bindparam("id", type_=BigId))
)
_SAME_IMPORT: Final = Prepared(
    select(*IMPORTS.c).where(
        IMPORTS.c.feed == bindparam("of_feed", type_=Text),
        IMPORTS.c.file_hash == bindparam("of_file", type_=Text),
        IMPORTS.c.mapping_hash == bindparam("of_mapping", type_=Text),
    )
)
_LIST_IMPORTS: Final = Prepared(select(*IMPORTS.c).order_by(IMPORTS.c.import_id))
_FINISH_IMPORT: Final = Prepared(
    update(IMPORTS)
    .where(IMPORTS.c.import_id == bindparam("id", type_=BigId))
    .values(
        finished_at=_AT,
        n_rows=bindparam("rows", type_=BigId),
        n_leads=bindparam("leads", type_=BigId),
        n_events=bindparam("events", type_=BigId),
        n_rejected=bindparam("rejected", type_=BigId),
    )
)


class ImportRepository:
    """Remember which files were imported with which mapping, and what came of it."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def start(self, draft: ImportRecord) -> tuple[ImportRecord, bool]:
        """Write down that an import begins.

        Parameters
        ----------
        draft : ImportRecord
            Its `import_id` and counts are not read.

        Returns
        -------
        record : ImportRecord
            As stored.
        created : bool
            False when this file was taken with this mapping before: `record` says what came of
            it, and `finished_at` is None when it was broken off.
        """
        row = self._link.first(
            _INSERT_IMPORT,
            feed=draft.feed,
            file_name=draft.file_name,
            file_hash=draft.file_hash,
            mapping_hash=draft.mapping_hash,
            started_at=draft.started_at,
            started_by=draft.started_by,
            finished_at=None,
            n_rows=0,
            n_leads=0,
            n_events=0,
            n_rejected=0,
        )
        if row is not None:
            return self.get(row[0]), True
        known = self._link.run(
            _SAME_IMPORT,
            of_feed=draft.feed,
            of_file=draft.file_hash,
            of_mapping=draft.mapping_hash,
        )
        return _import(known[0]), False

    def get(self, import_id: int) -> ImportRecord:
        """Return one import. Raises `NotFoundError`."""
        row = self._link.first(_GET_IMPORT, id=import_id)
        if row is None:
            raise NotFoundError(f"there is no import {import_id}")
        return _import(row)

    def list(self) -> tuple[ImportRecord, ...]:
        """Return every import, oldest first."""
        return tuple(_import(row) for row in self._link.run(_LIST_IMPORTS))

    def finish(self, import_id: int, *, at: datetime, counts: ImportCounts) -> ImportRecord:
        """Write down what came of an import. Raises `NotFoundError`."""
        self._link.run(
            _FINISH_IMPORT,
            id=import_id,
            moment=at,
            rows=counts.n_rows,
            leads=counts.n_leads,
            events=counts.n_events,
            rejected=counts.n_rejected,
        )
        return self.get(import_id)


def _import(row: Row) -> ImportRecord:
    import_id, feed, file_name, file_hash, mapping_hash, started_at, started_by, *rest = row
    return ImportRecord(
        import_id,
        feed,
        file_name,
        file_hash,
        mapping_hash,
        started_at,
        started_by,
        finished_at=rest[0],
        counts=ImportCounts(*rest[1:]),
    )


def _no_standard(version: int) -> NotFoundError:
    return NotFoundError(f"there is no version {version} of the standard; see `standard show`")
