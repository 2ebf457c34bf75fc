"""Exports read through a mapping file: leads, events and whole histories.

`iter_leads` and `iter_events` stream in bounded memory, for import. `read_history` holds
everything, for training, and gives the columns that serving gives for the same leads.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import FileFormatError
from leadqual.leads.cells import cell_text
from leadqual.leads.export import Export, open_export
from leadqual.leads.flat import flatten_lead
from leadqual.leads.mapping import MappingSpec
from leadqual.leads.projection import LeadReader, compile_leads
from leadqual.leads.rejected import RejectedRow
from leadqual.leads.rows import CHUNK_ROWS, Progress, Row, relaxed_collector
from leadqual.leads.schema import FieldReason, Lead, Rejected, Scalar
from leadqual.leads.texts import LeadText, LeadTexts
from leadqual.outcomes.event_rows import EventReader, compile_events
from leadqual.outcomes.events import OutcomeEvent
from leadqual.outcomes.history import Columns, History, Recorded

_EPOCH: Final = np.datetime64("2000-01-01", "us")


class MappedLead(NamedTuple):
    """One row of the lead table. `external_id` is None where the row does not tell it."""

    row_number: int
    external_id: str | None
    raw_cells: dict[str, object]
    result: Lead | Rejected


class MappedEvent(NamedTuple):
    """One row of a file that some outcome speaks about; `file` is its name in the mapping."""

    file: str
    row_number: int
    raw_cells: dict[str, object]
    result: OutcomeEvent | Rejected


LeadChunk = list[MappedLead]
EventChunk = list[MappedEvent]


@dataclass(frozen=True)
class MappedHistory:
    """A history and the rows that could not become part of it."""

    history: History
    rejected: list[RejectedRow]


def iter_leads(
    data: Path,
    mapping: MappingSpec,
    *,
    now: datetime,
    require_contact: bool = False,
    on_progress: Progress | None = None,
) -> Iterator[LeadChunk]:
    """Yield the rows of the lead table as leads, 1,000 at a time.

    Parameters
    ----------
    data : Path
        The lead table or the folder of the export.
    mapping : MappingSpec
        How to read it. Where it knows no time of creation, `now` stands in.
    now : datetime, aware
        Later times of creation are rejected.
    require_contact : bool
        Reject rows that leave no way to reach the person.
    on_progress : callable, optional
        Told the bytes of the lead table read so far.

    Raises
    ------
    FileFormatError
        A file is missing, empty, has no row, or is no table.
    MappingError
        The mapping names what the data lacks. Raised before the first row is read.
    """
    export = open_export(data, mapping)
    compile_events(export)
    return _lead_chunks(export, now=now, require_contact=require_contact, on_progress=on_progress)


def iter_texts(
    data: Path,
    mapping: MappingSpec,
    *,
    now: datetime,
    n_rows: int,
    on_progress: Progress | None = None,
) -> Iterator[list[tuple[Row, LeadText | Rejected]]]:
    """Yield the rows of the lead table and what each lead is stored as, `n_rows` at a time.

    As `iter_leads` otherwise, in a third of the time.

    Raises
    ------
    FileFormatError, MappingError
        As `iter_leads`.
    """
    export = open_export(data, mapping)
    compile_events(export)
    texts = LeadTexts(compile_leads(export), now=now)
    is_empty = True
    with relaxed_collector():
        chunks = export.leads.chunks(on_progress=on_progress)
        while some := list(islice(chunks, max(1, n_rows // CHUNK_ROWS))):
            is_empty = False
            rows = [row for chunk in some for row in chunk]
            yield list(zip(rows, texts.read(rows), strict=True))
    if is_empty:
        raise _no_row(export)


def iter_events(
    data: Path, mapping: MappingSpec, *, on_progress: Progress | None = None
) -> Iterator[EventChunk]:
    """Yield the outcomes of an export; `lead_id` of an event is the external id of its lead.

    Each file is read once, in the order in which outcomes first name it. Events of leads that
    do not exist or were rejected are among them. `on_progress` is told the bytes read so far,
    over all these files.

    Raises
    ------
    FileFormatError, MappingError
        As `iter_leads`.
    """
    export = open_export(data, mapping)
    return _event_chunks(export, compile_events(export), on_progress=on_progress)


def read_history(data: Path, mapping: MappingSpec, *, now: datetime) -> MappedHistory:
    """Read a whole export as a history, in time order.

    The columns are those of `flatten_lead`, as in serving; `created_at` is among them only
    where the export has times. No way to reach the person is needed. Events keep the times
    they were recorded with, also where these lie before the lead.

    Rejected are: rows that are no lead, ids given before, events of no lead of the history.

    Raises
    ------
    FileFormatError, MappingError
        As `iter_leads`.
    """
    export = open_export(data, mapping)
    readers = compile_events(export)
    gathered = _gather(export, now=now)
    known = set(gathered.lead_ids)
    events: list[OutcomeEvent] = []
    for chunk in _event_chunks(export, readers, on_progress=None):
        for row in chunk:
            problem = _event_problem(row, known, lead_file=mapping.lead_file)
            if isinstance(row.result, OutcomeEvent) and row.result.lead_id in known:
                events.append(row.result)
            elif problem is not None:
                gathered.rejected.append(problem)
    return MappedHistory(_history(export, gathered, events), gathered.rejected)


@dataclass
class _Gathered:
    """What one pass over the lead table leaves."""

    lead_ids: list[str] = field(default_factory=list)
    order: list[datetime | str] = field(default_factory=list)
    columns: Columns = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)

    def add(self, flats: Sequence[dict[str, Scalar]]) -> None:
        """Append snapshots column-wise; a column seen first now was unknown before."""
        n_before = len(self.lead_ids) - len(flats)
        for name in dict.fromkeys(name for flat in flats for name in flat):
            self.columns.setdefault(name, [None] * n_before)
        for name, values in self.columns.items():
            values.extend(_shared(flat.get(name)) for flat in flats)


def _shared(value: Scalar) -> Scalar:
    """Hold one copy of a text that recurs: most cells are one of a few categories."""
    return sys.intern(value) if isinstance(value, str) else value


def _lead_chunks(
    export: Export, *, now: datetime, require_contact: bool, on_progress: Progress | None
) -> Iterator[LeadChunk]:
    """Read the lead table."""
    reader = compile_leads(export)
    is_empty = True
    with relaxed_collector():
        for chunk in export.leads.chunks(on_progress=on_progress):
            is_empty = False
            yield [
                _mapped_lead(reader, row, now=now, require_contact=require_contact) for row in chunk
            ]
    if is_empty:
        raise _no_row(export)


def _no_row(export: Export) -> FileFormatError:
    return FileFormatError(
        f"{export.leads.path.name}: has column names and no row; expected one row per lead"
    )


def _mapped_lead(
    reader: LeadReader, row: Row, *, now: datetime, require_contact: bool
) -> MappedLead:
    """Read one row of the lead table."""
    result = reader.read(row, now=now, require_contact=require_contact)
    lead_id = result.external_id if isinstance(result, Lead) else reader.read_id(row)
    return MappedLead(row.number, lead_id, row.cells, result)


def _event_chunks(
    export: Export,
    readers: dict[str, list[EventReader]],
    *,
    on_progress: Progress | None,
) -> Iterator[EventChunk]:
    """Read every file that outcomes speak about."""
    offset = 0
    with relaxed_collector():
        for name, outcomes in readers.items():
            table = export.tables[name]
            shifted = None if on_progress is None else _shift(on_progress, offset)
            is_lead_file = name == export.mapping.lead_file
            for chunk in table.chunks(on_progress=shifted):
                yield [
                    MappedEvent(name, row.number, row.cells, event)
                    for row in chunk
                    if not (is_lead_file and row.problem)  # told with the leads
                    for event in (outcome.read(row) for outcome in outcomes)
                    if event is not None
                ]
            offset += table.n_bytes


def _shift(on_progress: Progress, offset: int) -> Progress:
    """Report bytes as if the earlier files stood before this one."""
    return lambda done: on_progress(offset + done)


def _gather(export: Export, *, now: datetime) -> _Gathered:
    """Read the lead table into columns, in file order."""
    gathered = _Gathered()
    known: set[str] = set()
    order = export.mapping.order
    name = export.mapping.lead_file
    for chunk in _lead_chunks(export, now=now, require_contact=False, on_progress=None):
        flats: list[dict[str, Scalar]] = []
        for row in chunk:
            reasons = _unusable(row, known, order)
            if reasons or isinstance(row.result, Rejected) or row.external_id is None:
                rejected = RejectedRow(name, row.row_number, row.raw_cells, reasons)
                gathered.rejected.append(rejected)
                continue
            known.add(row.external_id)
            gathered.lead_ids.append(row.external_id)
            gathered.order.append(_order_key(row, row.result, order))
            flat = flatten_lead(row.result)
            if order is not None:
                del flat["created_at"]
            flats.append(flat)
        gathered.add(flats)
    return gathered


def _unusable(row: MappedLead, known: set[str], order: str | None) -> tuple[FieldReason, ...]:
    """Say why a row cannot be part of a history."""
    if isinstance(row.result, Rejected):
        return row.result.reasons
    if row.external_id in known:
        return (FieldReason("external_id", "was given to an earlier row; ids must differ"),)
    if order not in {None, "file", "none"} and not cell_text(row.raw_cells.get(str(order))):
        return (FieldReason("created_at", f"is empty (column `{order}`, which gives the order)"),)
    return ()


def _order_key(row: MappedLead, lead: Lead, order: str | None) -> datetime | str:
    """Return what the history is sorted by."""
    if order is None:
        return lead.created_at.replace(tzinfo=None)
    return cell_text(row.raw_cells.get(order)) or ""


def _event_problem(row: MappedEvent, known: set[str], *, lead_file: str) -> RejectedRow | None:
    """Say why a row of outcomes is of no use; rows of the lead table were reported before."""
    if isinstance(row.result, Rejected):
        return RejectedRow(row.file, row.row_number, row.raw_cells, row.result.reasons)
    if row.result.lead_id in known or row.file == lead_file:
        return None
    reason = FieldReason("lead_id", "is the id of no lead, or of a rejected one")
    return RejectedRow(row.file, row.row_number, row.raw_cells, (reason,))


def _history(export: Export, gathered: _Gathered, events: list[OutcomeEvent]) -> History:
    """Put the leads into time order."""
    mapping = export.mapping
    rows, moments = _sorted_moments(gathered.order, mapping.order)
    return History(
        source=mapping.source,
        lead_ids=[gathered.lead_ids[i] for i in rows],
        moments=moments,
        columns={name: [values[i] for i in rows] for name, values in gathered.columns.items()},
        events=events,
        has_times=mapping.order is None,
        is_ordered=mapping.order != "none",
        recorded=Recorded(losses=mapping.recorded.losses == "always"),
    )


def _sorted_moments(
    keys: list[datetime | str], order: str | None
) -> tuple[NDArray[np.intp], NDArray[np.datetime64]]:
    """Return the rows in time order and their moments; without times, one second apart."""
    if order is None:
        moments = np.array(keys, dtype="datetime64[us]")
        rows = np.argsort(moments, kind="stable")
        return rows, moments[rows]
    n_leads = len(keys)
    rows = np.arange(n_leads)
    if order not in {"file", "none"}:
        rows = np.argsort(_comparable(keys), kind="stable")
    return rows, _EPOCH + np.arange(n_leads) * np.timedelta64(1_000_000, "us")


def _comparable(keys: list[datetime | str]) -> NDArray[np.float64] | NDArray[np.str_]:
    """Return order keys as numbers if all are, else as text (ISO dates sort as text)."""
    try:
        return np.array(keys, dtype=np.float64)
    except ValueError:
        return np.array(keys, dtype=np.str_)
