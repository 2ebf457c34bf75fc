"""Keys, people and standards for the command line, without the scoring half of the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from leadqual.services.access import Keys
from leadqual.services.people import People
from leadqual.services.standards import Standards
from leadqual.services.workshop import open_workshop_from_environment
from leadqual.services.writer import GroupWriter


@dataclass(frozen=True)
class Desk:
    """Who may come in, and what counts as qualified."""

    keys: Keys
    people: People
    standards: Standards


@contextmanager
def open_desk() -> Iterator[Desk]:
    """Open the deployment that the environment describes for keys, users and standards.

    Raises
    ------
    SchemaVersionError, StoreError, ConfigError
        The deployment cannot be used.
    """
    with open_workshop_from_environment() as workshop:
        writer = GroupWriter(workshop.store)
        try:
            yield Desk(
                keys=Keys(workshop.store, writer),
                people=People(workshop.store, writer),
                standards=Standards(workshop.store, writer),
            )
        finally:
            writer.close()
