"""Stretches of a table to their scores: the part of scoring a file that any process can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadqual.leads.export import open_export
from leadqual.leads.projection import compile_leads
from leadqual.leads.schema import Rejected
from leadqual.leads.spec import MappingSpec
from leadqual.qualify.bundle import ModelBundle, bundle_from_files
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.rules import rules_bundle
from leadqual.qualify.score import Head
from leadqual.qualify.scoring import ScoreTable, score_columns
from leadqual.services.batch_columns import Stretch, TableReader
from leadqual.services.scoring import columns_of

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

    Raises
    ------
    FileFormatError, MappingError, BundleError
        As when the file, its mapping or the model is read.
    """

    def __init__(self, plan: ScorerPlan) -> None:
        self._plan = plan
        self._bundle = None if plan.bundle is None else bundle_from_files(plan.bundle)
        rules = rules_bundle()
        bundles: list[ModelBundle] = [rules] if self._bundle is None else [self._bundle, rules]
        reader = compile_leads(open_export(plan.data, plan.mapping))
        self._reader = TableReader(reader, [one.encoder for one in bundles], now=plan.now)

    @property
    def columns(self) -> frozenset[str]:
        """Return the names of the columns that leads are read from."""
        return self._reader.columns

    def score(self, stretch: Stretch) -> ScoredStretch:
        """Return the scores of a stretch."""
        leads = self._reader.read(stretch)
        parts = []
        if leads.places.size:
            parts.append((leads.places, self._score(leads.columns, leads.places.size)))
        if leads.others:
            places = np.array(list(leads.others), dtype=np.intp)
            columns = columns_of(list(leads.others.values()))
            parts.append((places, self._score(columns, places.size)))
        arrays = _arrays(parts, stretch.n_rows)
        arrays["rejected"] = _rejected(leads.rejected, stretch.n_rows)
        if not self._plan.explain:
            del arrays["reasons"]
        return ScoredStretch(arrays, len(leads.rejected))

    def _score(self, columns: Mapping[str, Any], n_leads: int) -> ScoreTable:
        return score_columns(
            self._bundle,
            columns,
            n_leads=n_leads,
            policy=self._plan.policy,
            scored_at=self._plan.now,
            explain=self._plan.explain,
        )


_Parts = Sequence[tuple[NDArray[np.intp], ScoreTable]]


def _arrays(parts: _Parts, n_rows: int) -> dict[str, pa.Array]:
    """Return the score columns of a stretch from those of its leads."""
    is_null = np.ones(n_rows, dtype=np.bool_)
    for places, _ in parts:
        is_null[places] = False
    mask = is_null if is_null.any() else None

    def coded(pick: Callable[[ScoreTable], NDArray[Any]], texts: Sequence[str]) -> pa.Array:
        codes = _placed(parts, n_rows, pick).astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=mask), pa.array(texts))

    arrays = {
        name: pa.array(_placed(parts, n_rows, attrgetter(name)), mask=mask)
        for name in (*_NUMBERS, "percentile")
    }
    arrays["grade"] = _texts(parts, n_rows, attrgetter("grade")).dictionary_encode()
    for column, head in enumerate(Head):
        arrays[f"heads.{head.value}"] = coded(partial(_answers, column), _ANSWERS)
    arrays["reasons"] = _texts(parts, n_rows, _reasons)
    first = parts[0][1] if parts else None
    for name in ("scored_by", "model_version", "scored_at"):
        arrays[name] = coded(lambda one: np.zeros(one.n_leads), [_same(first, name)])
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


def _texts(parts: _Parts, n_rows: int, pick: Callable[[ScoreTable], Iterable[str]]) -> pa.Array:
    """Return texts of all leads in the order of the rows, null where a row is no lead."""
    if len(parts) == 1 and parts[0][0].size == n_rows:
        return pa.array(list(pick(parts[0][1])), type=pa.string())
    texts: list[str | None] = [None] * n_rows
    for places, table in parts:
        for place, text in zip(places.tolist(), pick(table), strict=True):
            texts[place] = text
    return pa.array(texts, type=pa.string())


def _answers(column: int, table: ScoreTable) -> NDArray[np.int8]:
    return table.answers[:, column]


def _reasons(table: ScoreTable) -> Iterator[str]:
    return map("; ".join, table.texts())


def _same(table: ScoreTable | None, name: str) -> str:
    """Return what is the same for every lead, as text."""
    if table is None:
        return ""
    value = getattr(table, name)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _rejected(rejected: Mapping[int, Rejected], n_rows: int) -> pa.Array:
    """Return why rows have no score, null where they have one."""
    if not rejected:
        return pa.nulls(n_rows, type=pa.string())
    texts: list[str | None] = [None] * n_rows
    for place, why in rejected.items():
        texts[place] = "; ".join(f"{one.field}: {one.reason}" for one in why.reasons)
    return pa.array(texts, type=pa.string())
