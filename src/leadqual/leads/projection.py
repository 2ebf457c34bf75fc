"""Rows of an export to leads, by the rules of its mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from leadqual.leads.cells import Cells, ColumnReader, cell_text, compile_reader
from leadqual.leads.export import Export
from leadqual.leads.fields import LEAD_FIELDS, Kind
from leadqual.leads.normalise import normalise_values
from leadqual.leads.quantities import Unreadable
from leadqual.leads.rows import Row
from leadqual.leads.schema import FieldReason, Lead, Rejected
from leadqual.leads.spec import ColumnSpec, MappingSpec

_MISSING: Final = object()

UNKNOWN_SOURCE: Final = "unknown"
"""The source of a row whose source column is empty."""


@dataclass(frozen=True)
class MappedField:
    """One field of a lead and how it is read, for those who read columns instead of rows.

    Parameters
    ----------
    name : str
        Dotted; attributes are `attributes.<label>`.
    kind : Kind
        What it is read as.
    is_plain : bool
        Whether the mapping says nothing but the column: an empty cell is not known, and any
        other one is the value.
    reader : ColumnReader
        Of the one column (of the lead table) that the field depends on; "" for a constant.
    """

    name: str
    kind: Kind
    is_plain: bool
    reader: ColumnReader

    @property
    def section(self) -> str:
        """Return the part of the lead that it is in, "" for the lead itself."""
        return self.name.rpartition(".")[0] if self.kind is not Kind.ANY else "attributes"

    @property
    def leaf(self) -> str:
        """Return its name within its section."""
        return self.name.removeprefix(f"{self.section}.") if self.section else self.name


@dataclass(frozen=True)
class LeadReader:
    """Turns the rows of one lead table into leads; made by `compile_leads`.

    Parameters
    ----------
    sections : mapping of str to list of (str, Reader)
        Readers of the fields of each section; "" holds those of the lead itself.
    columns : mapping of str to str
        Dotted field name to the column it comes from, for the reasons.
    read_id : callable
        From a row to its external id, None where the cell is empty.
    required : tuple of str
        Fields of the lead itself that no row may leave out.
    fields : tuple of MappedField
        The same readers with what they are readers of, without the id.
    id_field : MappedField, optional
        The id; None where the row number is the id.
    """

    sections: Mapping[str, list[tuple[str, ColumnReader]]]
    columns: Mapping[str, str]
    read_id: Callable[[Row], str | None]
    required: tuple[str, ...]
    fields: tuple[MappedField, ...]
    id_field: MappedField | None

    def read(self, row: Row, *, now: datetime, require_contact: bool = False) -> Lead | Rejected:
        """Return the lead of a row, or every reason why it gives none.

        `now` is the time of creation where the mapping names none.
        """
        if row.problem is not None:
            return Rejected((FieldReason("row", row.problem),))
        lead_id = self.read_id(row)
        payload: dict[str, object] = {} if lead_id is None else {"external_id": lead_id}
        problems: list[FieldReason] = []
        for section, readers in self.sections.items():
            values = _read_all(readers, row.cells, section=section, problems=problems)
            if not section:
                payload.update(values)
            elif values:
                payload[section] = values
        lead = normalise_values(payload, now=now, require_contact=require_contact)
        problems += [
            FieldReason(name, "is empty")
            for name in self.required
            if name not in payload and all(problem.field != name for problem in problems)
        ]
        if isinstance(lead, Lead) and not problems:
            return lead
        if isinstance(lead, Rejected):
            told = {problem.field for problem in problems}
            problems += [reason for reason in lead.reasons if reason.field not in told]
        return Rejected(tuple(self._with_column(problem) for problem in problems))

    def _with_column(self, reason: FieldReason) -> FieldReason:
        """Name the column beside the field: that is what its owner can repair."""
        column = self.columns.get(reason.field)
        if column is None:
            return reason
        return replace(reason, reason=f"{reason.reason} (column `{column}`)")


def compile_leads(export: Export) -> LeadReader:
    """Decide for every mapped field how it is read, and load the tables that are looked up.

    Where no id is mapped, the id of a lead is the fingerprint of the file and the row number:
    importing the file again finds the same leads, another file never does.
    """
    mapping = export.mapping
    fields = _compile_fields(export)
    sections: dict[str, list[tuple[str, ColumnReader]]] = {}
    for field in fields:
        sections.setdefault(field.section, []).append((field.leaf, field.reader))
    columns = {
        place.removeprefix("lead."): spec.column
        for place, spec in mapping.used_columns
        if spec.column is not None
    }
    required = ("external_id", *(name for name in ("created_at",) if name in mapping.columns))
    return LeadReader(
        sections,
        columns,
        read_id=compile_id(export),
        required=required,
        fields=fields,
        id_field=_compile_id_field(export),
    )


def _compile_fields(export: Export) -> tuple[MappedField, ...]:
    """Decide how each field but the id is read."""
    tables = _load_joined(export)
    return tuple(
        MappedField(
            name=name,
            kind=kind,
            is_plain=_is_plain(export, spec),
            reader=_reader(export, spec, kind=kind, tables=tables),
        )
        for name, spec, kind in _field_specs(export.mapping)
    )


def _is_plain(export: Export, spec: ColumnSpec) -> bool:
    """Return whether a cell of the lead table is taken as it stands."""
    lead_file = export.mapping.lead_file
    rules = (spec.map, spec.parse, spec.unit, spec.default)
    unknown = {*spec.na, *export.spec_of(lead_file).na}
    return (
        spec.column is not None
        and spec.file in {None, lead_file}
        and all(rule is None for rule in rules)
        and unknown <= {""}
    )


def compile_id(export: Export) -> Callable[[Row], str | None]:
    """Decide how the id of a lead is read from a row of the lead table."""
    field = _compile_id_field(export)
    if field is None:
        prefix = export.leads.fingerprint()
        return lambda row: f"{prefix}-{row.number}"
    reader = field.reader

    def read(row: Row) -> str | None:
        value = reader(row.cells)
        return value if isinstance(value, str) else None

    return read


def _compile_id_field(export: Export) -> MappedField | None:
    """Return how the column of the id is read, None where the row number is the id."""
    spec = export.mapping.columns.get("external_id")
    if spec is None:
        return None
    na = export.spec_of(export.mapping.lead_file).na
    return MappedField(
        name="external_id",
        kind=Kind.TEXT,
        is_plain=_is_plain(export, spec),
        reader=compile_reader(spec, Kind.TEXT, na=na),
    )


def _field_specs(mapping: MappingSpec) -> Iterator[tuple[str, ColumnSpec, Kind]]:
    """Yield every field to read but the id; each lead has a source, if an unknown one."""
    source = mapping.columns.get("source", ColumnSpec(const=mapping.source))
    if source.column is not None and source.default is None:
        source = source.model_copy(update={"default": UNKNOWN_SOURCE})
    yield "source", source, Kind.TEXT
    for name, spec in mapping.columns.items():
        if name not in {"external_id", "source"}:
            yield name, spec, LEAD_FIELDS[name]
    if mapping.motion is not None:
        yield "motion", mapping.motion, Kind.TEXT
    for attribute in mapping.attributes:
        yield f"attributes.{attribute.label}", attribute, Kind.ANY


def _reader(
    export: Export, spec: ColumnSpec, *, kind: Kind, tables: Mapping[str, Mapping[str, Cells]]
) -> ColumnReader:
    """Return how a field is read, from the lead table or from a joined one."""
    mapping = export.mapping
    file_name = spec.file or mapping.lead_file
    read = compile_reader(spec, kind, na=export.spec_of(file_name).na, timezone=mapping.timezone)
    key_column = export.lead_key_of(file_name)
    if file_name == mapping.lead_file or key_column is None:
        return read
    rows, nothing = tables[file_name], dict[str, object]()
    return ColumnReader(key_column, lambda key: read(rows.get(cell_text(key) or "", nothing)))


def _load_joined(export: Export) -> dict[str, dict[str, Cells]]:
    """Hold the columns that leads take from joined files, by key; the first row of a key wins."""
    wanted: dict[str, set[str]] = {}
    for _, spec in export.mapping.used_columns:
        if spec.file not in {None, export.mapping.lead_file} and spec.column is not None:
            wanted.setdefault(str(spec.file), set()).add(spec.column)
    loaded: dict[str, dict[str, Cells]] = {}
    for name, columns in wanted.items():
        key = export.spec_of(name).key or ""
        rows = loaded[name] = {}
        for chunk in export.tables[name].chunks():
            for row in chunk:
                found = cell_text(row.cells.get(key))
                if found and row.problem is None:
                    rows.setdefault(found, {column: row.cells.get(column) for column in columns})
    return loaded


def _read_all(
    readers: list[tuple[str, ColumnReader]],
    cells: Cells,
    *,
    section: str,
    problems: list[FieldReason],
) -> dict[str, object]:
    """Return the known values of a section; what cannot be read is added to the problems."""
    values: dict[str, object] = {}
    for name, reader in readers:
        # What `ColumnReader.__call__` does, without 34 calls per row.
        value = reader.seen.get(cells.get(reader.column), _MISSING)
        if value is _MISSING:
            value = reader(cells)
        if isinstance(value, Unreadable):
            field_name = f"{section}.{name}" if section else name
            problems.append(FieldReason(field_name, value.reason))
        elif value is not None:
            values[name] = value
    return values
