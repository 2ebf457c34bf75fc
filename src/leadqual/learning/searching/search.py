"""One run of trials: what is tried next, how it is measured, when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from leadqual.errors import NotEnoughDataError
from leadqual.learning.searching.folds import TuningFold
from leadqual.learning.settings import FEW_WINS, MAX_LEAVES, FitSettings, Learners

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

Floats = NDArray[np.float64]

HOPELESS: Final = 2.0
"""Standard errors by which a trial that is given up is worse."""

SIGNIFICANCE: Final = 0.05
"""Chance to take luck for a gain, over all trials of a search together."""

N_STRETCHES: Final = 5
"""Stretches of time that each fold is cut into to see how much a difference varies."""

_SLOWER: Final = 1.3
"""The next fold has more leads to fit on than the one before."""

_DIFFERENCE: Final = "difference"
_RECENT: Final = 5
_DIGITS: Final = 7


@dataclass(frozen=True)
class Budget:
    """How long to search.

    Parameters
    ----------
    seconds : float
        Nothing is begun that would not fit in the rest, as far as the trials before tell.
    max_trials : int, optional
        Configurations beside the defaults, those of earlier runs of the study among them.
    clock : callable
        Seconds since any moment, never going back.
    """

    seconds: float
    max_trials: int | None = None
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Difference:
    """Log loss of a configuration minus that of the defaults, on the same leads.

    Parameters
    ----------
    value : float
        Mean over leads; negative is better.
    error : float
        Its standard error over stretches of time, not over leads: leads of one stretch share
        what the market did, and a thousand of them may say no more than ten.
    n_stretches, n_leads : int
        What it was measured on.
    """

    value: float
    error: float
    n_stretches: int
    n_leads: int

    @classmethod
    def of(cls, losses: Sequence[Floats]) -> Difference:
        """Return mean and standard error of differences per lead, one array in order per fold."""
        stretches = [part for fold in losses for part in np.array_split(fold, N_STRETCHES)]
        means = np.array([part.mean() for part in stretches if len(part)])
        error = float(means.std(ddof=1) / np.sqrt(len(means)))
        found = np.concatenate(losses)
        return cls(float(found.mean()), error, n_stretches=len(means), n_leads=len(found))

    def is_clear(self, n_trials: int) -> bool:
        """Return whether it is better by more than the luck of the best of so many trials.

        Bonferroni's bound on Student's t: some 2.1 standard errors for one trial, 3.6 for forty.
        """
        chance = SIGNIFICANCE / 2 / max(n_trials, 1)
        needed = -float(stdtrit(self.n_stretches - 1, chance))
        return self.value < -needed * self.error

    @property
    def is_hopeless(self) -> bool:
        """Return whether it is worse by more than two standard errors."""
        return self.value > HOPELESS * self.error

    def as_dict(self) -> dict[str, float]:
        """Return the numbers by name."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.value:+.4f} +- {self.error:.4f}"


@dataclass(frozen=True)
class Space:
    """What may be tuned, around the learners that are given.

    `weight` names the one of the two weights of the plain model that counts for a history.
    """

    given: Learners
    weight: str

    @classmethod
    def of(cls, folds: Sequence[TuningFold], given: Learners) -> Space:
        """Return the space for a history with these folds."""
        n_won = sum(fold.won.sum() for fold in folds)
        return cls(given, "plain_weight" if n_won >= FEW_WINS else "plain_weight_few_wins")

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return name to range, wide enough to hold the defaults well inside."""
        from optuna.distributions import FloatDistribution, IntDistribution

        return {
            "min_count": IntDistribution(5, 100, log=True),
            "ridge": FloatDistribution(1.0, 300.0, log=True),
            "n_trees": IntDistribution(20, 400, log=True),
            "n_leaves": IntDistribution(2, MAX_LEAVES, log=True),
            "learning_rate": FloatDistribution(0.01, 0.2, log=True),
            self.weight: FloatDistribution(0.0, 1.0),
        }

    def start(self) -> dict[str, Any]:
        """Return the place of the given learners."""
        names = [name for name in self.distributions() if name != "ridge"]
        return {"ridge": self.given.ridge, **{name: getattr(self.given, name) for name in names}}

    def learners(self, params: Mapping[str, Any]) -> Learners:
        """Return the learners at a place, in numbers that a person can read."""
        found: dict[str, Any] = {n: _round(value) for n, value in params.items() if n != "ridge"}
        scale = params["ridge"] / self.given.ridge
        ridges = tuple(_round(ridge * scale) for ridge in self.given.ridges)
        return replace(self.given, ridges=ridges, **found)


class Search:
    """Trials on one study, each compared with the given learners lead by lead.

    Parameters
    ----------
    study : optuna.Study
        In memory, with the trials of earlier runs; the first is what is given.
    folds : sequence of TuningFold
        What is measured on.
    settings : FitSettings
        The seed, and the learners to beat.
    budget : Budget
        Runs from now on.
    keep : callable
        Given each finished trial, once.
    """

    def __init__(
        self,
        study: Study,
        folds: Sequence[TuningFold],
        *,
        settings: FitSettings,
        budget: Budget,
        keep: Callable[[FrozenTrial], None],
    ) -> None:
        self._study, self._folds, self._settings, self._budget = study, folds, settings, budget
        self._keep = keep
        self.space = Space.of(folds, settings.learners)
        self._ends_at = budget.clock() + budget.seconds
        known = [float(t.user_attrs["seconds_per_fold"]) for t in self.finished()[-_RECENT:]]
        self.seconds_per_fold = max(known, default=0.0)

    def finished(self) -> list[FrozenTrial]:
        """Return the trials that were measured or given up, in order; the first is the given."""
        from optuna.trial import TrialState

        return self._study.get_trials(
            deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)
        )

    def best(self) -> tuple[Learners, Difference] | None:
        """Return the best of the tried configurations beside the given; None without any."""
        whole = [trial for trial in self.finished()[1:] if _DIFFERENCE in trial.user_attrs]
        if not whole:
            return None
        found = min(whole, key=lambda trial: float(trial.user_attrs[_DIFFERENCE]["value"]))
        return self.space.learners(found.params), Difference(**found.user_attrs[_DIFFERENCE])

    def try_next(self) -> bool:
        """Run one trial; False when trials or time are used up."""
        finished, most = self.finished(), self._budget.max_trials
        if most is not None and len(finished) > most:
            return False
        if not self._has_room(len(self._folds)):
            return False
        return self._try_sampled(finished) if finished else self._try_given()

    def _try_given(self) -> bool:
        """Measure what is given: everything else is compared with it."""
        from optuna.trial import create_trial

        losses: list[Floats] = []
        for fold in self._folds:
            if not self._has_room(1):
                return False
            losses.append(self._losses(fold, self._settings.learners))
        trial = create_trial(
            params=self.space.start(),
            distributions=self.space.distributions(),
            value=0.0,
            user_attrs={
                "losses": [found.tolist() for found in losses],
                "seconds_per_fold": self.seconds_per_fold,
            },
        )
        self._study.add_trial(trial)
        self._keep(trial)
        return True

    def _try_sampled(self, finished: Sequence[FrozenTrial]) -> bool:
        """Try what the sampler proposes after these trials; False when time ran out."""
        from optuna.samplers import TPESampler
        from optuna.trial import TrialState

        sequence = np.random.SeedSequence([self._settings.seed, len(finished)])
        self._study.sampler = TPESampler(seed=int(sequence.generate_state(1)[0]))
        trial = self._study.ask(self.space.distributions())
        given = [np.array(losses) for losses in finished[0].user_attrs["losses"]]
        try:
            found = self._measure(trial, given)
        except NotEnoughDataError:  # no column is left with these numbers
            found = None
        else:
            if found is None:
                return False
        trial.set_user_attr("seconds_per_fold", self.seconds_per_fold)
        if found is None or found.n_leads < sum(map(len, given)):
            self._keep(self._study.tell(trial, state=TrialState.PRUNED))
            return True
        trial.set_user_attr(_DIFFERENCE, found.as_dict())
        self._keep(self._study.tell(trial, found.value))
        return True

    def _measure(self, trial: Trial, given: Sequence[Floats]) -> Difference | None:
        """Compare with the given fold by fold, until it is hopeless; None when time ran out."""
        learners = self.space.learners(trial.params)
        differences: list[Floats] = []
        for step, (fold, known) in enumerate(zip(self._folds, given, strict=True)):
            if not self._has_room(1):
                return None
            differences.append(self._losses(fold, learners) - known)
            found = Difference.of(differences)
            trial.report(found.value, step)
            if found.is_hopeless:
                break
        return found

    def _losses(self, fold: TuningFold, learners: Learners) -> Floats:
        """Measure one fold, with digits that a database keeps, and note how long it took."""
        began = self._budget.clock()
        losses = np.round(fold.losses(learners, self._settings), _DIGITS)
        self.seconds_per_fold = self._budget.clock() - began
        return losses

    def _has_room(self, n_folds: int) -> bool:
        """Whether so many folds would end in time, by how long the last one took."""
        expected = self.seconds_per_fold * (_SLOWER if n_folds == 1 else n_folds)
        return self._budget.clock() + expected <= self._ends_at


def _round(value: float) -> float:
    """Return three digits of a number; whole numbers stay as they are."""
    return value if isinstance(value, int) else float(f"{value:.3g}")
