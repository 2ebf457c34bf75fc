"""History in: an export and its mapping become leads and events, once."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Final

from leadqual.errors import MappingError
from leadqual.leads.export import Export, open_export
from leadqual.leads.mapping import MappingSpec, load_mapping
from leadqual.leads.rejected import RejectedRow, write_rejected
from leadqual.leads.rows import CHUNK_ROWS, Row
from leadqual.leads.schema import FieldReason, Rejected
from leadqual.leads.texts import LeadText
from leadqual.outcomes.events import OutcomeEvent
from leadqual.outcomes.mapped import EventChunk, MappedEvent, iter_events, iter_texts
from leadqual.services.ids import new_lead_id
from leadqual.services.workshop import OPERATOR, Workshop
from leadqual.store import ImportCounts, ImportRecord, OldLead

MAX_PROBLEMS: Final = 20
ROWS_PER_COMMIT: Final = 5_000
_NO_LEAD: Final = FieldReason("lead_id", "names no lead of this feed")
_REPEATED: Final = FieldReason("external_id", "was given by an earlier row of this file")
_SUPPRESSED: Final = FieldReason("contact", "this person was erased on request; not stored")

Progress = Callable[[int], None]
_TextChunk = list[tuple[Row, LeadText | Rejected]]


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import: a file or folder, the mapping that explains it, and whether only to check."""

    data: Path
    mapping: Path
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of an import.

    `n_known` leads and `n_events_known` events were there already (a dry run looks at leads
    only). `rejected_files` list rejected rows with the reason per field, `problems` counts the
    most frequent reasons. `is_repeat` says that this very data had been imported with this very
    mapping before, so nothing was done.
    """

    feed: str
    n_rows: int
    n_created: int
    n_known: int
    n_events_created: int
    n_events_known: int
    n_rejected: int
    problems: dict[str, int]
    rejected_files: tuple[Path, ...]
    is_dry_run: bool
    is_repeat: bool


@dataclass
class _Counts:
    """What was seen so far; `problems` counts reasons without values."""

    n_rows: int = 0
    n_created: int = 0
    n_known: int = 0
    n_events_created: int = 0
    n_events_known: int = 0
    n_rejected: int = 0
    problems: Counter[str] = field(default_factory=Counter)


def import_file(
    workshop: Workshop,
    request: ImportRequest,
    *,
    now: datetime,
    on_progress: Progress | None = None,
) -> ImportSummary:
    """Bring the leads and outcomes of an export into the store, 5,000 rows at a time.

    Leads keep their time of creation as prediction moment and are not scored. A broken-off
    import is completed by doing it again: what is there already is left alone.

    Parameters
    ----------
    workshop : Workshop
        The deployment.
    request : ImportRequest
        What to import.
    now : datetime, aware
        Later times of creation are rejected.
    on_progress : callable, optional
        Told the bytes read so far, out of `count_bytes(request)`.

    Raises
    ------
    MappingError
        The mapping is malformed, names what the data lacks, or knows no time of creation.
    FileFormatError
        The data cannot be read.
    """
    mapping = load_mapping(request.mapping)
    if mapping.order is not None:
        raise MappingError([
            "lead.created_at: importing needs the time of creation, because leads are learned "
            "from in the order of time; a history with an order only can be learned from with "
            "`leadqual train --data … --mapping …`"
        ])
    export = open_export(request.data, mapping)
    progress = on_progress or _ignore
    run = _Run(workshop, request, export, now=now, on_progress=progress)
    record = None if request.is_dry_run else run.start()
    if record is not None and record.finished_at is not None:
        progress(count_bytes(request))
        return _repeat(record)
    rejected_files = run.read_all()
    if record is not None:
        run.finish(record)
    counts = run.counts
    return ImportSummary(
        feed=mapping.source,
        n_rows=counts.n_rows,
        n_created=counts.n_created,
        n_known=counts.n_known,
        n_events_created=counts.n_events_created,
        n_events_known=counts.n_events_known,
        n_rejected=counts.n_rejected,
        problems=dict(counts.problems.most_common(MAX_PROBLEMS)),
        rejected_files=rejected_files,
        is_dry_run=request.is_dry_run,
        is_repeat=False,
    )


def count_bytes(request: ImportRequest) -> int:
    """Return how many bytes an import reads; 0 when the data cannot be opened yet."""
    mapping = load_mapping(request.mapping)
    export = open_export(request.data, mapping)
    return export.leads.n_bytes + sum(
        export.tables[name].n_bytes for name in _outcome_files(mapping)
    )


class _Run:
    """One import under way: generators that write what is good and yield what is not."""

    def __init__(
        self,
        workshop: Workshop,
        request: ImportRequest,
        export: Export,
        *,
        now: datetime,
        on_progress: Progress,
    ) -> None:
        self._workshop = workshop
        self._request = request
        self._export = export
        self._now = now
        self._on_progress = on_progress
        self._seen: set[int] = set()  # hashes: a million ids in 64 MB
        self.counts = _Counts()

    def start(self) -> ImportRecord:
        """Write down that this data is being imported, or find that it was before."""
        tables = self._export.tables.values()
        data_hash = hashlib.sha256("".join(table.fingerprint() for table in tables).encode())
        mapping = self._export.mapping
        draft = ImportRecord(
            import_id=0,
            feed=mapping.source,
            file_name=self._request.data.name,
            file_hash=data_hash.hexdigest(),
            mapping_hash=hashlib.sha256(mapping.model_dump_json().encode()).hexdigest(),
            started_at=self._now,
            started_by=OPERATOR.name,
        )
        with self._workshop.store.transaction() as tx:
            return tx.imports.start(draft)[0]

    def finish(self, record: ImportRecord) -> None:
        """Write down what came of it."""
        counts = ImportCounts(
            n_rows=self.counts.n_rows,
            n_leads=self.counts.n_created + self.counts.n_known,
            n_events=self.counts.n_events_created + self.counts.n_events_known,
            n_rejected=self.counts.n_rejected,
        )
        with self._workshop.store.transaction() as tx:
            tx.imports.finish(record.import_id, at=self._now, counts=counts)

    def read_all(self) -> tuple[Path, ...]:
        """Read every file; return where rejected rows were written."""
        lead_table = self._export.leads.path
        written = [self._keep(_beside(lead_table), self._leads())]
        is_joint = self._export.mapping.lead_file
        pending = {name: self._export.tables[name].path for name in self._outcome_names()}
        for name, rows in groupby(self._events(), key=lambda row: row.file):
            path = pending.pop(name)
            ending = ".outcomes" if name == is_joint else ""
            written.append(self._keep(_beside(path, ending), rows))
        for name, path in pending.items():
            written.append(self._keep(_beside(path, ".outcomes" if name == is_joint else ""), ()))
        return tuple(path for path in written if path is not None)

    def _outcome_names(self) -> list[str]:
        return _outcome_files(self._export.mapping)

    def _keep(self, path: Path, rows: Iterable[RejectedRow]) -> Path | None:
        """Write rejected rows as they come; None where there was none, or in a dry run."""
        if self._request.is_dry_run:
            deque(rows, maxlen=0)
            return None
        return path if write_rejected(path, rows) else None

    def _leads(self) -> Iterator[RejectedRow]:
        chunks = iter_texts(
            self._request.data,
            self._export.mapping,
            now=self._now,
            n_rows=ROWS_PER_COMMIT,
            on_progress=self._on_progress,
        )
        for chunk in chunks:
            self.counts.n_rows += len(chunk)
            good, problems = self._sort_out(chunk)
            self._write_leads(good)
            yield from self._noted(problems)

    def _sort_out(self, chunk: _TextChunk) -> tuple[list[LeadText], list[RejectedRow]]:
        """Part the leads of a chunk from the rows that cannot be used."""
        good: list[LeadText] = []
        problems: list[RejectedRow] = []
        suppressed = self._suppressed(chunk)
        for row, result in chunk:
            reasons = self._reasons(result, suppressed)
            if isinstance(result, LeadText) and not reasons:
                good.append(result)
            else:
                name = self._export.mapping.lead_file
                problems.append(RejectedRow(name, row.number, row.cells, reasons))
        return good, problems

    def _suppressed(self, chunk: _TextChunk) -> frozenset[str]:
        """Return which addresses and numbers of a chunk are of persons that were erased."""
        identities = {
            identity
            for _, result in chunk
            if isinstance(result, LeadText)
            for identity in (result.email, result.phone)
            if identity
        }
        with self._workshop.store.read() as tx:
            return tx.leads.suppressed_among(identities, self._workshop.suppression_key)

    def _reasons(
        self, result: LeadText | Rejected, suppressed: frozenset[str]
    ) -> tuple[FieldReason, ...]:
        if isinstance(result, Rejected):
            return result.reasons
        external_id = result.external_id
        if external_id is not None and hash(external_id) in self._seen:
            return (_REPEATED,)
        if external_id is not None:
            self._seen.add(hash(external_id))
        if result.email in suppressed or result.phone in suppressed:
            return (_SUPPRESSED,)
        return ()

    def _write_leads(self, leads: list[LeadText]) -> None:
        feed = self._export.mapping.source
        if self._request.is_dry_run:
            ids = [lead.external_id for lead in leads if lead.external_id is not None]
            with self._workshop.store.read() as tx:
                n_known = len(tx.leads.ids_by_external(feed, ids))
            self.counts.n_known += n_known
            self.counts.n_created += len(leads) - n_known
            return
        rows = [
            OldLead(
                lead_id=new_lead_id(lead.created_at),
                feed=feed,
                external_id=lead.external_id,
                email=lead.email,
                lead_json=lead.text,
                received_at=lead.created_at,
            )
            for lead in leads
        ]
        with self._workshop.store.transaction() as tx:
            n_created = sum(done.created for done in tx.leads.insert_many(rows))
        self.counts.n_created += n_created
        self.counts.n_known += len(rows) - n_created

    def _events(self) -> Iterator[RejectedRow]:
        offset = self._export.leads.n_bytes
        chunks = iter_events(
            self._request.data,
            self._export.mapping,
            on_progress=lambda done: self._on_progress(offset + done),
        )
        for chunk in _joined(chunks):
            ids = self._ids_of(chunk)
            good = [row.result for row in chunk if _is_of(row, ids)]
            self._write_events([event for event in good if isinstance(event, OutcomeEvent)], ids)
            yield from self._noted(self._event_problems(chunk, ids))

    def _ids_of(self, chunk: EventChunk) -> dict[str, str]:
        """Return external id to lead id for the leads that a chunk of events names."""
        names = {row.result.lead_id for row in chunk if isinstance(row.result, OutcomeEvent)}
        with self._workshop.store.read() as tx:
            known = tx.leads.ids_by_external(self._export.mapping.source, sorted(names))
        if self._request.is_dry_run:
            known |= {name: name for name in names if hash(name) in self._seen}
        return known

    def _write_events(self, events: list[OutcomeEvent], ids: dict[str, str]) -> None:
        if self._request.is_dry_run:
            self.counts.n_events_created += len(events)
            return
        feed = self._export.mapping.source
        rows = [(event, _event_key(feed, event)) for event in events]
        with self._workshop.store.transaction() as tx:
            n_created = tx.events.append_many(rows, ids=ids)
        self.counts.n_events_created += n_created
        self.counts.n_events_known += len(rows) - n_created

    def _event_problems(self, chunk: EventChunk, ids: dict[str, str]) -> Iterator[RejectedRow]:
        """Yield events that cannot be used; a rejected row of the lead table is told once only."""
        for row in chunk:
            if isinstance(row.result, Rejected):
                yield RejectedRow(row.file, row.row_number, row.raw_cells, row.result.reasons)
            elif row.result.lead_id not in ids and row.file != self._export.mapping.lead_file:
                yield RejectedRow(row.file, row.row_number, row.raw_cells, (_NO_LEAD,))

    def _noted(self, problems: Iterable[RejectedRow]) -> Iterator[RejectedRow]:
        for problem in problems:
            self.counts.n_rejected += 1
            self.counts.problems.update(f"{one.field}: {one.reason}" for one in problem.reasons)
            yield problem


def _joined(chunks: Iterator[EventChunk]) -> Iterator[EventChunk]:
    """Yield chunks of as many rows as are written together."""
    while some := list(islice(chunks, ROWS_PER_COMMIT // CHUNK_ROWS)):
        yield list(chain.from_iterable(some))


def _repeat(record: ImportRecord) -> ImportSummary:
    """Return what an earlier import of the same data did."""
    return ImportSummary(
        feed=record.feed,
        n_rows=record.counts.n_rows,
        n_created=0,
        n_known=record.counts.n_leads,
        n_events_created=0,
        n_events_known=record.counts.n_events,
        n_rejected=record.counts.n_rejected,
        problems={},
        rejected_files=(),
        is_dry_run=False,
        is_repeat=True,
    )


def _outcome_files(mapping: MappingSpec) -> list[str]:
    """Return the names of the files that outcomes are read from, each once."""
    return list(dict.fromkeys(spec.file or mapping.lead_file for spec in mapping.outcomes))


def _is_of(row: MappedEvent, ids: dict[str, str]) -> bool:
    return isinstance(row.result, OutcomeEvent) and row.result.lead_id in ids


def _event_key(feed: str, event: OutcomeEvent) -> str:
    """Name an imported event by what it says: the same line of a file is the same event."""
    said = event.model_dump_json(exclude={"recorded_at"})
    return f"import:{hashlib.sha256(f'{feed}:{said}'.encode()).hexdigest()}"


def _beside(path: Path, ending: str = "") -> Path:
    return path.with_name(f"{path.name}{ending}.rejected.csv")


def _ignore(_done: int) -> None:
    pass
