"""What tuning may see of a history: nothing of the leads that judge the model, nothing after.

A world is a history of its own. Judged leads, and whatever was recorded after the first of them
came, are not masked in it: they are not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from leadqual.errors import NotEnoughDataError
from leadqual.learning.champion import known_until_days
from leadqual.learning.fitting import fit_bundle
from leadqual.learning.learners.logistic import fit_shift
from leadqual.learning.preparing import require_enough, take_columns
from leadqual.learning.protocol import MIN_TEST_WINS, judgeable, plan_protocol
from leadqual.learning.settings import FitSettings, Learners
from leadqual.learning.split import Fold, forward_folds
from leadqual.outcomes.events import OutcomeEvent
from leadqual.outcomes.history import Columns, History
from leadqual.outcomes.labels import Labels, label_history
from leadqual.outcomes.maturity import Maturity, read_maturity
from leadqual.outcomes.timeline import to_moment
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.reference import CONVERSION, TARGETS

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MAX_FIT_ROWS: Final = 10_000
"""Newest leads that a trial is fitted on per fold, so that it takes seconds."""

MAX_JUDGED_ROWS: Final = 30_000
"""Newest matured leads of which a world's folds are made."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONVERSION: Final = TARGETS.index(CONVERSION)


@dataclass(frozen=True)
class World:
    """A past to tune in.

    Parameters
    ----------
    history : History
        The leads before the judged ones, with the events recorded before these came.
    until : datetime or None
        Aware end of knowledge; None without times.
    """

    history: History
    until: datetime | None


@dataclass(frozen=True)
class TuningFold:
    """Leads to fit on with what was known then, and later ones to measure the fit by.

    Parameters
    ----------
    train : History
        At most the newest `MAX_FIT_ROWS` before the fold.
    as_of : datetime or None
        When the fold begins; None without times.
    test : Columns
        Of the n_leads leads to judge.
    won : ndarray of float64, shape (n_leads,)
        1 or 0: won within `horizon_days`, or at all without times.
    horizon_days : float or None
        None without times.
    """

    train: History
    as_of: datetime | None
    test: Columns
    won: Floats
    horizon_days: float | None

    def losses(self, learners: Learners, settings: FitSettings) -> Floats:
        """Fit with these learners and return the log loss of each judged lead, (n_leads,).

        The level is corrected before measuring, as where recipes are chosen: it is set apart
        from the learners, and its noise would drown their differences.

        Raises
        ------
        NotEnoughDataError
            With these learners no column tells leads apart.
        """
        model = fit_bundle(
            self.train,
            as_of=self.as_of,
            version="tuning",
            created_at=self.as_of or _EPOCH,
            settings=replace(settings, learners=learners),
        )
        leads = model.bundle.encoder.encode(self.test, n_leads=len(self.won))
        p = model.bundle.predictor.predict(leads, explain=False).p[:, _CONVERSION]
        if self.horizon_days is not None:
            p = p * float(model.maturity.curve.share_by(self.horizon_days))
        z = logit(np.clip(p, 1e-9, 1 - 1e-9))
        z += fit_shift(z, self.won, weights=np.ones(len(z)))
        return np.asarray(np.logaddexp(0.0, z) - self.won * z, dtype=np.float64)


def plan_worlds(
    history: History,
    *,
    as_of: datetime | None,
    settings: FitSettings,
    champion: ModelBundle | None,
) -> tuple[World, ...]:
    """Return the pasts to tune in: one per fold that `evaluate` would judge on.

    With times a world ends at the midnight (UTC) before the first judged lead came, so that it
    stays the same from one hour to the next. A history without any order is judged by
    cross-validation: there each fold is tuned within its own training rows, and one more world,
    the last, is the whole history, for the model that is kept.

    Parameters
    ----------
    history, as_of, settings, champion
        As for `evaluate`, which judges on the same split.

    Raises
    ------
    NotEnoughDataError
        When there is too little to judge by: then no last slice is known to keep away from.
    """
    labels = label_history(history, as_of=as_of, check_order=settings.check_order)
    maturity = read_maturity(labels)
    require_enough(labels, maturity)
    protocol = plan_protocol(
        history, labels, maturity, seed=settings.seed, not_before_days=known_until_days(champion)
    )
    if not history.is_ordered:
        worlds = [World(history.take(fold.train), None) for fold in protocol.folds]
        return (*worlds, World(history, None))
    (fold,), (cut,) = protocol.folds, protocol.as_of
    return (World(history.take(fold.train), None) if cut is None else _before(history, cut),)


def _before(history: History, cut: datetime) -> World:
    """Return what there was at the midnight before a moment."""
    end = cut.replace(hour=0, minute=0, second=0, microsecond=0)
    (rows,) = np.nonzero(history.moments < np.datetime64(end.replace(tzinfo=None), "us"))
    past = history.take(rows)
    return World(replace(past, events=[e for e in past.events if _is_known(e, end)]), end)


def _is_known(event: OutcomeEvent, end: datetime) -> bool:
    """Whether an event was known then, by the rule of `build_timeline`."""
    learned_at = event.recorded_at or event.occurred_at
    return learned_at is None or learned_at <= end


def plan_folds(world: World, settings: FitSettings) -> tuple[TuningFold, ...]:
    """Return the folds of a world: forward in time, by rows, or by groups without an order.

    A fold whose own past holds too little to learn from is left out.

    Raises
    ------
    NotEnoughDataError
        When nothing is left to judge by.
    """
    history = world.history
    labels = label_history(history, as_of=world.until, check_order=settings.check_order)
    maturity = read_maturity(labels)
    try:
        protocol = plan_protocol(history, labels, maturity, seed=settings.seed)
    except NotEnoughDataError as error:
        raise NotEnoughDataError(f"in the past that tuning may see, {error}") from error
    folds: Sequence[Fold] = protocol.folds
    if history.is_ordered:
        folds = _forward(history, labels, maturity, horizon_days=protocol.horizon_days)
    won = labels.is_won.copy()
    if protocol.horizon_days is not None:
        won &= labels.delay_days <= protocol.horizon_days
    made = [
        TuningFold(
            train=history.take(fold.train[-MAX_FIT_ROWS:]),
            as_of=to_moment(labels.moment_days[fold.test[0]]),
            test=take_columns(history.columns, fold.test),
            won=won[fold.test].astype(np.float64),
            horizon_days=protocol.horizon_days,
        )
        for fold in folds
    ]
    kept = tuple(fold for fold in made if _can_be_fitted(fold, settings))
    n_won = int(sum(fold.won.sum() for fold in kept))
    n_others = sum(len(fold.won) for fold in kept) - n_won
    if min(n_won, n_others) < MIN_TEST_WINS:
        raise NotEnoughDataError(
            f"the past before the judged leads holds {n_won} wins and {n_others} others that come "
            f"after enough to learn from; {MIN_TEST_WINS} of each are needed to tune by"
        )
    return kept


def _forward(
    history: History, labels: Labels, maturity: Maturity, *, horizon_days: float | None
) -> list[Fold]:
    """Return consecutive stretches of matured leads, each with everything before it."""
    rows = judgeable(history, labels, maturity)
    if horizon_days is not None:
        rows &= labels.age_days >= horizon_days
    (mature,) = np.nonzero(rows)
    mature = mature[-MAX_JUDGED_ROWS:]
    tests = [mature[fold.test] for fold in forward_folds(len(mature))]
    if horizon_days is None:
        return [Fold(np.arange(test[0]), test) for test in tests]
    days = labels.moment_days
    return [Fold(np.nonzero(days < days[test[0]])[0], test) for test in tests]


def _can_be_fitted(fold: TuningFold, settings: FitSettings) -> bool:
    if not 0 < fold.won.sum() < len(fold.won):
        return False
    labels = label_history(fold.train, as_of=fold.as_of, check_order=settings.check_order)
    try:
        require_enough(labels, read_maturity(labels))
    except NotEnoughDataError:
        return False
    return True
