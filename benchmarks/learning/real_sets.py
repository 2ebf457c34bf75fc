"""The real sets: the newest matured leads judged, with bootstrap intervals."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.learning.judging import OURS, Row
from benchmarks.learning.rivals import Effort, Sample, predict_all
from benchmarks.learning.scenarios import MAPPINGS, ROOT
from leadqual.leads.mapping import load_mapping
from leadqual.learning.fitting import fit_bundle
from leadqual.learning.metrics import Comparison, Outcome, compare, measure
from leadqual.learning.preparing import feature_columns, take_columns
from leadqual.learning.protocol import Protocol, plan_protocol
from leadqual.learning.split import Fold, duplicate_groups, forward_folds, grouped_folds
from leadqual.outcomes.history import Columns, History
from leadqual.outcomes.labels import Labels, label_history
from leadqual.outcomes.mapped import read_history
from leadqual.outcomes.maturity import read_maturity

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

REAL_DATA: Final = ROOT.parent / "shared" / "data"
REAL_SETS: Final = {
    "olist": "olist_funnel",
    "bank": "bank_marketing",
    "bank_macro": "bank_marketing",
    "salvirt": "salvirt_b2b",
}
N_RESAMPLES: Final = 1_000
_READ_AT: Final = datetime(2026, 11, 21, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RealResult:
    """What one real set gave.

    Parameters
    ----------
    name : str
        Of its mapping file.
    protocol : str
        How it was split, in words.
    n_judged, n_won : int
        Leads that were judged, each counted once.
    shuffles : tuple of dict of str to dict of str to float
        Metrics of each predictor per shuffle of the folds; one where the order is given.
    comparison : Comparison
        Over all shuffles; a resample draws a lead, with its copies, for all of them at once.
    learned : str
        What our conversion model was made of.
    seconds : float
        How long our fits took.
    """

    name: str
    protocol: str
    n_judged: int
    n_won: int
    shuffles: tuple[dict[str, Row], ...]
    comparison: Comparison
    learned: str
    seconds: float


def read_real(name: str, folder: Path = REAL_DATA) -> History:
    """Read a real set through its mapping file."""
    spec = load_mapping(MAPPINGS / f"{name}.yaml")
    return read_history(folder / REAL_SETS[name], spec, now=_READ_AT).history


def judge_real(name: str, history: History, *, n_shuffles: int, effort: Effort) -> RealResult:
    """Fit everything on the older part of a set and judge on the newest matured leads.

    Parameters
    ----------
    name : str
        For the result.
    history : History
        The whole set.
    n_shuffles : int
        Times that folds are drawn where the set has no order; an order leaves nothing to draw.
    effort : Effort
        How much the rivals may cost.
    """
    seeds = range(1, 2) if history.is_ordered else range(1, n_shuffles + 1)
    with threadpool_limits(limits=1):
        found = [_judge_shuffle(history, seed=seed, effort=effort) for seed in seeds]
    joined = Outcome(
        won=np.concatenate([shuffle.outcome.won for shuffle in found]),
        value=np.concatenate([shuffle.outcome.value for shuffle in found]),
        group=np.concatenate([shuffle.outcome.group for shuffle in found]),
    )
    predictions = {
        name: np.concatenate([shuffle.predictions[name] for shuffle in found])
        for name in found[0].predictions
    }
    first = found[0].outcome.won
    return RealResult(
        name=name,
        protocol=found[0].protocol,
        n_judged=len(first),
        n_won=int(first.sum()),
        shuffles=tuple(shuffle.measure() for shuffle in found),
        comparison=compare(
            predictions,
            joined,
            reference=OURS,
            rng=np.random.default_rng(0),
            n_resamples=N_RESAMPLES,
        ),
        learned=found[-1].learned,
        seconds=sum(shuffle.seconds for shuffle in found),
    )


@dataclass(frozen=True)
class _Shuffle:
    """All predictions for all judged leads, in row order, from one way to split."""

    predictions: dict[str, Floats]
    outcome: Outcome
    protocol: str
    learned: str
    seconds: float

    def measure(self) -> dict[str, Row]:
        return {name: measure(p, self.outcome) for name, p in self.predictions.items()}


def _judge_shuffle(history: History, *, seed: int, effort: Effort) -> _Shuffle:
    labels = label_history(history, as_of=None)
    protocol = plan_protocol(history, labels, read_maturity(labels), seed=seed)
    folds = [
        _predict_fold(history, protocol, place, effort=effort)
        for place in range(len(protocol.folds))
    ]
    rows = np.concatenate([fold.test for fold in protocol.folds])
    order = np.argsort(rows)
    return _Shuffle(
        predictions={
            name: np.concatenate([fold.predictions[name] for fold in folds])[order]
            for name in folds[0].predictions
        },
        outcome=_outcome(labels, protocol, rows[order]),
        protocol=protocol.text,
        learned=folds[-1].learned,
        seconds=sum(fold.seconds for fold in folds),
    )


@dataclass(frozen=True)
class _JudgedFold:
    """Predictions for the test rows of one fold."""

    predictions: dict[str, Floats]
    learned: str
    seconds: float


def _predict_fold(
    history: History, protocol: Protocol, place: int, *, effort: Effort
) -> _JudgedFold:
    """Fit leadqual and every baseline on the same rows and columns of one fold.

    leadqual says whether a lead is ever won; what is judged is a win within the horizon, so its
    answer is brought there by the share of wins that come in time, as in `evaluate`.
    """
    fold, known_at = protocol.folds[place], protocol.as_of[place]
    started = time.perf_counter()
    model = fit_bundle(
        history.take(fold.train), as_of=known_at, version="bench", created_at=known_at or _EPOCH
    )
    seconds = time.perf_counter() - started
    encoder = model.bundle.encoder
    test = Sample.of(encoder, take_columns(history.columns, fold.test), len(fold.test))
    p = model.bundle.predictor.predict(test.encoded, explain=False).p[:, -1]
    if protocol.horizon_days is not None:
        p = p * float(model.maturity.curve.share_by(protocol.horizon_days))
    (rows,) = np.nonzero(model.labels.is_usable & model.maturity.is_covered)
    columns = take_columns(feature_columns(model.history), rows)
    won = model.labels.is_won[rows]
    baselines = predict_all(
        Sample.of(encoder, columns, len(rows)),
        won,
        test,
        folds=_tuning_folds(model.history, columns, won),
        effort=effort,
    )
    learned = str(model.bundle.summary.get("conversion", ""))
    return _JudgedFold({OURS: p, **baselines}, learned, seconds)


def _tuning_folds(history: History, columns: Columns, won: NDArray[np.bool_]) -> list[Fold]:
    """Return folds within the training rows: forward, or by groups where there is no order."""
    if history.is_ordered:
        return forward_folds(len(won))
    return grouped_folds(won, duplicate_groups(columns, len(won)), seed=0)


def _outcome(labels: Labels, protocol: Protocol, rows: Codes) -> Outcome:
    """Return which judged leads were won within the horizon."""
    won = labels.is_won[rows]
    if protocol.horizon_days is not None:
        won &= labels.delay_days[rows] <= protocol.horizon_days
    _, group = np.unique(protocol.group[rows], return_inverse=True)
    return Outcome(won=won.astype(np.float64), value=np.zeros(len(rows)), group=group)
