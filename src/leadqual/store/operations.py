"""Written standards, model aliases and imported files."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from leadqual.errors import NotFoundError
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import AliasRecord, ImportCounts, ImportRecord, StandardRecord

_NEWEST: Final = Prepared("operations.newest_standard")
_INSERT_STANDARD: Final = Prepared("operations.insert_standard")
_GET_STANDARD: Final = Prepared("operations.get_standard")
_LIST_STANDARDS: Final = Prepared("operations.list_standards")
_ACTIVE: Final = Prepared("operations.active_standard")
_RETIRE: Final = Prepared("operations.retire_standard")
_ACTIVATE: Final = Prepared("operations.activate_standard")


class StandardRepository:
    """Keep versions of the written standard; at most one is active."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def propose(self, yaml: str, *, owner: str, created_by: str, at: datetime) -> StandardRecord:
        """Keep a new version, not active yet; versions count from 1."""
        self._link.lock("standards")
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
        self._link.lock("standards")
        self._link.run(_RETIRE)
        if self._link.count(_ACTIVATE, of_version=version, by=actor, moment=at) == 0:
            raise _no_standard(version)
        return self.get(version)


_GET_ALIAS: Final = Prepared("operations.get_alias")
_LIST_ALIASES: Final = Prepared("operations.list_aliases")
_SET_ALIAS: Final = Prepared("operations.set_alias")
_CLEAR_ALIAS: Final = Prepared("operations.clear_alias")


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


_INSERT_IMPORT: Final = Prepared("operations.insert_import")
_GET_IMPORT: Final = Prepared("operations.get_import")
_SAME_IMPORT: Final = Prepared("operations.same_import")
_LIST_IMPORTS: Final = Prepared("operations.list_imports")
_FINISH_IMPORT: Final = Prepared("operations.finish_import")


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
