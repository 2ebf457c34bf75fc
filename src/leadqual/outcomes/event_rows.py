"""Rows of an export to outcome events, by the rules of its mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from leadqual.errors import MappingError
from leadqual.leads.cells import Cells, cell_text, compile_reader
from leadqual.leads.export import Export
from leadqual.leads.fields import EVENT_CELLS, Kind
from leadqual.leads.normalise import EARLIEST
from leadqual.leads.parse import field_reasons
from leadqual.leads.projection import compile_id
from leadqual.leads.quantities import Unreadable
from leadqual.leads.rows import Row
from leadqual.leads.schema import FieldReason, Rejected
from leadqual.leads.spec import ColumnSpec, OutcomeSpec
from leadqual.outcomes.events import TAKES_REASON, OutcomeEvent, OutcomeType, Reason
from leadqual.outcomes.spelling import spell

Reader = Callable[[Cells], object]

_TYPES: Final = frozenset(OutcomeType)
_REASONS: Final = frozenset(Reason)
_REMEMBERED: Final = 5_000
_LATEST_YEAR: Final = 9998  # a later time cannot be moved to UTC


@dataclass(frozen=True)
class EventReader:
    """Turns rows of one file into events of one kind of outcome; made by `compile_events`.

    Parameters
    ----------
    read_lead_id, read_type, read_reason : callable
        From a row to the id of the lead, the name of the event and that of the reason.
    fields : mapping of str to Reader
        Readers of the other parts of the event.
    is_meant : callable
        Whether the outcome speaks about this row at all (`where`); `Unreadable` where the cell
        is probably a misspelt value of it.
    needs_time : bool
        Whether `occurred_at` is mapped.
    time_decides : bool
        Whether an empty `occurred_at` means that it did not happen.
    """

    read_lead_id: Callable[[Row], str | None]
    read_type: Reader
    read_reason: Reader
    fields: Mapping[str, Reader]
    is_meant: Callable[[Cells], bool | Unreadable]
    needs_time: bool
    time_decides: bool

    def read(self, row: Row) -> OutcomeEvent | Rejected | None:
        """Return the event of a row, None where the row is none, or why it cannot be one."""
        if row.problem is not None:
            return Rejected((FieldReason("row", row.problem),))
        is_meant = self.is_meant(row.cells)
        if isinstance(is_meant, Unreadable):
            return Rejected((FieldReason("type", is_meant.reason),))
        kind = self.read_type(row.cells) if is_meant else None
        if kind is None:
            return None
        values: dict[str, object] = {"type": kind, "lead_id": self.read_lead_id(row)}
        values |= {name: read(row.cells) for name, read in self.fields.items()}
        if self.time_decides and values["occurred_at"] is None:
            return None
        if kind in TAKES_REASON:
            values["reason"] = self.read_reason(row.cells)
        problems = tuple(self._problems(values))
        return Rejected(problems) if problems else _event(values)

    def _problems(self, values: Mapping[str, object]) -> Iterator[FieldReason]:
        """Find what no event can have."""
        if not values["lead_id"]:
            yield FieldReason("lead_id", "is empty")
        if self.needs_time and values["occurred_at"] is None:
            yield FieldReason("occurred_at", "is empty")
        for name, value in values.items():
            if isinstance(value, Unreadable):
                yield FieldReason(name, value.reason)
            if isinstance(value, datetime) and not EARLIEST.year < value.year <= _LATEST_YEAR:
                yield FieldReason(name, "is not a time of this age")
            if isinstance(value, str) and not _is_storable(value):
                yield FieldReason(name, "contains a NUL character or an unpaired surrogate")


def compile_events(export: Export) -> dict[str, list[EventReader]]:
    """Decide how each outcome is read; grouped by file, so that each is read once.

    Raises
    ------
    MappingError
        An outcome names an event, a reason or a column that does not exist; lists all.
    """
    problems: list[str] = []
    readers: dict[str, list[EventReader]] = {}
    for index, outcome in enumerate(export.mapping.outcomes):
        file_name = outcome.file or export.mapping.lead_file
        problems += _unknown_names(export, outcome, place=f"outcomes.{index}")
        readers.setdefault(file_name, []).append(_compile(export, outcome, file_name))
    if problems:
        raise MappingError(problems)
    return readers


def _compile(export: Export, outcome: OutcomeSpec, file_name: str) -> EventReader:
    """Decide how one outcome is read."""
    na, timezone = export.spec_of(file_name).na, export.mapping.timezone
    fields = {
        name: compile_reader(spec, EVENT_CELLS[name], na=na, timezone=timezone)
        for name, spec in outcome.cells.items()
        if name not in {"type", "reason"}
    }
    is_fixed = outcome.type.column is None or _constant(outcome.type, _TYPES) is not None
    has_time = outcome.occurred_at is not None
    return EventReader(
        read_lead_id=_lead_id_reader(export, file_name),
        read_type=_name_reader(outcome.type, _TYPES, na=na, otherwise=None),
        read_reason=_name_reader(outcome.reason, _REASONS, na=na, otherwise=Reason.OTHER),
        fields=fields,
        is_meant=_filter(outcome, _rivals(export, outcome, file_name)),
        needs_time=has_time,
        time_decides=has_time and is_fixed and outcome.where is None,
    )


def _lead_id_reader(export: Export, file_name: str) -> Callable[[Row], str | None]:
    """Return how the id of the lead is read: in a joined file, its key is that id."""
    if file_name == export.mapping.lead_file:
        return compile_id(export)
    key = export.spec_of(file_name).key or ""
    return lambda row: cell_text(row.cells.get(key)) or None


def _rivals(export: Export, outcome: OutcomeSpec, file_name: str) -> list[tuple[str, ...]]:
    """Return the values by which other outcomes choose rows by the same column."""
    if outcome.where is None:
        return []
    return [
        other.where.values
        for other in export.mapping.outcomes
        if other.where is not None
        and other.where.column == outcome.where.column
        and (other.file or export.mapping.lead_file) == file_name
    ]


def _filter(
    outcome: OutcomeSpec, rivals: list[tuple[str, ...]]
) -> Callable[[Cells], bool | Unreadable]:
    """Return whether a row is one that the outcome speaks about."""
    if outcome.where is None:
        return lambda _: True
    column = outcome.where.column
    spellings = spell(outcome.where.values, *rivals)
    seen: dict[str | None, bool | Unreadable] = {}

    def is_meant(cells: Cells) -> bool | Unreadable:
        text = cell_text(cells.get(column))
        if text in seen:
            return seen[text]
        near = spellings.find_near(text)
        found = text is not None and spellings.find(text) is not None
        answer = found if near is None else _misspelt(near, column)
        if len(seen) < _REMEMBERED:
            seen[text] = answer
        return answer

    return is_meant


def _misspelt(value: str, column: str | None) -> Unreadable:
    return Unreadable(
        f"is nearly `{value}` and not it (column `{column}`); correct it, or name this spelling "
        "in the mapping"
    )


def _constant(spec: ColumnSpec, names: frozenset[str]) -> str | None:
    """Return the event or reason that a bare word names, None if it is a column."""
    return spec.column if spec.is_bare and spec.column in names else None


def _name_reader(
    spec: ColumnSpec | None,
    names: frozenset[str],
    *,
    na: tuple[str, ...],
    otherwise: str | None,
) -> Reader:
    """Return how an event or reason is read.

    With a map, what is not in it is `otherwise`; without one, it has to be a known name. Letter
    case does not matter. What is nearly in the map, and no event otherwise, is a slip.
    """
    if spec is None:
        return lambda _: None
    constant = _constant(spec, names)
    if constant is not None:
        return lambda _: constant
    read = compile_reader(spec, Kind.TEXT, na=na)
    spellings = spell(spec.map or names)
    unknown = Unreadable(f"is not one of: {', '.join(sorted(names))}; give others under `map:`")

    def read_name(cells: Cells) -> object:
        value = read(cells)
        if value is None or value in names or not isinstance(value, str):
            return value
        same = spellings.find(value)
        if same is not None:
            return spec.map[same] if spec.map else same
        if spec.map is None:
            return unknown
        near = None if otherwise is not None else spellings.find_near(value)
        return otherwise if near is None else _misspelt(near, spec.column)

    return read_name


def _unknown_names(export: Export, outcome: OutcomeSpec, *, place: str) -> Iterator[str]:
    """Find bare words that are neither a name nor a column, and maps to unknown names."""
    columns = export.tables[outcome.file or export.mapping.lead_file].columns
    for part, spec, names in (("type", outcome.type, _TYPES), ("reason", outcome.reason, _REASONS)):
        if spec is None:
            continue
        listed = ", ".join(sorted(names))
        if spec.is_bare and spec.column not in names and spec.column not in columns:
            yield f"{place}.{part}: `{spec.column}` is neither a column nor one of: {listed}"
        given = [spec.const, spec.default, *(spec.map or {}).values()]
        for name in given:
            if name is not None and name not in names:
                yield f"{place}.{part}: `{name}` is not one of: {listed}"


def _event(values: Mapping[str, object]) -> OutcomeEvent | Rejected:
    """Build the event, with its times in UTC."""
    in_utc = {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in values.items()
    }
    try:
        return OutcomeEvent.model_validate(in_utc)
    except ValidationError as error:
        return Rejected(field_reasons(error))


def _is_storable(text: str) -> bool:
    """Return whether a database can hold the text."""
    if text.isascii():
        return "\x00" not in text
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
