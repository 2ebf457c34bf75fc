"""Everything the API serves from, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from leadqual.config import Settings
from leadqual.services.access import Keys
from leadqual.services.forms import Forms
from leadqual.services.health import Health
from leadqual.services.intake import Intake
from leadqual.services.lead_records import LeadRecords
from leadqual.services.models import Models
from leadqual.services.outcomes import Outcomes
from leadqual.services.people import People
from leadqual.services.queues import Queues
from leadqual.services.reports import Reports
from leadqual.services.rescoring import Rescorer
from leadqual.services.scoring import LiveScorer
from leadqual.services.standards import Standards
from leadqual.services.working import Working
from leadqual.services.writer import GroupWriter
from leadqual.store import Store

Clock = Callable[[], datetime]
"""Returns the present moment in aware UTC; the API makes `Call.now` with it."""


@dataclass(frozen=True)
class Serving:
    """The services of one process, sharing one store, one writer and one live model."""

    settings: Settings
    clock: Clock
    store: Store
    writer: GroupWriter
    scorer: LiveScorer
    intake: Intake
    queues: Queues
    working: Working
    outcomes: Outcomes
    leads: LeadRecords
    keys: Keys
    people: People
    standards: Standards
    models: Models
    reports: Reports
    forms: Forms
    health: Health
    rescorer: Rescorer

    def close(self) -> None:
        """Finish what waits, stop the threads and close the store."""
        raise AssertionError
