"""Numbers of the learners, tuned by forward validation within the past.

A tuned configuration is used only where it beats the defaults by more than the luck of the best of
so many trials: a search always finds a best one, also where there is nothing to find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from leadqual.errors import ConfigError
from leadqual.learning.searching.folds import TuningFold
from leadqual.learning.searching.search import Budget, Difference, Search
from leadqual.learning.settings import FitSettings, Learners

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

KEPT_STUDIES: Final = 20
"""So many searches keep their trials; the one begun longest ago goes first."""

_MISSING: Final = (
    "tuning needs optuna, which is not installed; install it with "
    "`pip install 'leadqual[train]'`, or train without --tune"
)
_UNUSABLE: Final = (
    "the database of earlier tunings cannot be used: it is damaged, or of another version of "
    "optuna. Move tuning.db away; it holds nothing but trials, which can be repeated"
)


@dataclass(frozen=True)
class Tuning:
    """What a search found.

    Parameters
    ----------
    learners : Learners
        To be used: the best found, or what the search began with.
    is_tuned : bool
        False where nothing was clearly better than the defaults.
    n_trials : int
        Configurations tried beside the defaults, in this run and before.
    best : Difference or None
        Of the best of them; None where none was measured to the end.
    remark : str
        The result in one sentence.
    """

    learners: Learners
    is_tuned: bool
    n_trials: int
    best: Difference | None
    remark: str


Watch = Callable[[int, Difference | None], None]
"""Told the number of finished trials beside the defaults, and the best so far."""


def tune(
    folds: Sequence[TuningFold],
    *,
    settings: FitSettings,
    budget: Budget,
    url: str | None,
    key: str,
    watch: Watch,
) -> Tuning:
    """Search for numbers of the learners that predict later leads better than those given.

    The first trial is always what is given. Each further one is fitted on the same folds and
    compared lead by lead; one that is clearly worse after a fold is given up. The sampler is
    seeded anew before each trial from the seed and the number of finished ones, so that a search
    in two runs tries what one run would have tried.

    Parameters
    ----------
    folds : sequence of TuningFold
        From `plan_folds`; nothing else of the history is read.
    settings : FitSettings
        The seed, and the learners to beat.
    budget : Budget
        Ends the search.
    url : str or None
        SQLAlchemy URL of the database that keeps the trials; None keeps them in memory.
    key : str
        Name of the study: the same only for the same data and method.
    watch : callable
        Told of progress after each trial.

    Raises
    ------
    ConfigError
        optuna is not installed, or the database cannot be used.
    NotEnoughDataError
        What is given cannot be fitted on these folds.
    """
    require_optuna()
    with _open_studies(url, key) as (study, keep):
        search = Search(study, folds, settings=settings, budget=budget, keep=keep)
        while search.try_next():
            best = search.best()
            watch(_count(search), None if best is None else best[1])
        return _conclude(search, settings.learners, n_folds=len(folds))


def require_optuna() -> None:
    """Refuse to tune without optuna.

    Raises
    ------
    ConfigError
        It is not installed; the message holds the line that installs it.
    """
    if find_spec("optuna") is None:
        raise ConfigError(_MISSING)


def _count(search: Search) -> int:
    return max(len(search.finished()) - 1, 0)


def _conclude(search: Search, given: Learners, *, n_folds: int) -> Tuning:
    """Take the best trial where it is clearly better, else what was given."""
    n_trials, best = _count(search), search.best()
    if not search.finished():
        remark = (
            "not tuned: the time did not suffice for the first trial, which fits "
            f"{n_folds} times, about {search.seconds_per_fold:.0f} s each; give more minutes"
        )
        return Tuning(given, is_tuned=False, n_trials=0, best=None, remark=remark)
    if n_trials == 0:
        remark = "not tuned: the time sufficed for the defaults only; give more minutes"
        return Tuning(given, is_tuned=False, n_trials=0, best=None, remark=remark)
    found = None if best is None else best[1]
    if best is None or found is None or not found.is_clear(n_trials):
        told = f"{n_trials} trials" + ("" if found is None else f", best {found}")
        remark = f"nothing better than the defaults was found ({told})"
        return Tuning(given, is_tuned=False, n_trials=n_trials, best=found, remark=remark)
    remark = (
        f"tuned in {n_trials} trials: log loss {found} against the defaults on {found.n_leads} "
        f"leads of the past, with {_describe_changes(given, best[0])}"
    )
    return Tuning(best[0], is_tuned=True, n_trials=n_trials, best=found, remark=remark)


def _describe_changes(given: Learners, found: Learners) -> str:
    """Return what is new, in words."""
    before, after = given.as_dict(), found.as_dict()
    return ", ".join(f"{name} {after[name]}" for name in after if after[name] != before[name])


@contextmanager
def _open_studies(
    url: str | None, key: str
) -> Iterator[tuple[Study, Callable[[FrozenTrial], None]]]:
    """Give a study in memory with the trials of earlier runs, and what keeps a finished one.

    Only whole trials are written, each at once: a killed run leaves nothing half done, and a
    trial costs one transaction and not twenty.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    if url is None:
        yield study, lambda _trial: None
        return
    storage = _open_storage(url)
    try:
        kept = optuna.create_study(storage=storage, study_name=key, load_if_exists=True)
        study.add_trials(kept.get_trials(deepcopy=False))
        _forget_oldest(storage, key)
        yield study, kept.add_trial
    except optuna.exceptions.OptunaError as error:
        raise ConfigError(_UNUSABLE) from error
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _forget_oldest(storage: RDBStorage, key: str) -> None:
    """Delete the searches begun longest ago: each holds a loss per lead, and data change daily."""
    import optuna

    begun = [study.study_name for study in storage.get_all_studies() if study.study_name != key]
    for name in begun[: max(len(begun) + 1 - KEPT_STUDIES, 0)]:
        with suppress(KeyError):  # another search has just deleted it
            optuna.delete_study(study_name=name, storage=storage)


def _open_storage(url: str) -> RDBStorage:
    from optuna.storages import RDBStorage

    try:
        return RDBStorage(url)
    except RuntimeError as error:  # tables of another version of optuna
        raise ConfigError(_UNUSABLE) from error
