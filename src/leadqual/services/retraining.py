"""Learn from what the service recorded, and let the better model serve."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from leadqual.errors import BundleError
from leadqual.registry.lock import hold_training_lock
from leadqual.services.effort import Stage, StageClock, Step
from leadqual.services.histories import HistorySource, load_history
from leadqual.services.training import TrainingChoices, train_loaded
from leadqual.services.tuning import follow_champion
from leadqual.services.workshop import Workshop, call_of_operator, mirror_aliases


class Ending(StrEnum):
    """How a retraining ended."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Retrained:
    """What a retraining did.

    Parameters
    ----------
    ending : Ending
        `refused`: the candidate is registered as challenger, the champion goes on serving.
        `unchanged`: nothing was recorded since the last training, so there is nothing to learn.
        `busy`: another training was under way, nothing was done.
    version : str or None
        The candidate; None where none was made.
    champion : str or None
        Who serves now.
    reasons : tuple of str
        What the gate said, with the numbers.
    numbers : dict of str to float or None
        The same numbers by name.
    problems : tuple of str
        What did not work but changed nothing (a lab book out of reach).
    """

    ending: Ending
    version: str | None
    champion: str | None
    reasons: tuple[str, ...]
    numbers: dict[str, float | None]
    problems: tuple[str, ...]

    def summary(self) -> str:
        """Return the result as text for people."""
        what = {
            Ending.PROMOTED: f"model {self.version} is champion now",
            Ending.REFUSED: f"model {self.version} was refused; {self._who_serves()}",
            Ending.UNCHANGED: f"nothing was recorded since the last training; {self._who_serves()}",
            Ending.BUSY: "another training is running in this deployment; nothing was done",
        }[self.ending]
        return "\n".join([what, *(f"  {reason}" for reason in self.reasons)])

    def _who_serves(self) -> str:
        if self.champion is None:
            return "leads are still scored by rules"
        return f"{self.champion} goes on serving"


def retrain(
    workshop: Workshop, *, now: datetime, on_step: Step, as_of: datetime | None = None
) -> Retrained:
    """Train on the store, judge beside the champion, promote or refuse, once.

    Only snapshots taken at the prediction moment and events are read (`read_store_history`). A
    tuned champion hands its learners on (`follow_champion`).
    Until the alias changes in its one transaction, nothing that serves is touched: a process
    killed at any time leaves the old champion.

    Parameters
    ----------
    workshop : Workshop
        The deployment.
    now : datetime, aware
        Names the version.
    on_step : callable
        Told each step.
    as_of : datetime, aware, optional
        Use only what was known then; for replays of dated histories.

    Raises
    ------
    LeakageError, NotEnoughDataError, TrainingError
        There is nothing that could be learned; the champion goes on serving.
    """
    with hold_training_lock(workshop.registry.models_dir) as is_first:
        if not is_first:
            return _without_candidate(workshop, Ending.BUSY)
        clock = StageClock(on_step)
        clock.begin(Stage.READING)
        loaded = load_history(workshop.store, HistorySource(as_of=as_of), now=now)
        if loaded.data_hash in _hashes_seen(workshop):
            return _without_candidate(workshop, Ending.UNCHANGED)
        choices = TrainingChoices(find_learners=follow_champion)
        trained = train_loaded(workshop, loaded, as_of=as_of, now=now, choices=choices, clock=clock)
        verdict = trained.judgement.verdict
        problems = trained.problems
        if verdict.promote:
            on_step("Promoting the better model")
            workshop.models.promote(trained.version, call=call_of_operator(now))
            problem = mirror_aliases(workshop)
            problems += () if problem is None or problem in problems else (problem,)
        return Retrained(
            ending=Ending.PROMOTED if verdict.promote else Ending.REFUSED,
            version=trained.version,
            champion=workshop.models.aliases().champion,
            reasons=verdict.reasons,
            numbers=dict(verdict.numbers),
            problems=problems,
        )


def _without_candidate(workshop: Workshop, ending: Ending) -> Retrained:
    champion = workshop.models.aliases().champion
    return Retrained(ending, version=None, champion=champion, reasons=(), numbers={}, problems=())


def _hashes_seen(workshop: Workshop) -> set[str]:
    """Return what the champion and the newest version learned from."""
    champion = workshop.models.aliases().champion
    versions = {*workshop.registry.versions()[-1:], *([] if champion is None else [champion])}
    seen: set[str] = set()
    for version in versions:
        with suppress(BundleError):  # a version that cannot be read has taught nobody
            seen.add(str(workshop.registry.manifest(version).metadata.get("data_hash")))
    return seen
