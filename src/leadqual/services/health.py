"""Readiness: what works, what is degraded and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be served, and what is not as it should be.

    `is_ready` is False only when leads cannot be accepted. `degraded` lists reasons in words
    ("no model is promoted: leads are scored by rules"); empty when all is well.
    """

    is_ready: bool
    degraded: tuple[str, ...]
    model_version: str
    standard_version: int
    database: str
    database_version: str
    schema_revision: str
    n_waiting_writes: int


class Health:
    """Look at the parts of the running service.

    Methods
    -------
    readiness(*, now) -> Readiness
    """

    def readiness(self, *, now: datetime) -> Readiness:
        """Return the state of the service; never raises for a part that is down."""
        raise AssertionError
