"""Everything the API serves from, put together."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

from leadqual.config import Settings
from leadqual.leads.schema import Company, Contact, Interest, RawLead
from leadqual.qualify.bundle import ModelBundle
from leadqual.registry.local import LocalRegistry
from leadqual.routing.standard import default_standard
from leadqual.services.access import Keys
from leadqual.services.admission import Admission
from leadqual.services.calls import SYSTEM, Call
from leadqual.services.housekeeping import (
    HOUSEKEEPING_SECONDS,
    SCRUB_SECONDS,
    TIDY_SECONDS,
    Housekeeping,
    Scrubber,
)
from leadqual.services.intake import Intake
from leadqual.services.placement import Placement
from leadqual.services.previewing import Previews
from leadqual.services.rescoring import RESCORE_SECONDS, Rescorer
from leadqual.services.scoring import POLL_SECONDS, LiveScorer
from leadqual.services.ticker import Ticker
from leadqual.services.writer import GroupWriter
from leadqual.store import Store

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from leadqual.services.forms import Forms
    from leadqual.services.health import Health
    from leadqual.services.lead_records import LeadRecords
    from leadqual.services.models import Models
    from leadqual.services.outcomes import Outcomes
    from leadqual.services.people import People
    from leadqual.services.promotion import ModelVersions
    from leadqual.services.queues import Queues
    from leadqual.services.reports import Reports
    from leadqual.services.standards import Standards
    from leadqual.services.working import Working

Clock = Callable[[], datetime]
"""Returns the present moment in aware UTC; the API makes `Call.now` with it."""


@dataclass(frozen=True)
class Edges:
    """What a deployment brings along.

    Parameters
    ----------
    settings : Settings
        Its settings.
    store : Store
        Open, with the current schema.
    registry : LocalRegistry
        Its model versions.
    key : bytes
        Its signing key; other keys are derived from it.
    clock : callable
        Its clock.
    draw : callable
        Returns a number from 0 up to 1 for the exploration slice; used by the writer's thread only.
    load_bundle : callable, optional
        Loads a model version; the registry unless a test brings bundles of its own.
    hasher : PasswordHasher, optional
        Hashes passwords; argon2id as it comes unless a test wants it cheap.
    """

    settings: Settings
    store: Store
    registry: LocalRegistry
    key: bytes
    clock: Clock
    draw: Callable[[], float]
    load_bundle: Callable[[str], ModelBundle] | None = None
    hasher: PasswordHasher | None = None


@dataclass(frozen=True)
class Serving:
    """The services of one process, sharing one store, one writer and one live model.

    Those that a lead does not need are loaded and made when they are first asked for.
    """

    edges: Edges
    writer: GroupWriter
    scorer: LiveScorer
    intake: Intake
    previews: Previews
    keys: Keys
    rescorer: Rescorer
    scrubber: Scrubber
    tickers: Sequence[Ticker]

    @property
    def settings(self) -> Settings:
        """Return the settings of the deployment."""
        return self.edges.settings

    @property
    def clock(self) -> Clock:
        """Return its clock."""
        return self.edges.clock

    @property
    def store(self) -> Store:
        """Return its store."""
        return self.edges.store

    @cached_property
    def queues(self) -> Queues:
        """Return what shows the queues."""
        from leadqual.services.queues import Queues

        return Queues(self.store)

    @cached_property
    def working(self) -> Working:
        """Return what works the queues."""
        from leadqual.services.working import Working

        return Working(self.writer)

    @cached_property
    def outcomes(self) -> Outcomes:
        """Return what records outcomes."""
        from leadqual.services.outcomes import Outcomes

        return Outcomes(self.writer)

    @cached_property
    def leads(self) -> LeadRecords:
        """Return what shows and erases leads."""
        from leadqual.services.lead_records import LeadRecords

        marks = suppression_key(self.edges.key)
        return LeadRecords(self.store, self.writer, scrubber=self.scrubber, suppression_key=marks)

    @cached_property
    def people(self) -> People:
        """Return what knows who may log in."""
        from leadqual.services.people import People

        return People(self.store, self.writer, hasher=self.edges.hasher)

    @cached_property
    def standards(self) -> Standards:
        """Return what keeps the versions of the standard."""
        from leadqual.services.standards import Standards

        return Standards(self.store, self.writer)

    @cached_property
    def models(self) -> Models:
        """Return what says which model is live."""
        from leadqual.services.models import Models

        return Models(self.store, self.scorer)

    @cached_property
    def model_versions(self) -> ModelVersions:
        """Return what lists and promotes models."""
        from leadqual.services.promotion import ModelVersions

        return ModelVersions(self.store, self.edges.registry)

    @cached_property
    def reports(self) -> Reports:
        """Return what counts for reports."""
        from leadqual.services.reports import Reports

        return Reports(self.store)

    @cached_property
    def forms(self) -> Forms:
        """Return what takes leads from forms."""
        from leadqual.services.forms import Forms

        return Forms(self.intake)

    @cached_property
    def health(self) -> Health:
        """Return what says whether this process can serve."""
        from leadqual.services.health import Health

        return Health(self.store, self.writer, scorer=self.scorer, tickers=self.tickers)

    def warm_up(self) -> None:
        """Score a lead and forget it, so that the first real one does not wait for lists and rules.

        Raises
        ------
        StoreError
            When the database does not answer.
        """
        self.previews.preview(_FIRST_LEAD, call=Call(SYSTEM, self.clock()))

    def complete(self) -> None:
        """Make every service now, before several threads ask for one at the same moment.

        So is what compiles their statements: the first page does not wait for it.
        """
        for name, made_once in vars(type(self)).items():
            if isinstance(made_once, cached_property):
                getattr(self, name)
        self.store.load_compiler()

    def start(self) -> None:
        """Start following the store in the background: swaps, rescoring, housekeeping.

        They begin half a second later: whoever waited for the start is answered first.
        """
        for ticker in self.tickers:
            ticker.start(after_s=_ANSWERS_FIRST_SECONDS)

    def close(self) -> None:
        """Stop the background tasks, finish what waits to be written and close the store."""
        for ticker in self.tickers:
            ticker.close()
        self.writer.close()
        self.store.close()


_ANSWERS_FIRST_SECONDS: Final = 0.5

_FIRST_LEAD: Final = RawLead(
    source="warm_up",
    contact=Contact(
        email="first@company.example",
        full_name="First Lead",
        job_title="Head of Purchasing",
        phone="+49 40 123456",
        country="Germany",
    ),
    company=Company(name="Company", domain="company.example", industry="Logistics"),
    interest=Interest(message="Please call me", budget_usd=20_000.0, timeline_days=30),
)
"""Fills every field that is looked up in a list: suffixes of domains, titles, countries."""


def suppression_key(key: bytes) -> bytes:
    """Return the key of the marks of erased persons, derived from the deployment's key."""
    return hmac.digest(key, b"leadqual suppression mark", hashlib.sha256)


def assemble(edges: Edges) -> Serving:
    """Put the services together and look once at what should be live.

    Nothing runs in the background before `Serving.start`.
    """
    store, clock, marks = edges.store, edges.clock, suppression_key(edges.key)
    scorer = LiveScorer(
        store, edges.load_bundle or edges.registry.load, standard=default_standard()
    )
    scorer.refresh(clock())
    writer = GroupWriter(store)
    placement = Placement(edges.draw)
    admission = Admission(scorer, placement, suppression_key=marks)
    intake = Intake(store, writer, scorer=scorer, admission=admission)
    rescorer = Rescorer(store, writer, scorer=scorer, placement=placement)
    housekeeping, scrubber = Housekeeping(writer), Scrubber(store)
    tickers = (
        Ticker("refresh", lambda: scorer.refresh(clock()), seconds=POLL_SECONDS),
        Ticker("rescore", lambda: rescorer.run_once(now=clock()), seconds=RESCORE_SECONDS),
        Ticker("housekeeping", lambda: housekeeping.run(now=clock()), seconds=HOUSEKEEPING_SECONDS),
        Ticker("scrub", scrubber.run, seconds=SCRUB_SECONDS),
        Ticker("tidy", store.tidy, seconds=TIDY_SECONDS),
    )
    return Serving(
        edges=edges,
        writer=writer,
        scorer=scorer,
        intake=intake,
        previews=Previews(store, scorer),
        keys=Keys(store, writer),
        rescorer=rescorer,
        scrubber=scrubber,
        tickers=tickers,
    )
