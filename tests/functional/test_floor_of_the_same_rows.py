"""The floor of the same rows writes as much for a lead as the service does."""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.http.recording import record_rows
from benchmarks.peers.recorded_rows import read_recorded
from benchmarks.peers.same_rows import DATABASE, RECORDED
from benchmarks.serving import (
    QUICK,
    Deployment,
    free_port,
    prepare_deployment,
    started,
    uvicorn_command,
    wait_until_listening,
)
from leadqual.store import open_store
from leadqual.store.connections import open_connections
from leadqual.store.metadata import METADATA
from tests.functional.conftest import TLS

APP = "benchmarks.peers.same_rows:app_from_environment"
ID = "lead_id"
AT_ONCE = 16
NOW = datetime(2026, 11, 22, tzinfo=UTC)

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def prepared(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    """Return a small deployment without any leads."""
    url = None
    if request.param == "postgresql":
        url = str(request.getfixturevalue("bare_postgres_url"))
    return prepare_deployment(tmp_path, size=QUICK, url=url)


def rows_of(url: str) -> Rows:
    """Return every row of every table."""
    with closing(open_connections(url).reading.connect()) as connection:
        found: Rows = {}
        for table in METADATA.tables.values():
            names = [column.name for column in table.columns]
            quoted = ", ".join(f'"{name}"' for name in names)
            cursor = connection.cursor()
            cursor.execute(f"SELECT {quoted} FROM {table.name}")  # noqa: S608 - our own names
            found[table.name] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return found


def size_of(value: object) -> int:
    """Return how many bytes a value takes, about: all but texts take a few."""
    return len(value.encode()) if isinstance(value, str) else 8


def written(rows: Rows, ids: Collection[str]) -> Mapping[str, tuple[int, int]]:
    """Return by table how many rows and bytes some leads have, where they have any."""
    sizes = {}
    for name, some in rows.items():
        theirs = [row for row in some if row.get(ID) in ids]
        sizes[name] = len(theirs), sum(size_of(value) for row in theirs for value in row.values())
    return {name: size for name, size in sizes.items() if size[0]}


@contextmanager
def floor_of(prepared: Deployment, environment: dict[str, str]) -> Iterator[str]:
    """Serve the floor and yield its address."""
    port, log = free_port(), prepared.folder / "floor.log"
    with started(
        uvicorn_command(APP, port, is_factory=True),
        environment={**prepared.environment, **environment},
        log=log,
    ) as process:
        wait_until_listening(process, port, log)
        yield f"http://127.0.0.1:{port}/"


def test_a_request_writes_as_many_rows_and_bytes_as_the_service_does(prepared: Deployment) -> None:
    environment = dict(record_rows(prepared))
    url, n_leads = environment[DATABASE], len(read_recorded(Path(environment[RECORDED]))[0].rows)
    before = rows_of(url)
    theirs = {row[ID] for row in before["leads"] if row["n_touches"] == 1}

    with (
        floor_of(prepared, environment) as address,
        httpx.Client(verify=TLS) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        assert client.post(address, content=b"{}").status_code == httpx.codes.CREATED
        assert len(rows_of(url)["leads"]) == len(before["leads"]) + 1  # committed by now
        answers = pool.map(lambda _: client.post(address, content=b"{}"), range(n_leads - 1))
        assert {answer.status_code for answer in answers} == {httpx.codes.CREATED}

    after = rows_of(url)
    ours = {row[ID] for row in after["leads"]} - {row[ID] for row in before["leads"]}
    assert len(ours) == len(theirs) == n_leads > 400
    by_service, by_floor = written(after, theirs), written(after, ours)
    assert set(by_service) == {"leads", "external_ids", "scores", "outbox", "queue_items"}
    for name, (n_rows, n_bytes) in by_service.items():
        assert by_floor[name][0] == n_rows, name
        assert by_floor[name][1] == pytest.approx(n_bytes, rel=0.01), name
        assert len(after[name]) == len(before[name]) + n_rows, name
    others = set(after) - set(by_service)
    assert {name: after[name] for name in others} == {name: before[name] for name in others}
    with closing(open_store(url)) as store:
        assert store.check(NOW).problems == ()
