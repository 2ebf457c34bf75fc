"""What an evaluation found, as one record that becomes JSON, a card or a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from leadqual.learning.baselines import BASE_RATE
from leadqual.learning.curves import Gain, Slice
from leadqual.learning.metrics import Comparison, Interval
from leadqual.qualify.score import Head

OURS: Final = "leadqual"
RULES: Final = "written rules"
CHAMPION: Final = "champion"


@dataclass(frozen=True)
class Judged:
    """One question, answered by several predictors on the same leads.

    Parameters
    ----------
    n_leads, n_yes : int
        Leads it was judged on.
    comparison : Comparison
        Metrics per predictor, and ours minus each other one, paired.
    reliability : tuple of (predicted, observed, n_leads)
        Of our predictions, in ten bins of equal size.
    """

    n_leads: int
    n_yes: int
    comparison: Comparison
    reliability: tuple[tuple[float, float, float], ...]

    @property
    def ours(self) -> Mapping[str, Interval]:
        """Return our metrics by name."""
        return self.comparison.metrics[OURS]

    @property
    def has_ranking_skill(self) -> bool:
        """Return whether the interval of our AUC lies above one half."""
        return self.ours["auc"].low > 0.5

    @property
    def beats_base_rate(self) -> bool:
        """Return whether our log loss is below the base rate's with its whole interval."""
        return self.comparison.differences[BASE_RATE]["log_loss"].high < 0

    def as_dict(self) -> dict[str, object]:
        """Return the figures as JSON values."""
        return {
            "n_leads": self.n_leads,
            "n_yes": self.n_yes,
            "metrics": _dicts(self.comparison.metrics),
            "ours_minus_other": _dicts(self.comparison.differences),
            "reliability": [list(point) for point in self.reliability],
        }


@dataclass(frozen=True)
class EvaluationReport:
    """How good a model made from a history would have been on leads it did not see.

    Parameters
    ----------
    source : str
        Name of the history.
    known_until : str or None
        ISO moment of knowledge; None without times.
    protocol : str
        What was fitted on and judged on, in plain words.
    horizon_days : float or None
        Within how many days a win counted.
    n_train, n_train_won : int
        Of the (last) fit.
    conversion : Judged
        P(won).
    revenue_by_value : Interval
        Share of revenue in the top 20 % by expected value; NaN where no amount is known.
    gain : Gain
        Curves of wins and revenue caught.
    slices : tuple of Slice
        Parts of the judged leads.
    heads : mapping of Head to Judged
        Judged on what the events imply, which is not the whole truth.
    heads_not_judged : mapping of Head to str
        Why not, in words.
    coverage : mapping of str to int
        Leads per kind of label, in the whole history.
    learned : mapping of str to object
        Summary of the fitted model.
    notes : tuple of str
        Peculiarities of the history.
    champion : str or None
        Version of the champion, when there is one.
    champion_remark : str or None
        Why the champion was not compared, when there is one and it was not.
    """

    source: str
    known_until: str | None
    protocol: str
    horizon_days: float | None
    n_train: int
    n_train_won: int
    conversion: Judged
    revenue_by_value: Interval
    gain: Gain
    slices: tuple[Slice, ...]
    heads: Mapping[Head, Judged]
    heads_not_judged: Mapping[Head, str]
    coverage: Mapping[str, int]
    learned: Mapping[str, object]
    notes: tuple[str, ...]
    champion: str | None = None
    champion_remark: str | None = None

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Return what the figures mean, in plain words; "no skill" where that is so.

        Heads are named where they have none: the others speak by their figures.
        """
        conversion = self.conversion
        auc, loss = conversion.ours["auc"], conversion.ours["log_loss"]
        base = conversion.comparison.metrics[BASE_RATE]["log_loss"]
        ranks = (
            f"Ranking works: AUC {_in_words(auc)}."
            if conversion.has_ranking_skill
            else f"No skill in ranking: the interval of AUC {_in_words(auc)} includes one half."
        )
        levels = (
            f"Probabilities say more than the base rate: log loss {_in_words(loss)} against "
            f"{base.value:.3f}."
            if conversion.beats_base_rate
            else f"No skill in probabilities: log loss {_in_words(loss)} is not clearly below the "
            f"base rate's {base.value:.3f}."
        )
        return ranks, levels, self._beside_others(), *self.heads_without_skill.values()

    @property
    def heads_without_skill(self) -> dict[Head, str]:
        """Return per judged head what it cannot do, in plain words; heads with skill are absent."""
        found = {head: _no_skill(head.value, judged) for head, judged in self.heads.items()}
        return {head: said for head, said in found.items() if said}

    @property
    def without_skill(self) -> tuple[str, ...]:
        """Return what the method cannot do, conversion first; empty when all has skill."""
        conversion = _no_skill("conversion", self.conversion)
        return (*([conversion] if conversion else []), *self.heads_without_skill.values())

    def _beside_others(self) -> str:
        """Say who is better or worse than we are, as far as intervals tell."""
        better, worse = [], []
        for name, found in self.conversion.comparison.differences.items():
            if found["auc"].low > 0:
                worse.append(name)
            elif found["auc"].high < 0:
                better.append(name)
        parts = []
        if worse:
            parts.append(f"ranks better than {', '.join(worse)}")
        if better:
            parts.append(f"ranks worse than {', '.join(better)}")
        if not parts:
            return "In ranking, no clear difference to any other predictor."
        return f"leadqual {' and '.join(parts)}; no clear difference to the others."

    def metrics(self) -> dict[str, Interval]:
        """Return every headline metric by a flat name, for a lab book."""
        flat = {f"conversion.{name}": found for name, found in self.conversion.ours.items()}
        for head, judged in self.heads.items():
            flat |= {f"{head.value}.{name}": found for name, found in judged.ours.items()}
        flat["conversion.revenue_20_by_value"] = self.revenue_by_value
        return flat

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON values: no NaN, no infinity."""
        return {
            "source": self.source,
            "known_until": self.known_until,
            "protocol": self.protocol,
            "horizon_days": self.horizon_days,
            "n_train": self.n_train,
            "n_train_won": self.n_train_won,
            "verdicts": list(self.verdicts),
            "conversion": self.conversion.as_dict(),
            "revenue_20_by_value": self.revenue_by_value.as_dict(),
            "gain": {name: list(points) for name, points in asdict(self.gain).items()},
            "slices": [_without_nan(asdict(part)) for part in self.slices],
            "heads": {head.value: judged.as_dict() for head, judged in self.heads.items()},
            "heads_not_judged": {head.value: why for head, why in self.heads_not_judged.items()},
            "coverage": dict(self.coverage),
            "learned": dict(self.learned),
            "notes": list(self.notes),
            "champion": self.champion,
            "champion_remark": self.champion_remark,
        }


def _no_skill(name: str, judged: Judged) -> str:
    """Say what does not rank, or says no more than the base rate; empty when it has skill."""
    lacks = []
    if not judged.has_ranking_skill:
        auc = _in_words(judged.ours["auc"])
        lacks.append(f"in ranking (the interval of AUC {auc} does not lie above one half)")
    if not judged.beats_base_rate:
        loss = _in_words(judged.ours["log_loss"])
        base = judged.comparison.metrics[BASE_RATE]["log_loss"].value
        lacks.append(
            f"in probabilities (log loss {loss} is not clearly below the base rate's {base:.3f})"
        )
    if not lacks:
        return ""
    known = f"{judged.n_yes} of {judged.n_leads} leads are a yes"
    return f"{name}: no skill {' and '.join(lacks)}; {known}."


def _in_words(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _dicts(table: Mapping[str, Mapping[str, Interval]]) -> dict[str, object]:
    return {
        name: {metric: found.as_dict() for metric, found in row.items()}
        for name, row in table.items()
    }


def _without_nan(row: dict[str, object]) -> dict[str, object]:
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in row.items()
    }
