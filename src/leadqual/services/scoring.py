"""The live model and standard: one pair, swapped atomically while requests run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from leadqual.errors import LeadqualError
from leadqual.leads.flat import flatten_lead
from leadqual.leads.schema import Lead, Scalar
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.score import LeadScore
from leadqual.qualify.scoring import score_columns
from leadqual.routing.standard import Standard
from leadqual.store import Store

RULES_VERSION: Final = "rules"
POLL_SECONDS: Final = 0.5
RETRY_BROKEN_AFTER: Final = timedelta(seconds=30)

Snapshot = Mapping[str, Scalar]
"""What was known of a lead when it was scored (`leads.flat`)."""


@dataclass(frozen=True, slots=True)
class Live:
    """What answers right now. `problem` says why it is not what it should be."""

    bundle: ModelBundle | None
    standard: Standard
    problem: str | None = None

    @property
    def model_version(self) -> str:
        """Return the version that scores, `rules` without a model."""
        return RULES_VERSION if self.bundle is None else self.bundle.version


@dataclass(frozen=True, slots=True)
class Scored:
    """A score, what it was made from, and the standard that was live with it."""

    score: LeadScore
    snapshot: dict[str, Scalar]
    standard: Standard


def columns_of(snapshots: Sequence[Snapshot]) -> dict[str, list[Scalar]]:
    """Return snapshots column-wise: every name that any of them has, None where one lacks it."""
    names = dict.fromkeys(name for snapshot in snapshots for name in snapshot)
    return {name: [snapshot.get(name) for snapshot in snapshots] for name in names}


class LiveScorer:
    """Score with whatever is live, and follow the store when that changes.

    The pair of model and standard is replaced as a whole, so a request sees one of them from
    beginning to end and a swap fails none. A bundle that does not load leaves the old one
    serving; without any bundle the written rules score.

    Parameters
    ----------
    store : Store
        Where the champion alias and the active standard are looked up.
    load_bundle : callable
        From a model version to its checked bundle; raises `BundleError` when it is unfit.
    standard : Standard
        What counts until the store has an active one.
    """

    def __init__(
        self, store: Store, load_bundle: Callable[[str], ModelBundle], *, standard: Standard
    ) -> None:
        self._store = store
        self._load_bundle = load_bundle
        self._live = Live(bundle=None, standard=standard)
        self._refreshing = threading.Lock()
        self._broken: dict[str, datetime] = {}

    @property
    def live(self) -> Live:
        """Return the pair that answers right now."""
        return self._live

    def refresh(self, now: datetime) -> bool:
        """Look up what should be live and swap to it; return whether anything changed.

        Never raises for a bad bundle or a database that does not answer: the old pair goes on
        serving and `live.problem` says why.
        """
        with self._refreshing:
            wanted = self._wanted(now)
            changed = wanted != self._live
            self._live = wanted
            return changed

    def score(self, lead: Lead, *, now: datetime) -> Scored:
        """Score one lead."""
        return self.score_many([lead], now=now)[0]

    def score_many(self, leads: Sequence[Lead], *, now: datetime) -> list[Scored]:
        """Score leads, all of them by the same model and standard."""
        if not leads:
            return []
        live = self._live
        snapshots = [flatten_lead(lead) for lead in leads]
        table = score_columns(
            live.bundle,
            columns_of(snapshots),
            n_leads=len(leads),
            policy=live.standard.scoring_policy,
            scored_at=now,
        )
        return [
            Scored(score=table.row(row), snapshot=snapshot, standard=live.standard)
            for row, snapshot in enumerate(snapshots)
        ]
