"""One question, answered by several predictors on the same leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leadqual.learning.judging.calibration import Bin
from leadqual.learning.judging.json_values import to_json
from leadqual.learning.learners.baselines import BASE_RATE
from leadqual.learning.metrics import Comparison, Interval

OURS: Final = "leadqual"
RULES: Final = "written rules"
CHAMPION: Final = "champion"
UNTUNED: Final = "leadqual untuned"
"""The same learners with their default numbers, beside tuned ones."""


@dataclass(frozen=True)
class Judged:
    """One question, answered by several predictors on the same leads.

    Parameters
    ----------
    n_leads, n_yes : int
        Leads it was judged on.
    comparison : Comparison
        Metrics per predictor, and ours minus each other one, paired.
    reliability : tuple of Bin
        Of our predictions, in ten bins of equal size.
    ece_by_chance : float
        The calibration error that perfect probabilities would show on so few leads.
    remark : str
        How leads without an answer were counted, in words; empty where there are none.
    """

    n_leads: int
    n_yes: int
    comparison: Comparison
    reliability: tuple[Bin, ...]
    ece_by_chance: float
    remark: str = ""

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

    @property
    def has_lift(self) -> bool:
        """Return whether the best tenth holds more wins than any tenth, with its interval."""
        return self.ours["lift_10"].low > 1

    def as_dict(self) -> dict[str, object]:
        """Return the figures as JSON values."""
        return {
            "n_leads": self.n_leads,
            "n_yes": self.n_yes,
            "metrics": to_json(self.comparison.metrics),
            "ours_minus_other": to_json(self.comparison.differences),
            "reliability": to_json(self.reliability),
            "ece_by_chance": to_json(self.ece_by_chance),
            "remark": self.remark,
        }
