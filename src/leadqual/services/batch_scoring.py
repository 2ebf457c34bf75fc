"""Score a file of any size: one chunk in memory, the same scores as over HTTP."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from pyarrow import parquet

from leadqual.errors import MappingError
from leadqual.leads.fields import LEAD_FIELDS
from leadqual.leads.mapping import MappingSpec, load_mapping
from leadqual.leads.rows import Table, relaxed_collector
from leadqual.leads.tables import open_table
from leadqual.qualify.bundle import ModelBundle, bundle_files
from leadqual.services.batch_columns import Stretch
from leadqual.services.batch_copies import Original, read_original
from leadqual.services.batch_crew import Crew, work_through
from leadqual.services.batch_scorer import ScorerPlan, StretchScorer
from leadqual.services.batch_stretches import Cut, Wanted, cut, is_long, is_parquet
from leadqual.services.batch_worker import FilePlan, begin, score_part, without_pandas
from leadqual.services.score_files import ScoreFile, open_score_file
from leadqual.services.workshop import Workshop, active_standard

_ATTRIBUTE: Final = "attributes."

_MAX_HELD: Final = 1 << 20
_MAX_EXPLAINED: Final = 1 << 18
"""Rows of a row group whose scores (with reasons, which are long) are held until all are there."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What to score and where to put it.

    Without `mapping` the columns have the names of lead fields (`contact.email`, `source`,
    `attributes.plan`). `model_version` None means the champion, or the rules where there is none.
    `out` None means beside the input: `leads.csv` gives `leads.scored.csv`. Reasons cost more
    than all the rest: without `has_reasons` there is no such column.
    """

    data: Path
    mapping: Path | None = None
    model_version: str | None = None
    out: Path | None = None
    has_reasons: bool = True


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """How many rows got a score, from which model, and where they are."""

    out: Path
    n_rows: int
    n_scored: int
    n_rejected: int
    model_version: str


def score_file(
    workshop: Workshop,
    request: ScoreRequest,
    *,
    now: datetime,
    on_progress: Progress | None = None,
) -> ScoreSummary:
    """Write the rows of a file again with their scores, on every core that is free.

    A row that is no lead is kept without scores; its column `rejected` says why. As over HTTP, a
    lead without a time of creation counts as created now. The file is put in its place when all
    went well; an error or an interruption leaves what was there before.

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
    with without_pandas():
        table = open_table(request.data)
    with Crew(begin, n_others=None if is_long(table) else 0) as crew:
        bundle = _bundle(workshop, request.model_version)
        policy = active_standard(workshop).scoring_policy
        scorer = ScorerPlan(
            data=request.data,
            mapping=_mapping(request.mapping, table.columns),
            bundle=None if bundle is None else bundle_files(bundle),
            tables=None if bundle is None else bundle.predictor.tables(),
            policy=policy,
            now=now,
            explain=request.has_reasons,
        )
        with without_pandas():
            plan = FilePlan(scorer, _file(request, table))
            crew.tell(plan)
            n_rows, n_rejected = _write_scores(
                table,
                (plan, StretchScorer(scorer, bundle)),
                crew,
                on_progress=on_progress or _ignore,
            )
    return ScoreSummary(
        out=plan.file.out,
        n_rows=n_rows,
        n_scored=n_rows - n_rejected,
        n_rejected=n_rejected,
        model_version="rules" if bundle is None else bundle.version,
    )


def _file(request: ScoreRequest, table: Table) -> ScoreFile:
    """Return what is to be written."""
    return ScoreFile(
        out=request.out or _beside(request.data),
        columns=table.columns,
        source=parquet.read_schema(request.data) if is_parquet(table) else None,
        has_reasons=request.has_reasons,
    )


def _write_scores(
    table: Table,
    by: tuple[FilePlan, StretchScorer],
    crew: Crew[FilePlan],
    *,
    on_progress: Progress,
) -> tuple[int, int]:
    """Score a table into its file; return how many rows it has, and how many of no lead."""
    plan, scorer = by
    cuts = deque[Cut]()
    original = _original(table, plan.file)
    wanted = None if original is None else Wanted(scorer.columns, original)
    n_rows = n_rejected = 0
    with ExitStack() as stack:
        stack.enter_context(relaxed_collector())
        write = stack.enter_context(open_score_file(plan.file, original))
        results = work_through(
            _stretches(cut(table, wanted), plan, into=cuts, columns=scorer.columns),
            partial(score_part, scorer, plan.file),
            crew,
        )
        for scored in stack.enter_context(closing(results)):
            done = cuts.popleft()
            write(done, scored)
            n_rows += done.stretch.n_rows
            n_rejected += scored.n_rejected
            on_progress(done.n_bytes)
    return n_rows, n_rejected


def _original(table: Table, file: ScoreFile) -> Original | None:
    """Return the table where its columns can be copied to the file."""
    if not (file.is_parquet and is_parquet(table)):
        return None
    return read_original(table.path, max_rows=_MAX_EXPLAINED if file.has_reasons else _MAX_HELD)


def _stretches(
    cuts: Iterator[Cut], plan: FilePlan, *, into: deque[Cut], columns: frozenset[str]
) -> Iterator[Stretch]:
    """Yield what has to be known to score, and keep what has to be written."""
    for one in cuts:
        into.append(one)
        yield one.stretch.only(columns) if plan.file.is_parquet else one.stretch


def count_bytes(data: Path) -> int:
    """Return the size of the file to be scored."""
    with without_pandas():
        return open_table(data).n_bytes


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


def _ignore(_done: int) -> None:
    pass
