"""Stretches of a table to their scores: the part of scoring a file that any process can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from leadqual.leads.export import open_export
from leadqual.leads.projection import compile_leads
from leadqual.leads.schema import Rejected
from leadqual.leads.spec import MappingSpec
from leadqual.qualify.bundle import ModelBundle, Tables, bundle_from_files
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.reasons import Chosen
from leadqual.qualify.rules import rules_bundle
from leadqual.qualify.score import Head, ScoredBy
from leadqual.qualify.scoring import ScoreTable, score_columns, score_snapshots
from leadqual.services.batch_columns import Stretch, TableReader

_ANSWERS: Final = ("no", "unknown", "yes")
_NUMBERS: Final = ("p_fit", "p_authority", "p_budget", "p_conversion", "expected_value_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerPlan:
    """What a scorer is made from, in a form that another process can be given.

    Parameters
    ----------
    data : Path
        The table.
    mapping : MappingSpec
        How its rows become leads.
    bundle : mapping of str to bytes, optional
        Files of the model, checked already; None for the written rules.
    tables : mapping of str to ndarray, optional
        What these were compiled to.
    policy : ScoringPolicy
        Thresholds and grades of the standard.
    now : datetime, aware
        Becomes `scored_at`.
    explain : bool
        Whether reasons are wanted.
    """

    data: Path
    mapping: MappingSpec
    bundle: Mapping[str, bytes] | None
    tables: Tables | None
    policy: ScoringPolicy
    now: datetime
    explain: bool


@dataclass(frozen=True, slots=True)
class ScoredStretch:
    """Score columns of a stretch, one row per row of it, null where a row has no score.

    Text columns are dictionaries of Arrow; their names are those of `score_files.SCORE_COLUMNS`.
    """

    columns: dict[str, pa.Array]
    n_rejected: int


class StretchScorer:
    """Scores stretches of one table.

    Parameters
    ----------
    plan : ScorerPlan
        What to score by.
    bundle : ModelBundle, optional
        That of the plan where it is at hand: reading it again takes a while.

    Raises
    ------
    FileFormatError, MappingError, BundleError
        As when the file, its mapping or the model is read.
    """

    def __init__(self, plan: ScorerPlan, bundle: ModelBundle | None = None) -> None:
        self._plan = plan
        if bundle is None and plan.bundle is not None:
            tables = None if plan.tables is None else with_own_types(plan.tables)
            bundle = bundle_from_files(plan.bundle, tables=tables)
        self._bundle = bundle
        rules = rules_bundle()
        bundles: list[ModelBundle] = [rules] if self._bundle is None else [self._bundle, rules]
        reader = compile_leads(open_export(plan.data, plan.mapping))
        self._reader = TableReader(reader, [one.encoder for one in bundles], now=plan.now)
        self._texts = _Texts(
            plan.policy,
            bundle=bundles[0],
            by=ScoredBy.RULES if self._bundle is None else ScoredBy.MODEL,
            at=plan.now.isoformat(),
        )

    @property
    def columns(self) -> frozenset[str]:
        """Return the names of the columns that leads are read from."""
        return self._reader.columns

    def score(self, stretch: Stretch) -> ScoredStretch:
        """Return the scores of a stretch."""
        leads = self._reader.read(stretch)
        parts = []
        policy, at, explain = self._plan.policy, self._plan.now, self._plan.explain
        if leads.places.size:
            scores = score_columns(
                self._bundle,
                leads.columns,
                n_leads=leads.places.size,
                policy=policy,
                scored_at=at,
                explain=explain,
            )
            parts.append((leads.places, scores))
        if leads.others:
            places = np.array(list(leads.others), dtype=np.intp)
            others = list(leads.others.values())
            scores = score_snapshots(
                self._bundle, others, policy=policy, scored_at=at, explain=explain
            )
            parts.append((places, scores))
        arrays = _arrays(parts, stretch.n_rows, texts=self._texts, is_explained=self._plan.explain)
        arrays["rejected"] = _rejected(leads.rejected, stretch.n_rows)
        return ScoredStretch(arrays, len(leads.rejected))


def with_own_types(tables: Tables) -> Tables:
    """Return arrays whose types are the very ones of numpy.

    Those of an array that came from another process are only equal to them, and numpy then adds up
    reasons ten times slower.
    """
    return {name: array.view(array.dtype.str) for name, array in tables.items()}


_Parts = Sequence[tuple[NDArray[np.intp], ScoreTable]]


class _Texts:
    """The texts that score columns are made of: the same for every stretch, as files want it."""

    def __init__(
        self, policy: ScoringPolicy, *, bundle: ModelBundle, by: ScoredBy, at: str
    ) -> None:
        self.grades = list(dict.fromkeys(policy.grade_of))
        self.grade_of = np.array([self.grades.index(grade) for grade in policy.grade_of])
        self.same = {"scored_by": by.value, "model_version": bundle.version, "scored_at": at}


def _arrays(
    parts: _Parts, n_rows: int, *, texts: _Texts, is_explained: bool
) -> dict[str, pa.Array]:
    """Return the score columns of a stretch from those of its leads."""
    is_null = np.ones(n_rows, dtype=np.bool_)
    for places, _ in parts:
        is_null[places] = False
    mask = is_null if is_null.any() else None

    def coded(codes: NDArray[Any], values: Sequence[str]) -> pa.Array:
        indices = pa.array(codes.astype(np.int32), mask=mask)
        return pa.DictionaryArray.from_arrays(indices, pa.array(values, type=pa.string()))

    figures = {name: _placed(parts, n_rows, attrgetter(name)) for name in (*_NUMBERS, "percentile")}
    figures["percentile"] = percentile = figures["percentile"].astype(np.int64, copy=False)
    arrays = {name: pa.array(values, mask=mask) for name, values in figures.items()}
    arrays["grade"] = coded(texts.grade_of[percentile], texts.grades)
    for column, head in enumerate(Head):
        answers = _placed(parts, n_rows, partial(_answers, column))
        arrays[f"heads.{head.value}"] = coded(answers, _ANSWERS)
    if is_explained:
        arrays["reasons"] = _said(parts, n_rows)
    for name, value in texts.same.items():
        arrays[name] = coded(np.zeros(n_rows), [value])
    return arrays


def _placed(parts: _Parts, n_rows: int, pick: Callable[[ScoreTable], NDArray[Any]]) -> NDArray[Any]:
    """Return figures of all leads in the order of the rows, 0 where a row is no lead."""
    if len(parts) == 1 and parts[0][0].size == n_rows:
        return pick(parts[0][1])
    picked = [(places, pick(table)) for places, table in parts]
    placed = np.zeros(n_rows, dtype=picked[0][1].dtype if picked else np.float64)
    for places, figures in picked:
        placed[places] = figures
    return placed


def _said(parts: _Parts, n_rows: int) -> pa.Array:
    """Return the reasons of all leads in the order of the rows, null where a row is no lead."""
    if len(parts) == 1 and parts[0][0].size == n_rows:
        return _reasons(parts[0][1])
    found = pa.nulls(n_rows, type=pa.string())
    for places, table in parts:
        is_here = np.zeros(n_rows, dtype=np.bool_)
        is_here[places] = True
        found = compute.replace_with_mask(found, pa.array(is_here), _reasons(table))
    return found


def _answers(column: int, table: ScoreTable) -> NDArray[np.int8]:
    return table.answers[:, column]


def _reasons(table: ScoreTable) -> pa.Array:
    """Return the reasons of each lead as one text, each different reason worded once."""
    chosen = table.chosen
    if chosen is None:
        return pa.repeat(pa.scalar(""), table.n_leads)
    is_reason = chosen.feature >= 0
    target, feature = chosen.target[is_reason], chosen.feature[is_reason]
    weight, seen = chosen.weight[is_reason], chosen.seen[is_reason]
    kind = (target * (int(feature.max(initial=0)) + 1) + feature) * 2 + (weight > 0)
    values = pa.array(seen).dictionary_encode()
    n_values = len(values.dictionary)
    keys = pa.array(kind * n_values + values.indices.to_numpy()).dictionary_encode()
    codes = keys.indices.to_numpy()
    first = np.empty(len(keys.dictionary), dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    only = first[:, None]
    different = Chosen(target[only], feature[only], weight[only], seen[only])
    worded = replace(table, chosen=different).texts(slice(0, len(first)))
    texts = pa.array([text for (text,) in worded], type=pa.string())
    ends = np.zeros(table.n_leads + 1, dtype=np.int32)
    np.cumsum(is_reason.sum(axis=1), out=ends[1:])
    said = pa.ListArray.from_arrays(pa.array(ends), texts.take(keys.indices))
    return compute.binary_join(said, "; ")


def _rejected(rejected: Mapping[int, Rejected], n_rows: int) -> pa.Array:
    """Return why rows have no score, null where they have one."""
    if not rejected:
        return pa.nulls(n_rows, type=pa.string())
    texts: list[str | None] = [None] * n_rows
    for place, why in rejected.items():
        texts[place] = "; ".join(f"{one.field}: {one.reason}" for one in why.reasons)
    return pa.array(texts, type=pa.string())
