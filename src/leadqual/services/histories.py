"""Where a training set comes from: what the store recorded, or an export and its mapping."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from leadqual.errors import InputError, TrainingError
from leadqual.leads.mapping import load_mapping
from leadqual.leads.rejected import RejectedRow
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import History, Recorded
from leadqual.outcomes.mapped import read_history
from leadqual.routing.decision import Queue
from leadqual.services.scoring import columns_of
from leadqual.store import Store, TrainingRow

BATCH: Final = 2_000
MAX_PROBLEMS: Final = 20
MAX_TOLD: Final = 5
LATE: Final = timedelta(days=1)
"""A live lead that came in longer after its creation than this was entered after the fact."""

_LOSSES: Final = frozenset({
    OutcomeType.NO_RESPONSE,
    OutcomeType.DISQUALIFIED,
    OutcomeType.REJECTED,
    OutcomeType.LOST,
})


@dataclass(frozen=True, slots=True)
class HistorySource:
    """What to learn from: the store, or `data` read through `mapping`.

    `as_of` hides everything known later; None means all that is there.
    """

    as_of: datetime | None = None
    data: Path | None = None
    mapping: Path | None = None

    def __post_init__(self) -> None:
        if (self.data is None) != (self.mapping is None):
            raise InputError(
                "--data and --mapping belong together: one names the export, the other says "
                "what its columns mean (`leadqual mapping suggest FILE` guesses one)"
            )


@dataclass(frozen=True)
class Rejections:
    """Rows of an export that could not be learned from.

    `n_rows` counts them by file of the mapping, `problems` the most frequent reasons, without
    values.
    """

    n_rows: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return the counts as JSON values."""
        return {"n_rows": dict(self.n_rows), "problems": dict(self.problems)}

    def lines(self) -> list[str]:
        """Return the counts for people; nothing where nothing was rejected."""
        if not self.n_rows:
            return []
        counted = ", ".join(f"{n:,} of {name}" for name, n in self.n_rows.items())
        most = [f"  {n:,} x {problem}" for problem, n in list(self.problems.items())[:MAX_TOLD]]
        return [f"rows that could not be used: {counted}; most often:", *most]


@dataclass(frozen=True)
class LoadedHistory:
    """A history, where it came from, and what of it could not be used."""

    history: History
    origin: str
    rejections: Rejections

    @cached_property
    def data_hash(self) -> str:
        """Return what tells this data from any other, see `hash_history`."""
        return hash_history(self.history)


def load_history(store: Store, source: HistorySource, *, now: datetime) -> LoadedHistory:
    """Read the history that a source names.

    Raises
    ------
    TrainingError
        There is not one usable lead in it.
    FileFormatError, MappingError
        The export or its mapping cannot be read.
    """
    if source.data is not None and source.mapping is not None:
        mapped = read_history(source.data, load_mapping(source.mapping), now=now)
        loaded = LoadedHistory(mapped.history, source.data.name, _count(mapped.rejected))
    else:
        history = read_store_history(store, as_of=source.as_of)
        loaded = LoadedHistory(history, "store", Rejections())
    if loaded.history.n_leads == 0:
        told = "".join(f"\n{line}" for line in loaded.rejections.lines())
        raise TrainingError(
            f"no lead to learn from in {loaded.origin}; bring history in with `leadqual import`, "
            f"or name it with --data and --mapping{told}"
        )
    return loaded


def read_store_history(store: Store, *, as_of: datetime | None) -> History:
    """Return what the service recorded: snapshots at the prediction moment, and events.

    A lead's present state is never read. Quarantined leads are left out; imported leads
    count with what was imported. A lead that was entered after the fact (more than `LATE` after
    its creation: a replay, a backlog) counts from its creation, and its outcomes from when they
    happened: when they were typed in says nothing about the market.

    Parameters
    ----------
    as_of : datetime or None
        Leads with a later prediction moment are left out.
    """
    with store.read() as tx:
        placed = [
            (_at_creation(row), _is_late(row))
            for batch in tx.scores.iter_training_rows(BATCH)
            for row in batch
            if row.queue != Queue.QUARANTINE
        ]
        kept = [(row, late) for row, late in placed if as_of is None or row.moment <= as_of]
        rows = sorted((row for row, _ in kept), key=lambda row: row.moment)
        is_late = {row.lead_id: late for row, late in kept}
        events = [
            event.model_copy(update={"recorded_at": None}) if is_late[event.lead_id] else event
            for batch in tx.events.iter_all(BATCH)
            for event in batch
            if event.lead_id in is_late
        ]
    return History(
        source="store",
        lead_ids=[row.lead_id for row in rows],
        moments=_moments(rows),
        columns=columns_of([row.snapshot for row in rows]),
        events=events,
        recorded=Recorded(losses=any(event.type in _LOSSES for event in events)),
        explored=np.array([row.explored for row in rows], dtype=np.bool_),
    )


def hash_history(history: History) -> str:
    """Return a sha256 over ids, moments, columns and events, independent of their order on disk.

    The same data gives the same hash, so two trainings can be told apart by what they saw.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(list(history.lead_ids)).encode())
    digest.update(history.moments.astype("datetime64[us]").tobytes())
    for name in sorted(history.columns):
        digest.update(name.encode())
        digest.update(json.dumps(history.columns[name], default=str).encode())
    for line in sorted(_event_lines(history.events)):
        digest.update(line.encode())
    return digest.hexdigest()


def _count(rows: Sequence[RejectedRow]) -> Rejections:
    problems = Counter(f"{one.field}: {one.reason}" for row in rows for one in row.reasons)
    return Rejections(
        n_rows=Counter(row.file for row in rows), problems=dict(problems.most_common(MAX_PROBLEMS))
    )


def _created_at(row: TrainingRow) -> datetime:
    """Return when the lead came into the world, by its own snapshot."""
    said = row.snapshot.get("created_at")
    return row.moment if said is None else datetime.fromisoformat(str(said))


def _is_late(row: TrainingRow) -> bool:
    return row.moment - _created_at(row) > LATE


def _at_creation(row: TrainingRow) -> TrainingRow:
    return row._replace(moment=_created_at(row)) if _is_late(row) else row


def _event_lines(events: Iterable[OutcomeEvent]) -> Iterable[str]:
    for event in events:
        yield event.model_dump_json(exclude={"note", "actor"})


def _moments(rows: list[TrainingRow]) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    naive = [row.moment.astimezone(UTC).replace(tzinfo=None) for row in rows]
    return np.array(naive, dtype="datetime64[us]")
