"""The live model and standard: one pair, swapped atomically while requests run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from leadqual.errors import BundleError, StandardError, StoreError
from leadqual.leads.flat import flatten_lead
from leadqual.leads.schema import Lead, Scalar
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.rules import RULES_VERSION
from leadqual.qualify.score import LeadScore
from leadqual.qualify.scoring import score_snapshots
from leadqual.routing.standard import Standard, parse_standard
from leadqual.store import StandardRecord, Store

CHAMPION: Final = "champion"
"""Name under which the store knows the version that scores."""

POLL_SECONDS: Final = 0.5
RETRY_BROKEN_AFTER: Final = timedelta(seconds=30)

Snapshot = Mapping[str, Scalar]
"""What was known of a lead when it was scored (`leads.flat`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """What answers right now. `problems` say why it is not what it should be."""

    bundle: ModelBundle | None
    standard: Standard
    problems: tuple[str, ...] = ()

    @property
    def model_version(self) -> str:
        """Return the version that scores, `rules` without a model."""
        return RULES_VERSION if self.bundle is None else self.bundle.version

    def answers_like(self, other: Live) -> bool:
        """Return whether leads get the same scores and decisions from both."""
        return self.bundle is other.bundle and self.standard is other.standard


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
        self._standard_version: int | None = None
        self._failed: dict[str, datetime] = {}

    @property
    def live(self) -> Live:
        """Return the pair that answers right now."""
        return self._live

    def refresh(self, now: datetime) -> bool:
        """Look up what should be live and swap to it; return whether anything changed.

        Never raises for a bad bundle or a database that does not answer: the old pair goes on
        serving and `live.problems` say why.
        """
        with self._refreshing:
            before = self._live
            self._live = self._wanted(before, now)
            return not self._live.answers_like(before)

    def score(self, lead: Lead, *, now: datetime) -> Scored:
        """Score one lead."""
        return self.score_many([lead], now=now)[0]

    def score_many(self, leads: Sequence[Lead], *, now: datetime) -> list[Scored]:
        """Score leads, all of them by the same model and standard."""
        if not leads:
            return []
        live = self._live
        snapshots = [flatten_lead(lead) for lead in leads]
        table = score_snapshots(
            live.bundle, snapshots, policy=live.standard.scoring_policy, scored_at=now
        )
        return [
            Scored(score=score, snapshot=snapshot, standard=live.standard)
            for score, snapshot in zip(table.rows(), snapshots, strict=True)
        ]

    def _wanted(self, live: Live, now: datetime) -> Live:
        """Return what should be live, as far as it can be had."""
        try:
            with self._store.read() as tx:
                champion, active = tx.aliases.get(CHAMPION), tx.standards.active()
        except StoreError as error:
            problem = f"the database does not say what should be live ({type(error).__name__})"
            return replace(live, problems=(problem,))
        standard, standard_problem = self._standard(live.standard, active)
        if champion is None:
            bundle: ModelBundle | None = None
            model_problem: str | None = "no model is promoted: leads are scored by written rules"
        else:
            bundle, model_problem = self._bundle(champion.version, live.bundle, now=now)
        problems = tuple(text for text in (model_problem, standard_problem) if text is not None)
        return Live(bundle, standard, problems)

    def _standard(
        self, current: Standard, active: StandardRecord | None
    ) -> tuple[Standard, str | None]:
        """Return the active standard, or the current one and why."""
        if active is None or active.version == self._standard_version:
            return current, None
        try:
            standard = parse_standard(active.yaml, version=active.version)
        except StandardError:
            return current, f"standard {active.version} is malformed: {current.version} counts on"
        self._standard_version = active.version
        return standard, None

    def _bundle(
        self, version: str, current: ModelBundle | None, *, now: datetime
    ) -> tuple[ModelBundle | None, str | None]:
        """Return the champion, or the bundle that serves on and why."""
        if current is not None and current.version == version:
            return current, None
        serving = RULES_VERSION if current is None else current.version
        problem = f"model {version} cannot be loaded: {serving} serves on"
        if self._failed_just_now(version, now):
            return current, problem
        try:
            return self._load_bundle(version), None
        except (BundleError, OSError):
            self._failed[version] = now
            return current, problem

    def _failed_just_now(self, version: str, now: datetime) -> bool:
        """Return whether a version failed to load a moment ago, so that it is not tried yet."""
        failed_at = self._failed.get(version)
        return failed_at is not None and now - failed_at < RETRY_BROKEN_AFTER
