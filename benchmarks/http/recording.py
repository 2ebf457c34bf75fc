"""Let the service write leads, and write down their rows for the floor that repeats them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import Table

from benchmarks.peers import same_rows
from benchmarks.peers.recorded_rows import ID, Recorded, write_recorded
from benchmarks.serving import Deployment, copy_database
from leadqual.config import Settings
from leadqual.leads.schema import RawLead
from leadqual.services.calls import SYSTEM, Call
from leadqual.services.intake import IntakeResult
from leadqual.store.connections import open_connections
from leadqual.store.indexes import complete_metadata
from leadqual.store.types import UtcTime
from leadqual.wiring import build_serving

N_RECORDED: Final = 1_000
"""Of so many leads, at most, the rows are written down."""

_LEADS: Final = "leads"
_RECEIVED: Final = "received_at"
_MICROSECOND: Final = timedelta(microseconds=1)


def record_rows(deployment: Deployment) -> Mapping[str, str]:
    """Let the service take leads into a copy of its database, and write down their rows.

    Nobody may use the deployment meanwhile. The leads stay in the copy.

    Returns
    -------
    mapping of str to str
        The environment of the floor that writes such rows into the copy.
    """
    path = deployment.folder / "recorded.jsonl"
    url = copy_database(deployment)
    ids = _take_in(deployment, url)
    write_recorded(path, list(_recorded(url, ids)))
    return {same_rows.DATABASE: url, same_rows.RECORDED: str(path)}


def _take_in(deployment: Deployment, url: str) -> list[str]:
    """Return the ids of leads that came once, as all but one in a hundred of the bodies do."""
    with deployment.bodies.open("rb") as lines:
        raws = [RawLead.model_validate_json(line) for line in islice(lines, N_RECORDED)]
    settings = Settings(home=deployment.folder / "home", database_url=url)
    with closing(build_serving(settings)) as serving:
        waiting = [serving.intake.accept(raw, call=Call(SYSTEM, serving.clock())) for raw in raws]
        answers = [answer.result() for answer in waiting]
    touched = Counter(answer.lead_id for answer in answers if isinstance(answer, IntakeResult))
    return [lead_id for lead_id, n_times in touched.items() if n_times == 1]


def _recorded(url: str, ids: Sequence[str]) -> Iterator[Recorded]:
    """Yield the rows of each table that has some, tables that others refer to first."""
    metadata = complete_metadata()
    with closing(open_connections(url).reading.connect()) as connection:
        moments = _rows_of(connection, metadata.tables[_LEADS], (_RECEIVED,), ids=ids)
        for table in metadata.sorted_tables:
            if ID not in table.columns:
                continue
            # What the database numbers by itself is not written.
            columns = [
                column for column in table.columns if column is not table.autoincrement_column
            ]
            names = [column.name for column in columns]
            rows = _rows_of(connection, table, names, ids=ids)
            times = [column.name for column in columns if isinstance(column.type, UtcTime)]
            if rows:
                places = [names.index(name) for name in times]
                since = [_since(row, places, *at) for row, at in zip(rows, moments, strict=True)]
                yield Recorded(table.name, names, times, since)


def _rows_of(
    connection: Any,  # noqa: ANN401 - of either driver
    table: Table,
    columns: Sequence[str],
    *,
    ids: Sequence[str],
) -> list[tuple[Any, ...]]:
    """Return columns of the rows of leads, in their order; nothing where there are none.

    Raises
    ------
    RuntimeError
        When they have other than one row each: the floor knows how to write that.
    """
    cursor = connection.cursor()
    cursor.execute(f"SELECT {ID}, {', '.join(columns)} FROM {table.name}")  # noqa: S608 - our own names
    found: dict[str, list[tuple[Any, ...]]] = {lead_id: [] for lead_id in ids}
    for lead_id, *row in cursor.fetchall():
        if lead_id in found:
            found[lead_id].append(tuple(row))
    rows = [row for some in found.values() for row in some]
    if rows and any(len(some) != 1 for some in found.values()):
        raise RuntimeError(
            f"the service wrote {len(rows)} rows to {table.name} for {len(ids)} leads; the floor "
            "can repeat one for each"
        )
    return rows


def _since(row: Sequence[Any], at: Sequence[int], moment: Any) -> list[Any]:  # noqa: ANN401 - of either driver
    """Return a row with the times at these places in microseconds from a moment."""
    values = list(row)
    for index in at:
        if values[index] is not None:
            apart = values[index] - moment
            values[index] = apart // _MICROSECOND if isinstance(apart, timedelta) else apart
    return values
