"""An export on disk: the tables that a mapping names, found, opened and checked against it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from leadqual.errors import FileFormatError, MappingError
from leadqual.leads.rows import Table
from leadqual.leads.spec import FileSpec, MappingSpec
from leadqual.leads.tables import open_table


@dataclass(frozen=True)
class Export:
    """The opened tables of an export, by the names that the mapping gives them."""

    mapping: MappingSpec
    tables: dict[str, Table]

    @property
    def leads(self) -> Table:
        """Return the lead table."""
        return self.tables[self.mapping.lead_file]

    def spec_of(self, name: str) -> FileSpec:
        """Return what the mapping says about a file; nothing where it names no files."""
        return self.mapping.files.get(name, FileSpec(path=self.tables[name].path.name))

    def lead_key_of(self, name: str) -> str | None:
        """Return the column of the lead table that a joined file refers to."""
        file = self.spec_of(name)
        if file.on is not None:
            return file.on
        return file.key if file.key in self.leads.columns else self.id_column

    @property
    def id_column(self) -> str | None:
        """Return the column that holds the external id, None where the row number does."""
        external_id = self.mapping.columns.get("external_id")
        return external_id.column if external_id is not None else None


def open_export(data: Path, mapping: MappingSpec) -> Export:
    """Open the tables of an export and check that they have what the mapping names.

    Parameters
    ----------
    data : Path
        The lead table, whatever its name, with any joined files beside it; or a folder with
        all the files under the names of the mapping.
    mapping : MappingSpec
        What to read.

    Raises
    ------
    FileFormatError
        A file is missing, empty or no table.
    MappingError
        The mapping names columns that the files lack; lists all of them.
    """
    tables = {
        name: open_table(path, mapping.files.get(name)) for name, path in _paths(data, mapping)
    }
    export = Export(mapping, tables)
    problems = [*_missing_columns(export), *_loose_joins(export)]
    if problems:
        raise MappingError(problems)
    return export


def _paths(data: Path, mapping: MappingSpec) -> Iterator[tuple[str, Path]]:
    """Yield where each file of the mapping lies."""
    is_folder = data.is_dir()
    if is_folder and not mapping.files:
        raise MappingError([
            f"{data.name} is a folder, and the mapping names no `files:`; give the file itself"
        ])
    folder = data if is_folder else data.parent
    if not mapping.files:
        yield mapping.lead_file, data
    for name, file in mapping.files.items():
        path = data if name == mapping.lead_file and not is_folder else folder / file.path
        if not path.exists():
            raise FileFormatError(f"{path.name}: is not there; `files.{name}` names it")
        yield name, path


def _missing_columns(export: Export) -> Iterator[str]:
    """Find the columns that the mapping names and the data lacks."""
    for file_name, place, column in dict.fromkeys(_named_columns(export.mapping)):
        known = export.tables[file_name].columns
        if column not in known:
            close = difflib.get_close_matches(column, known, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"it has: {_listed(known)}"
            name = export.tables[file_name].path.name
            yield f"{place}: {name} has no column `{column}`; {hint}"


def _named_columns(mapping: MappingSpec) -> Iterator[tuple[str, str, str]]:
    """Yield (file, place in the mapping, column) for every column that is read."""
    lead_file = mapping.lead_file
    for place, spec in mapping.used_columns:
        if spec.column is not None:
            yield spec.file or lead_file, place, spec.column
    if mapping.order not in {None, "file", "none"}:
        yield lead_file, "lead.created_at", str(mapping.order)
    for name, file in mapping.files.items():
        if file.key is not None and name != lead_file:
            yield name, f"files.{name}.key", file.key
        if file.on is not None:
            yield lead_file, f"files.{name}.on", file.on
    yield from _outcome_columns(mapping)


def _outcome_columns(mapping: MappingSpec) -> Iterator[tuple[str, str, str]]:
    """Yield the columns of the outcomes.

    A bare `type` or `reason` may be the name of an event or a reason: what those are is known
    to the outcomes stage, which checks them.
    """
    for i, outcome in enumerate(mapping.outcomes):
        file_name = outcome.file or mapping.lead_file
        if outcome.where is not None:
            yield file_name, f"outcomes.{i}.where", outcome.where.column
        for part, spec in outcome.cells.items():
            if spec.column is not None and not (part in {"type", "reason"} and spec.is_bare):
                yield file_name, f"outcomes.{i}.{part}", spec.column


def _loose_joins(export: Export) -> Iterator[str]:
    """Find outcome files whose key is not the id of a lead."""
    lead_file = export.mapping.lead_file
    for i, outcome in enumerate(export.mapping.outcomes):
        name = outcome.file or lead_file
        refers_to_id = export.id_column is not None and export.lead_key_of(name) == export.id_column
        if name != lead_file and not refers_to_id:
            yield (
                f"outcomes.{i}: the key of {name} must be the external_id of the lead; "
                "map lead.external_id to that column"
            )


def _listed(names: Iterable[str], limit: int = 12) -> str:
    """Name some columns, and count the rest."""
    listed = list(names)
    rest = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + rest
