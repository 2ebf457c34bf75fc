"""Another process scores what it is given, and loads nothing that this does not need."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from leadqual.leads.spec import MappingSpec
from leadqual.qualify.policy import ScoringPolicy
from leadqual.services.batch_columns import Stretch
from leadqual.services.batch_scorer import ScorerPlan
from leadqual.services.batch_worker import FilePlan, begin
from leadqual.services.score_files import ScoreFile

MAPPING = MappingSpec.model_validate({
    "source": "file",
    "lead": {"source": "source", "contact.email": "mail"},
})


def score_elsewhere(plan: FilePlan, stretch: Stretch) -> tuple[list[bool], list[str]]:
    scored = begin(plan)(stretch)
    heavy = {"sqlalchemy", "pandas", "mlflow"}.intersection(sys.modules)
    return scored.columns["p_conversion"].is_valid().to_pylist(), sorted(heavy)


def test_another_process_scores_without_store_registry_and_pandas(tmp_path: Path) -> None:
    batch = pa.record_batch({"source": ["webinar", "ad"], "mail": ["ada@acme.example", "no"]})
    data = tmp_path / "leads.parquet"
    parquet.write_table(pa.Table.from_batches([batch]), data)
    scorer = ScorerPlan(
        data=data,
        mapping=MAPPING,
        bundle=None,
        tables=None,
        policy=ScoringPolicy(),
        now=datetime(2026, 11, 21, 12, tzinfo=UTC),
        explain=True,
    )
    file = ScoreFile(data, ("source", "mail"), batch.schema, has_reasons=True)

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        has_score, heavy = pool.submit(
            score_elsewhere, FilePlan(scorer, file), Stretch(2, 1, batch=batch)
        ).result()

    assert has_score == [True, False]
    assert heavy == []
