"""Score a file of any size: one chunk in memory, the same scores as over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from leadqual.errors import MappingError
from leadqual.leads.fields import LEAD_FIELDS
from leadqual.leads.flat import flatten_lead
from leadqual.leads.mapping import MappingSpec, load_mapping
from leadqual.leads.schema import Lead, Rejected
from leadqual.leads.tables import open_table
from leadqual.outcomes.mapped import LeadChunk, iter_leads
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.score import Head
from leadqual.qualify.scoring import ScoreTable, score_columns
from leadqual.services.score_files import ScoredRow, open_score_file
from leadqual.services.scoring import columns_of
from leadqual.services.workshop import Workshop, active_standard

_ATTRIBUTE: Final = "attributes."
_ANSWERS: Final = ("no", "unknown", "yes")

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What to score and where to put it.

    Without `mapping` the columns have the names of lead fields (`contact.email`, `source`,
    `attributes.plan`). `model_version` None means the champion, or the rules where there is none.
    `out` None means beside the input: `leads.csv` gives `leads.scored.csv`.
    """

    data: Path
    mapping: Path | None = None
    model_version: str | None = None
    out: Path | None = None


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """How many rows got a score, from which model, and where they are."""

    out: Path
    n_rows: int
    n_scored: int
    n_rejected: int
    model_version: str


@dataclass(frozen=True, slots=True)
class _Scorer:
    """What stays the same over the whole file."""

    bundle: ModelBundle | None
    policy: ScoringPolicy
    now: datetime

    def score(self, leads: Sequence[Lead]) -> ScoreTable:
        snapshots = [flatten_lead(lead) for lead in leads]
        return score_columns(
            self.bundle,
            columns_of(snapshots),
            n_leads=len(leads),
            policy=self.policy,
            scored_at=self.now,
        )


def score_file(
    workshop: Workshop,
    request: ScoreRequest,
    *,
    now: datetime,
    on_progress: Progress | None = None,
) -> ScoreSummary:
    """Write the rows of a file again with their scores.

    A row that is no lead is kept without scores; its column `rejected` says why. As over HTTP, a
    lead without a time of creation counts as created now.

    Parameters
    ----------
    workshop : Workshop
        The deployment: its champion and its active standard.
    request : ScoreRequest
        What to score.
    now : datetime, aware
        Becomes `scored_at`; later times of creation are rejected.
    on_progress : callable, optional
        Told the bytes read so far, out of `count_bytes(request.data)`.

    Raises
    ------
    FileFormatError, MappingError
        The file or its mapping cannot be read.
    BundleError
        The model may not be used.
    """
    table = open_table(request.data)
    mapping = _mapping(request.mapping, table.columns)
    out = request.out or _beside(request.data)
    scorer = _Scorer(
        bundle=_bundle(workshop, request.model_version),
        policy=active_standard(workshop).scoring_policy,
        now=now,
    )
    n_rows = n_rejected = 0
    chunks = iter_leads(request.data, mapping, now=now, on_progress=on_progress)
    with open_score_file(out, source=request.data, columns=table.columns) as write:
        for chunk in chunks:
            rows = list(_score_chunk(chunk, scorer))
            n_rows += len(rows)
            n_rejected += sum("rejected" in score for _, score in rows)
            write(rows)
    return ScoreSummary(
        out=out,
        n_rows=n_rows,
        n_scored=n_rows - n_rejected,
        n_rejected=n_rejected,
        model_version="rules" if scorer.bundle is None else scorer.bundle.version,
    )


def count_bytes(data: Path) -> int:
    """Return the size of the file to be scored."""
    return open_table(data).n_bytes


def _score_chunk(chunk: LeadChunk, scorer: _Scorer) -> Iterator[ScoredRow]:
    leads = [row.result for row in chunk if isinstance(row.result, Lead)]
    table = scorer.score(leads) if leads else None
    number = 0
    for row in chunk:
        if isinstance(row.result, Rejected):
            reasons = "; ".join(f"{one.field}: {one.reason}" for one in row.result.reasons)
            yield row.raw_cells, {"rejected": reasons}
        elif table is not None:
            yield row.raw_cells, _score_cells(table, number)
            number += 1


def _score_cells(table: ScoreTable, row: int) -> dict[str, object]:
    answers = {
        f"heads.{head.value}": _ANSWERS[int(answer)]
        for head, answer in zip(Head, table.answers[row], strict=True)
    }
    return {
        "p_fit": float(table.p_fit[row]),
        "p_authority": float(table.p_authority[row]),
        "p_budget": float(table.p_budget[row]),
        "p_conversion": float(table.p_conversion[row]),
        "expected_value_usd": float(table.expected_value_usd[row]),
        "grade": table.grade[row],
        "percentile": int(table.percentile[row]),
        **answers,
        "reasons": "; ".join(table.reason_texts(row)),
        "scored_by": table.scored_by.value,
        "model_version": table.model_version,
        "scored_at": table.scored_at.isoformat(),
    }


def _bundle(workshop: Workshop, version: str | None) -> ModelBundle | None:
    wanted = version or workshop.models.aliases().champion
    return None if wanted is None else workshop.registry.load(wanted)


def _mapping(path: Path | None, columns: Sequence[str]) -> MappingSpec:
    """Return the mapping of the lead table alone: what comes after scoring is not there yet."""
    if path is None:
        return _by_name(columns)
    mapping = load_mapping(path)
    looked_up = {column.file for _, column in mapping.used_columns if column.file is not None}
    kept = {mapping.lead_file, *looked_up}
    files = {name: file for name, file in mapping.files.items() if name in kept}
    return mapping.model_copy(update={"files": files, "outcomes": ()})


def _by_name(columns: Sequence[str]) -> MappingSpec:
    """Return the mapping of a file whose columns have the names of lead fields.

    Raises
    ------
    MappingError
        Not one of them has.
    """
    fields: dict[str, object] = {name: name for name in columns if name in LEAD_FIELDS}
    attributes = [
        {"column": name, "name": name.removeprefix(_ATTRIBUTE)}
        for name in columns
        if name.startswith(_ATTRIBUTE)
    ]
    if not fields and not attributes:
        raise MappingError([
            "no column has the name of a lead field, such as source, contact.job_title or "
            "company.industry; give --mapping (`leadqual mapping suggest FILE` guesses one)"
        ])
    fields.setdefault("source", {"const": "unknown"})
    motion = {"motion": "motion"} if "motion" in columns else {}
    return MappingSpec.model_validate({
        "source": "file",
        "lead": fields,
        "attributes": attributes,
        **motion,
    })


def _beside(data: Path) -> Path:
    ending = ".parquet" if data.suffix.lower() == ".parquet" else ".csv"
    return data.with_name(f"{data.stem}.scored{ending}")
