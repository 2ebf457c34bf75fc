"""What an evaluation found, as one record that becomes JSON, a card or a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leadqual.learning.judging import verdicts
from leadqual.learning.judging.capacity import CapacityCurve
from leadqual.learning.judging.coverage import Coverage, Refused, Selection
from leadqual.learning.judging.curves import Gain
from leadqual.learning.judging.drift import Changes
from leadqual.learning.judging.influence import Influence
from leadqual.learning.judging.json_values import to_json
from leadqual.learning.judging.judged import Judged
from leadqual.learning.judging.slices import Slice
from leadqual.learning.judging.verdicts import Tone
from leadqual.learning.metrics import Interval
from leadqual.qualify.score import Head


@dataclass(frozen=True, kw_only=True)
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
    capacity : CapacityCurve or None
        Wins caught by so many leads a day; None without times.
    slices : tuple of Slice
        Parts of the judged leads.
    heads, stages : mapping of Head or str to Judged
        Heads are judged on what the events imply, which is not the whole truth; steps of the
        funnel on the judged leads that came to them.
    heads_not_judged, stages_not_judged : mapping of Head or str to str
        Why not, in words.
    influence : mapping of str to tuple of Influence
        Per question (a head or `conversion`) what moves the scores, strongest first. Exact for
        heads and for conversion in one step, of first order for a product.
    changes : Changes or None
        Between training and judged leads; None without an order in time.
    coverage : Coverage
        What the events of the whole history say.
    selection : Selection
        Who was judged, of those who came.
    learned : mapping of str to object
        Summary of the fitted model.
    notes : tuple of str
        Peculiarities of the history.
    champion : str or None
        Version of the champion, when there is one.
    champion_remark : str or None
        Why the champion was not compared, when there is one and it was not.
    refused : Refused
        What was not used, and why; from whoever read the history.
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
    capacity: CapacityCurve | None
    slices: tuple[Slice, ...]
    heads: Mapping[Head, Judged]
    heads_not_judged: Mapping[Head, str]
    stages: Mapping[str, Judged]
    stages_not_judged: Mapping[str, str]
    influence: Mapping[str, tuple[Influence, ...]]
    changes: Changes | None
    coverage: Coverage
    selection: Selection
    learned: Mapping[str, object]
    notes: tuple[str, ...]
    champion: str | None = None
    champion_remark: str | None = None
    refused: Refused = field(default_factory=lambda: Refused({}, {}, {}))

    @property
    def headline(self) -> tuple[Tone, str]:
        """Return the one sentence that a reader should take away, and whether it is good news."""
        tone, said = verdicts.say_headline(self.conversion, leaks=tuple(self.refused.leaks))
        if self.changes is None:
            said += " This history has no order in time, so that says nothing about the future."
        return tone, said

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Return what the figures mean, in plain words; "no skill" where that is so.

        Ranking, probabilities and the comparison with others always; then what lacks skill (the
        best tenth, heads by name: the others speak by their figures), a level that is off, parts
        that differ from their prediction, columns that moved, and columns that may know the
        outcome.
        """
        return (
            *verdicts.judge_conversion(self.conversion),
            *self.heads_without_skill.values(),
            *verdicts.judge_level(self.conversion),
            *verdicts.judge_parts(self.slices),
            *verdicts.judge_changes(self.changes),
            *verdicts.judge_leaks(self.refused.leaks),
        )

    @property
    def heads_without_skill(self) -> dict[Head, str]:
        """Return per judged head what it cannot do, in plain words; heads with skill are absent."""
        found = {head: verdicts.no_skill(head.value, it) for head, it in self.heads.items()}
        return {head: said for head, said in found.items() if said}

    @property
    def without_skill(self) -> tuple[str, ...]:
        """Return what the method cannot do, conversion first; empty when all has skill."""
        conversion = verdicts.no_skill("conversion", self.conversion)
        return (
            *([conversion] if conversion else []),
            *verdicts.judge_top(self.conversion),
            *self.heads_without_skill.values(),
        )

    def metrics(self) -> dict[str, Interval]:
        """Return every headline metric by a flat name, for a lab book."""
        flat = {f"conversion.{name}": found for name, found in self.conversion.ours.items()}
        for head, judged in self.heads.items():
            flat |= {f"{head.value}.{name}": found for name, found in judged.ours.items()}
        for stage, judged in self.stages.items():
            flat |= {f"stage_{stage}.{name}": found for name, found in judged.ours.items()}
        flat["conversion.revenue_20_by_value"] = self.revenue_by_value
        return flat

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON values: no NaN, no infinity."""
        tone, headline = self.headline
        return {
            "source": self.source,
            "known_until": self.known_until,
            "protocol": self.protocol,
            "horizon_days": self.horizon_days,
            "n_train": self.n_train,
            "n_train_won": self.n_train_won,
            "headline": {"tone": tone.value, "text": headline},
            "verdicts": list(self.verdicts),
            "conversion": self.conversion.as_dict(),
            "revenue_20_by_value": self.revenue_by_value.as_dict(),
            "gain": to_json(self.gain),
            "capacity": None if self.capacity is None else self.capacity.as_dict(),
            "slices": to_json(self.slices),
            "heads": {head.value: judged.as_dict() for head, judged in self.heads.items()},
            "heads_not_judged": {head.value: why for head, why in self.heads_not_judged.items()},
            "stages": {name: judged.as_dict() for name, judged in self.stages.items()},
            "stages_not_judged": dict(self.stages_not_judged),
            "influence": to_json(self.influence),
            "changes": to_json(self.changes),
            "coverage": dict(self.coverage.counts),
            "known": to_json(self.coverage),
            "selection": self.selection.as_dict(),
            "learned": to_json(self.learned),
            "notes": list(self.notes),
            "champion": self.champion,
            "champion_remark": self.champion_remark,
            "refused": to_json(self.refused),
        }
