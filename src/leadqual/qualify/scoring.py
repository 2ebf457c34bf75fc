"""The scoring core: columns in, answers, grades, percentiles and reasons out.

One lead is n_leads = 1: the same arrays, the same order of sums, the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import product
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from leadqual.features.columns import Table, check_columns
from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.leads.records import make_record
from leadqual.leads.schema import Scalar
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.predict import CHUNK, Predictions
from leadqual.qualify.reasons import Chosen, Explainer, choose, join, seen_values
from leadqual.qualify.reference import CONVERSION, TARGETS, Reference
from leadqual.qualify.rules import rules_bundle
from leadqual.qualify.score import Answer, Head, LeadScore, ReasonCode, ScoredBy

_ENCODED: Final = 16_384
"""Leads encoded together: what a column of few different values costs is paid once for them."""

EVERY: Final = slice(None)
_ANSWERS: Final = (Answer.NO, Answer.UNKNOWN, Answer.YES)
_HEADS: Final = {
    places: dict(zip(Head, map(_ANSWERS.__getitem__, places), strict=True))
    for places in product(range(len(_ANSWERS)), repeat=len(Head))
}
"""The answers of all heads, by their numbers in `ScoreTable.answers`."""

_CONVERSION: Final = TARGETS.index(CONVERSION)


_Word = TypeVar("_Word")
_Explained = tuple[Explainer, int]
"""Who explains a feature of `Chosen`, and its number there."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoreTable:
    """Scores of n_leads leads, column-wise; `row` gives one as a record.

    Parameters
    ----------
    p : ndarray of float64, shape (n_leads, 4)
        Probability of fit, authority, budget and conversion, in [0, 1].
    expected_value_usd : ndarray of float64, shape (n_leads,)
        `p_conversion` times the expected amount.
    percentile : ndarray of intp, shape (n_leads,)
        Place of the expected value among the training leads, 0 to 100.
    grade : list of str, length n_leads
    answers : ndarray of int8, shape (n_leads, 3)
        Per head (fit, authority, budget) 0 no, 1 unknown, 2 yes.
    heads_scored_by : dict of str to ScoredBy
        Who answered for each head and for `conversion`.
    scored_by : ScoredBy
        `model` when a bundle was given, even where the rules answer for parts of it.
    chosen : Chosen or None
        The reasons; None without `explain`.
    """

    p: NDArray[np.float64]
    expected_value_usd: NDArray[np.float64]
    percentile: NDArray[np.intp]
    grade: list[str]
    answers: NDArray[np.int8]
    heads_scored_by: dict[str, ScoredBy]
    scored_by: ScoredBy
    model_version: str
    scored_at: datetime
    chosen: Chosen | None
    _explained: list[_Explained]

    @property
    def n_leads(self) -> int:
        """Return the number of leads."""
        return len(self.p)

    @property
    def p_fit(self) -> NDArray[np.float64]:
        """Return the probability of fit, shape (n_leads,)."""
        return self.p[:, 0]

    @property
    def p_authority(self) -> NDArray[np.float64]:
        """Return the probability of authority, shape (n_leads,)."""
        return self.p[:, 1]

    @property
    def p_budget(self) -> NDArray[np.float64]:
        """Return the probability of budget, shape (n_leads,)."""
        return self.p[:, 2]

    @property
    def p_conversion(self) -> NDArray[np.float64]:
        """Return the probability of conversion, shape (n_leads,)."""
        return self.p[:, 3]

    def row(self, index: int) -> LeadScore:
        """Return the score of one lead."""
        return next(self.rows(slice(index, index + 1)))

    def rows(self, some: slice = EVERY) -> Iterator[LeadScore]:
        """Yield the scores of leads, in their order; faster than one by one."""
        for p, value, grade, percentile, answers, reasons in zip(
            self.p[some].tolist(),
            self.expected_value_usd[some].tolist(),
            self.grade[some],
            self.percentile[some].tolist(),
            self.answers[some].tolist(),
            self._said(some),
            strict=True,
        ):
            yield make_record(
                LeadScore,
                {
                    "p_fit": p[0],
                    "p_authority": p[1],
                    "p_budget": p[2],
                    "p_conversion": p[3],
                    "expected_value_usd": value,
                    "grade": grade,
                    "percentile": percentile,
                    "heads": _HEADS[tuple(answers)].copy(),
                    "heads_scored_by": self.heads_scored_by.copy(),
                    "reasons": reasons,
                    "scored_by": self.scored_by,
                    "model_version": self.model_version,
                    "scored_at": self.scored_at,
                },
            )

    def reasons(self, index: int) -> tuple[ReasonCode, ...]:
        """Return up to three reasons for a lead and two against; empty without `explain`."""
        return next(self._said(slice(index, index + 1)))

    def reason_texts(self, index: int) -> tuple[str, ...]:
        """Return the texts of `reasons` alone."""
        return next(self.texts(slice(index, index + 1)))

    def texts(self, some: slice = EVERY) -> Iterator[tuple[str, ...]]:
        """Yield the texts of the reasons of each lead, which is what a file of scores needs."""
        return self._worded(some, Explainer.text)

    def _said(self, some: slice) -> Iterator[tuple[ReasonCode, ...]]:
        """Yield the reasons of each lead."""
        return self._worded(some, Explainer.reason)

    def _worded(self, some: slice, say: Callable[..., _Word]) -> Iterator[tuple[_Word, ...]]:
        """Yield what a method of `Explainer` makes of the reasons of each lead."""
        if self.chosen is None:
            yield from (() for _ in range(*some.indices(self.n_leads)))
            return
        explained = self._explained
        for features, targets, weights, values in zip(
            self.chosen.feature[some].tolist(),
            self.chosen.target[some].tolist(),
            self.chosen.weight[some].tolist(),
            self.chosen.seen[some].tolist(),
            strict=True,
        ):
            found = []
            for feature, target, weight, seen in zip(
                features, targets, weights, values, strict=True
            ):
                if feature >= 0:
                    who, own = explained[feature]
                    found.append(say(who, target, own, weight=weight, seen=seen))
            yield tuple(found)


@dataclass(frozen=True, eq=False)
class _Part:
    """A bundle and the targets that it answers for."""

    bundle: ModelBundle
    targets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Plan:
    """Who answers, and what comes with it; `reference` is that of whoever judges conversion."""

    parts: list[_Part]
    answered_by: dict[str, ScoredBy]
    explained: list[_Explained]
    reference: Reference


def score_columns(
    bundle: ModelBundle | None,
    columns: Table,
    *,
    n_leads: int,
    policy: ScoringPolicy,
    scored_at: datetime,
    explain: bool = True,
) -> ScoreTable:
    """Score leads; row i depends on lead i alone, bit for bit, whatever else is in the table.

    Parameters
    ----------
    bundle : ModelBundle, optional
        None: the written rules answer. They also answer for what the bundle could not learn.
    columns : Table
        Flat columns (`leads.flat`) of n_leads values; absent columns and None are missing,
        unknown ones are ignored.
    n_leads : int
        Number of leads; beside the columns, memory is a few hundred bytes per lead.
    policy : ScoringPolicy
        Thresholds and grades of the standard.
    scored_at : datetime
        Aware.
    explain : bool
        Whether to find reasons; they cost about as much as the rest.

    Raises
    ------
    InputError
        If a column does not have n_leads values.
    """
    check_columns(columns, n_leads)

    def encode(encoder: Encoder, rows: slice) -> EncodedLeads:
        some = columns if n_leads <= _ENCODED else {k: v[rows] for k, v in columns.items()}
        return encoder.encode_checked(some, n_leads=rows.stop - rows.start)

    return _score(bundle, encode, n_leads, policy=policy, scored_at=scored_at, explain=explain)


def _score(
    bundle: ModelBundle | None,
    encode: Callable[[Encoder, slice], EncodedLeads],
    n_leads: int,
    *,
    policy: ScoringPolicy,
    scored_at: datetime,
    explain: bool,
) -> ScoreTable:
    """Score leads; `encode` gives some of them, as an encoder reads them."""
    plan = _plan(bundle)
    parts = plan.parts
    found: list[_Found] = []
    for start in range(0, n_leads, _ENCODED):
        rows = slice(start, min(start + _ENCODED, n_leads))
        encoded = [encode(part.bundle.encoder, rows) for part in parts]
        found += _score_some(parts, encoded, explain=explain)
    p, amount_usd, chosen = found[0] if len(found) == 1 else _joined(found, explain=explain)
    value = p[:, -1] * amount_usd
    percentile = plan.reference.percentile(value)
    return ScoreTable(
        p=p,
        expected_value_usd=value,
        percentile=percentile,
        grade=[policy.grade_of[place] for place in percentile.tolist()],
        answers=_answers(p, policy),
        heads_scored_by=plan.answered_by,
        scored_by=ScoredBy.RULES if bundle is None else ScoredBy.MODEL,
        model_version=parts[0].bundle.version,
        scored_at=scored_at,
        chosen=chosen,
        _explained=plan.explained,
    )


def score_snapshots(
    bundle: ModelBundle | None,
    snapshots: Sequence[Mapping[str, Scalar]],
    *,
    policy: ScoringPolicy,
    scored_at: datetime,
    explain: bool = True,
) -> ScoreTable:
    """Score leads by their snapshots (`leads.flat`); otherwise as `score_columns`.

    Only the fields that a model reads are looked at.
    """

    def encode(encoder: Encoder, rows: slice) -> EncodedLeads:
        return encoder.encode_snapshots(snapshots[rows])

    n_leads = len(snapshots)
    return _score(bundle, encode, n_leads, policy=policy, scored_at=scored_at, explain=explain)


@lru_cache(maxsize=2)
def _plan(bundle: ModelBundle | None) -> _Plan:
    """Return who answers for what, found out once per bundle."""
    parts = _parts(bundle)
    return _Plan(
        parts=parts,
        answered_by=_answered_by(parts),
        explained=[
            (explainer, feature)
            for explainer in [part.bundle.explainer for part in parts]
            for feature in range(explainer.n_features)
        ],
        reference=next(p.bundle.reference for p in parts if _CONVERSION in p.targets),
    )


def _parts(bundle: ModelBundle | None) -> list[_Part]:
    """Return who answers: the bundle for what it learned, the written rules for the rest."""
    if bundle is None:
        return [_Part(rules_bundle(), _EVERYTHING)]
    parts = [_Part(bundle, bundle.learned)]
    if bundle.learned != _EVERYTHING:
        rest = tuple(i for i in _EVERYTHING if i not in bundle.learned)
        parts.append(_Part(rules_bundle(), rest))
    return parts


_EVERYTHING: Final = tuple(range(len(TARGETS)))


class _Found(NamedTuple):
    """Probabilities, amounts in USD and, when asked for, reasons of some leads."""

    p: NDArray[np.float64]
    amount_usd: NDArray[np.float64]
    chosen: Chosen | None


def _joined(found: Sequence[_Found], *, explain: bool) -> _Found:
    """Return several chunks of leads as one."""
    return _Found(
        np.concatenate([np.empty((0, len(TARGETS))), *(chunk.p for chunk in found)]),
        np.concatenate([np.empty(0), *(chunk.amount_usd for chunk in found)]),
        join([chunk.chosen for chunk in found if chunk.chosen]) if explain else None,
    )


def _score_some(
    parts: Sequence[_Part], encoded: Sequence[EncodedLeads], *, explain: bool
) -> Iterator[_Found]:
    """Yield what is found of some leads, chunk by chunk."""
    n_leads = encoded[0].n_leads
    if n_leads <= CHUNK:
        yield _score_chunk(parts, encoded, explain=explain)
        return
    for start in range(0, n_leads, CHUNK):
        rows = slice(start, start + CHUNK)
        yield _score_chunk(parts, [one.take(rows) for one in encoded], explain=explain)


def _score_chunk(
    parts: Sequence[_Part], encoded: Sequence[EncodedLeads], *, explain: bool
) -> _Found:
    """Return what is found of a few leads."""
    found = parts[0].bundle.predictor.predict(encoded[0], explain=explain)
    contributions = found.contributions
    if len(parts) == 1:
        if contributions is None:
            return _Found(found.p, found.amount_usd, None)
        seen = seen_values(parts[0].bundle.encoder, encoded[0])
        return _Found(found.p, found.amount_usd, choose(contributions, seen))
    every = [found]
    for part, leads in zip(parts[1:], encoded[1:], strict=True):
        other = part.bundle.predictor.predict(leads, explain=explain)
        found.p[:, part.targets] = other.p[:, part.targets]
        every.append(other)
    return _Found(found.p, found.amount_usd, _choose_among(parts, encoded, every))


def _choose_among(
    parts: Sequence[_Part], encoded: Sequence[EncodedLeads], found: Sequence[Predictions]
) -> Chosen | None:
    """Choose reasons where each part speaks for its own targets alone."""
    contributions, seen = [], []
    for part, leads, one in zip(parts, encoded, found, strict=True):
        if one.contributions is None:
            return None
        others = [target for target in _EVERYTHING if target not in part.targets]
        one.contributions[:, others] = 0.0
        contributions.append(one.contributions)
        seen.append(seen_values(part.bundle.encoder, leads))
    return choose(np.concatenate(contributions, axis=2), np.concatenate(seen))


def _answers(p: NDArray[np.float64], policy: ScoringPolicy) -> NDArray[np.int8]:
    """Return 0 no, 1 unknown or 2 yes per head."""
    # One for not being a no, and one more for being a yes.
    is_at_least = p[:, : len(Head)] >= policy.limits
    answers: NDArray[np.int8] = np.add(is_at_least[0], is_at_least[1], dtype=np.int8)
    return answers


def _answered_by(parts: Sequence[_Part]) -> dict[str, ScoredBy]:
    """Return per head and for conversion whether a model or the rules answered."""
    return {
        TARGETS[target]: by
        for part in parts
        for by in (ScoredBy.RULES if part.bundle.is_rules else ScoredBy.MODEL,)
        for target in part.targets
    }
