"""Readiness: what works, what is degraded and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from leadqual.errors import LeadqualError
from leadqual.services.scoring import LiveScorer
from leadqual.services.ticker import Ticker
from leadqual.services.writer import GroupWriter
from leadqual.store import Store, StoreInfo


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be served, and what is not as it should be.

    `is_ready` is False only when leads cannot be accepted. `degraded` lists reasons in words
    ("no model is promoted: leads are scored by written rules"); empty when all is well. The
    database fields are None while it does not answer.
    """

    is_ready: bool
    degraded: tuple[str, ...]
    model_version: str
    standard_version: int
    database: str | None
    database_version: str | None
    schema_revision: str | None
    n_waiting_writes: int
    checked_at: datetime


class Health:
    """Look at the parts of the running service.

    Parameters
    ----------
    store, writer, scorer
        What leads pass through.
    tickers : sequence of Ticker
        Background tasks whose failures count as degraded.
    """

    def __init__(
        self,
        store: Store,
        writer: GroupWriter,
        *,
        scorer: LiveScorer,
        tickers: Sequence[Ticker] = (),
    ) -> None:
        self._store = store
        self._writer = writer
        self._scorer = scorer
        self._tickers = tickers

    def readiness(self, *, now: datetime) -> Readiness:
        """Return the state of the service; never raises for a part that is down."""
        info, problem = self._database()
        live = self._scorer.live
        found = [*live.problems, *self._store.warnings]
        found += [
            f"the background task {ticker.name} fails ({ticker.problem})"
            for ticker in self._tickers
            if ticker.problem is not None
        ]
        if problem is not None:
            found.append(problem)
        if not self._writer.is_alive:
            found.append("nothing can be written: the service is shutting down")
        return Readiness(
            is_ready=problem is None and self._writer.is_alive,
            degraded=tuple(found),
            model_version=live.model_version,
            standard_version=live.standard.version,
            database=None if info is None else info.dialect,
            database_version=None if info is None else info.version,
            schema_revision=None if info is None else info.schema,
            n_waiting_writes=self._writer.n_waiting,
            checked_at=now,
        )

    def _database(self) -> tuple[StoreInfo | None, str | None]:
        """Return what the database is, or why it cannot be used."""
        try:
            self._store.check_schema()
            return self._store.info(), None
        except LeadqualError as error:
            return None, str(error)
