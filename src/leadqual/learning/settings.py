"""What a fit may be told; everything else is one default for every data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from leadqual.errors import ConfigError
from leadqual.learning.learners.blend import Recipe
from leadqual.outcomes.checks import Check
from leadqual.outcomes.labels import DEFAULT_CHECK_ORDER

MIN_PER_CLASS: Final = 40
"""Fewer answers on either side, and nothing is called learned."""

FEW_WINS: Final = 150
"""Below this many wins the plain model on all leads has as much say as the heads."""

MAX_LEAVES: Final = 8
"""More leaves make trees deeper than a bundle can serve exactly (`qualify.tree_tables`)."""

MAX_ROWS: Final = 1_000_000
"""Only so many of the newest leads are learned from: they must fit in memory (decision 21)."""

_LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "min_count": (1, 10_000),
    "ridges": (1e-3, 1e6),
    "n_trees": (1, 2_000),
    "n_leaves": (2, MAX_LEAVES),
    "learning_rate": (1e-3, 1.0),
    "half_lives": (0.01, 10.0),
    "plain_weight": (0.0, 1.0),
    "plain_weight_few_wins": (0.0, 1.0),
}
_SEVERAL: Final = frozenset({"ridges", "half_lives"})


@dataclass(frozen=True)
class Learners:
    """Every number of the learners that may be tuned; the defaults are for every data set.

    Parameters
    ----------
    min_count : int
        Leads that a level needs to get a matrix column of its own.
    ridges : tuple of float
        Penalties of logistic regression to choose from, ascending; the middle one is taken
        where nothing can be chosen.
    n_trees, n_leaves, learning_rate : int, int, float
        Shape of the small LightGBM of steps and of conversion in one step; heads have their own.
    half_lives : tuple of float
        How fast older leads may fade after a break in the history, ascending, as shares of its
        length; empty means never.
    plain_weight, plain_weight_few_wins : float
        Say of the plain logistic regression on all leads beside heads or steps, in [0, 1], and
        the same below 150 wins.

    Raises
    ------
    ConfigError
        With the name and the allowed range, if a number is out of it or no number.
    """

    min_count: int = 20
    ridges: tuple[float, ...] = (3.0, 10.0, 30.0)
    n_trees: int = 100
    n_leaves: int = 6
    learning_rate: float = 0.05
    half_lives: tuple[float, ...] = (0.125, 0.25, 0.5)
    plain_weight: float = 0.3
    plain_weight_few_wins: float = 0.5

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            given = getattr(self, name)
            if name in _SEVERAL:
                are_numbers = all(_is_number(v, low, high, is_whole=False) for v in given)
                if not are_numbers or list(given) != sorted(set(given)):
                    raise ConfigError(
                        f"learners: {name} must be numbers from {low:g} to {high:g}, ascending, "
                        "each once"
                    )
                continue
            is_whole = isinstance(getattr(Learners, name), int)
            if not _is_number(given, low, high, is_whole=is_whole):
                kind = "a whole number" if is_whole else "a number"
                raise ConfigError(f"learners: {name} must be {kind} from {low:g} to {high:g}")
        if not self.ridges:
            raise ConfigError("learners: ridges must have at least one number")

    @property
    def ridge(self) -> float:
        """Return the penalty where nothing can be chosen."""
        return self.ridges[len(self.ridges) // 2]

    def recipe(
        self, *, ridge: float | None = None, uses_bayes: bool = False, uses_trees: bool = True
    ) -> Recipe:
        """Return a recipe with these numbers; `ridge` None is the middle one."""
        return Recipe(
            ridge=self.ridge if ridge is None else ridge,
            uses_bayes=uses_bayes,
            uses_trees=uses_trees,
            n_trees=self.n_trees,
            n_leaves=self.n_leaves,
            learning_rate=self.learning_rate,
        )

    def as_dict(self) -> dict[str, object]:
        """Return the numbers as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Learners:
        """Read what `as_dict` wrote; what is absent keeps its default.

        Raises
        ------
        ConfigError
            If a name is unknown, or a value no number or out of its range.
        """
        known = [item.name for item in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ConfigError(
                f"learners: unknown {', '.join(unknown)}; expected some of {', '.join(known)}"
            )
        for name in sorted(_SEVERAL):
            if not isinstance(values.get(name, []), list):
                raise ConfigError(f"learners: {name} must be a list of numbers")
        read: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**read)


def _is_number(value: object, low: float, high: float, *, is_whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        return False
    return math.isfinite(value) and low <= value <= high


@dataclass(frozen=True)
class FitSettings:
    """Choices of the team and of the run.

    Parameters
    ----------
    check_order : sequence of Check
        How reps go through fit, authority, need and budget; from the written standard.
    seed : int
        Same data, same seed, same model.
    learners : Learners
        Numbers of the learners; the defaults unless tuned.
    half_life_share : float, optional
        Let older leads fade with this half-life, a share of the length of the history above 0,
        whatever validation says: to see what fading would do. None: as validation says.
    max_leads : int
        Only so many of the newest known leads are learned from.
    """

    check_order: Sequence[Check] = DEFAULT_CHECK_ORDER
    seed: int = 0
    learners: Learners = field(default_factory=Learners)
    half_life_share: float | None = None
    max_leads: int = MAX_ROWS
