"""What a backtest found: figures per step, pooled, and beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.learning.metrics import Comparison, Interval
from leadqual.learning.replay.steps import FROZEN

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

SHOWN: Final = ("auc", "lift_10", "ece", "observed_expected")
"""The four curves."""

AUC_WITHIN: Final = "auc_within"
"""Ranking of pairs of one step alone, where a level that moves with time says nothing."""

POOLED: Final = (SHOWN[0], AUC_WITHIN, *SHOWN[1:], "log_loss")
"""What is given over all judged arrivals, with intervals."""

Figures = Mapping[str, Mapping[str, float]]
"""Predictor to metric to value."""


@dataclass(frozen=True)
class StepResult:
    """What one step of a backtest found.

    Parameters
    ----------
    name : str
        Day or row at which the step begins; nothing recorded from then on was used to score its
        arrivals.
    n_arrivals : int
        Leads that came in the step.
    rows : ndarray of intp, shape (n_judged,)
        Those of them whose end can be judged.
    n_won : int
        Their wins.
    is_retrained : bool
        False where the model of an earlier step answered, or nobody came.
    metrics : mapping of predictor to metric to float
        Metrics of `SHOWN` over the judged arrivals, NaN where not defined; empty without any.
    """

    name: str
    n_arrivals: int
    rows: Codes
    n_won: int
    is_retrained: bool
    metrics: Figures

    def as_dict(self) -> dict[str, object]:
        """Return JSON values; None for NaN."""
        return {
            "start": self.name,
            "n_arrivals": self.n_arrivals,
            "n_judged": len(self.rows),
            "n_won": self.n_won,
            "is_retrained": self.is_retrained,
            "metrics": _finite(self.metrics),
        }


@dataclass(frozen=True)
class CurvePoint:
    """Neighbouring steps that together hold enough wins for a figure that means something.

    `first` and `last` are numbers of steps; `metrics` are those of `SHOWN`.
    """

    first: int
    last: int
    n_judged: int
    n_won: int
    metrics: Figures

    def as_dict(self, steps: Sequence[StepResult]) -> dict[str, object]:
        """Return JSON values, with the starts of its first and last step; None for NaN."""
        return {
            "first_start": steps[self.first].name,
            "last_start": steps[self.last].name,
            "n_judged": self.n_judged,
            "n_won": self.n_won,
            "metrics": _finite(self.metrics),
        }


@dataclass(frozen=True)
class Backtest:
    """A replayed history.

    Parameters
    ----------
    protocol : str
        What was done, in plain words.
    horizon_days : float or None
        A judged lead counts as won when it was won within so many days; None without times.
    marks : tuple of str, length 5
        Days, months or rows at even distances from the first to the end of the last step.
    steps : tuple of StepResult
        In time order.
    curve : tuple of CurvePoint
        The same joined until 20 leads were won and 20 were not.
    pooled : Comparison
        Metrics of `POOLED` and more over all judged arrivals; differences are the retrained model
        minus each other.
    scores : mapping of predictor to ndarray of float64, shape (n_leads,)
        Probability as it was said on arrival, in [0, 1]; NaN for leads outside the replay.
    judged, won : ndarray of intp, shape (n_judged,); ndarray of float64, same shape
        Rows that were judged, and 1 or 0 for each.
    """

    protocol: str
    horizon_days: float | None
    marks: tuple[str, ...]
    steps: tuple[StepResult, ...]
    curve: tuple[CurvePoint, ...]
    pooled: Comparison
    scores: Mapping[str, Floats]
    judged: Codes
    won: Floats

    @property
    def predictors(self) -> tuple[str, ...]:
        """Return who was compared, in the order of every table."""
        return tuple(self.pooled.metrics)

    @property
    def headline(self) -> str:
        """Return in words whether retraining paid against the frozen model."""
        found = self.pooled.differences[FROZEN]
        ranking = _compare(found["auc"], is_gain=True)
        probabilities = _compare(found["log_loss"], is_gain=False)
        said = {ranking, probabilities}
        verdict = {True: "Retraining paid", False: "Retraining made no clear difference"}[
            "better" in said
        ]
        if "worse" in said:
            verdict = "Retraining cost" if "better" not in said else "Retraining paid in part"
        return (
            f"{verdict}: ranking {ranking} (AUC {_signed(found['auc'])}), probabilities "
            f"{probabilities} (log loss {_signed(found['log_loss'])})."
        )

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Return in words how the retrained model stands beside each other predictor."""
        return tuple(
            f"Retrained against {name.removeprefix('leadqual, ')}: {_say(found)}."
            for name, found in self.pooled.differences.items()
        )

    def as_dict(self) -> dict[str, object]:
        """Return everything but the scores of single leads, as JSON values."""
        return {
            "protocol": self.protocol,
            "horizon_days": self.horizon_days,
            "n_judged": len(self.judged),
            "n_won": int(self.won.sum()),
            "pooled": _intervals(self.pooled.metrics),
            "retrained_minus": _intervals(self.pooled.differences),
            "headline": self.headline,
            "verdicts": list(self.verdicts),
            "curve": [point.as_dict(self.steps) for point in self.curve],
            "steps": [step.as_dict() for step in self.steps],
        }


def _say(found: Mapping[str, Interval]) -> str:
    return (
        f"ranks {_compare(found['auc'], is_gain=True)}, AUC {_signed(found['auc'])}, within steps "
        f"{_signed(found[AUC_WITHIN])}; probabilities {_compare(found['log_loss'], is_gain=False)},"
        f" log loss {_signed(found['log_loss'])}"
    )


def _compare(found: Interval, *, is_gain: bool) -> str:
    if found.low > 0:
        return "better" if is_gain else "worse"
    if found.high < 0:
        return "worse" if is_gain else "better"
    return "without a clear difference"


def _signed(found: Interval) -> str:
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def _finite(metrics: Figures) -> dict[str, dict[str, float | None]]:
    return {
        name: {metric: x if np.isfinite(x) else None for metric, x in found.items()}
        for name, found in metrics.items()
    }


def _intervals(table: Mapping[str, Mapping[str, Interval]]) -> dict[str, object]:
    return {
        name: {metric: found[metric].as_dict() for metric in POOLED}
        for name, found in table.items()
    }
