"""Where the time of scoring a file goes, stage by stage, in one process.

Every stage is what `leadqual score` calls. Columns and encoding are timed by themselves and again
as part of scoring, whose rest is what scoring takes without them and without the model.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from pyarrow import parquet

from benchmarks.batch_data import Bench, leads_only
from leadqual.config import Settings
from leadqual.features.encoder import EncodedLeads
from leadqual.leads.export import open_export
from leadqual.leads.projection import compile_leads
from leadqual.leads.rows import relaxed_collector
from leadqual.leads.tables import open_table
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.predict import Predictions, Predictor
from leadqual.services.batch_columns import TableReader
from leadqual.services.batch_copies import read_original
from leadqual.services.batch_scorer import ScorerPlan, StretchScorer
from leadqual.services.batch_stretches import Wanted, cut
from leadqual.services.batch_worker import score_part
from leadqual.services.score_files import ScoreFile, open_score_file
from leadqual.services.workshop import active_standard, open_workshop

_BARE_READ: Final = "bare reading of all columns by Arrow"
_BARE_WRITE: Final = "bare writing of the scored columns by Arrow"
_READ: Final = "reading the columns that leads are made of"
_COLUMNS: Final = "columns to leads: checking, normalising"
_ENCODE: Final = "deriving features, encoding"
_MODEL: Final = "model calls"
_SCORE: Final = "scoring"
_REST: Final = "percentiles, grades, answers, reasons, score columns"
_HAND: Final = "handing all to another process and back"
_WRITE: Final = "copying the columns, writing the scores"
_OURS: Final = (_READ, _COLUMNS, _ENCODE, _MODEL, _REST, _WRITE)
_ALL: Final = "all in one process"


class _Clocked(Predictor):
    """A predictor that adds up the processor time of its calls."""

    def __init__(self, predictor: Predictor, taken: dict[str, float]) -> None:
        self.__dict__.update(predictor.__dict__)
        self._taken = taken

    def predict(self, leads: EncodedLeads, *, explain: bool) -> Predictions:
        """Return the answers."""
        began = time.process_time()
        found = super().predict(leads, explain=explain)
        self._taken[_MODEL] += time.process_time() - began
        return found


class Stages:
    """Scores the slice of a bench and notes how long each stage takes.

    `taken` has the microseconds per row of each run, by stage.
    """

    def __init__(self, bench: Bench, *, explain: bool) -> None:
        self._bench = bench
        with open_workshop(Settings(home=bench.home)) as workshop:
            bundle = workshop.registry.load(workshop.models.aliases().champion or "")
            policy = active_standard(workshop).scoring_policy
        self._seconds: dict[str, float] = {}
        self._bundle = _clocked(bundle, self._seconds)
        mapping, now = leads_only(bench.mapping), datetime.now(UTC)
        plan = ScorerPlan(
            data=bench.slice,
            mapping=mapping,
            bundle=None,
            tables=None,
            policy=policy,
            now=now,
            explain=explain,
        )
        self._scorer = StretchScorer(plan, self._bundle)
        reader = compile_leads(open_export(bench.slice, mapping))
        self._reader = TableReader(reader, [bundle.encoder], now=now)
        self._explain = explain
        self.taken: dict[str, list[float]] = {}
        self.run()  # what is learned from a file for the next stretches
        self.taken.clear()

    def run(self) -> None:
        """Score the slice once."""
        with tempfile.TemporaryDirectory() as folder, relaxed_collector():
            self._score(Path(folder) / "out.parquet")
            self._bare(Path(folder) / "out.parquet", Path(folder) / "again.parquet")
        found = self._seconds
        found[_REST] = found[_SCORE] - found[_COLUMNS] - found[_ENCODE] - found[_MODEL]
        found[_ALL] = sum(found[name] for name in _OURS)
        for name, seconds in found.items():
            self.taken.setdefault(name, []).append(seconds * 1e6 / self._bench.n_slice)

    def _score(self, out: Path) -> None:
        """Do what `leadqual score` does, one stage after the other."""
        table = open_table(self._bench.slice)
        original = read_original(self._bench.slice, max_rows=self._bench.n_slice)
        if original is None:
            raise SystemExit("the slice cannot be copied")
        schema = parquet.read_schema(self._bench.slice)
        file = ScoreFile(out, table.columns, schema, has_reasons=self._explain)
        self._seconds.clear()
        self._seconds[_MODEL] = 0.0
        with ExitStack() as stack:
            write = stack.enter_context(open_score_file(file, original))
            cuts = cut(table, Wanted(self._scorer.columns, original))
            while (one := self._time(_READ, next, cuts, None)) is not None:
                leads = self._time(_COLUMNS, self._reader.read, one.stretch)
                encode = partial(self._bundle.encoder.encode, n_leads=leads.places.size)
                self._time(_ENCODE, encode, leads.columns)
                scored = self._time(_SCORE, score_part, self._scorer, file, one.stretch)
                self._time(_HAND, _hand_over, (one.stretch, scored))
                self._time(_WRITE, write, one, scored)
            self._time(_WRITE, stack.close)

    def _bare(self, scored: Path, again: Path) -> None:
        """Read the input and write the result with Arrow and nothing else."""
        self._time(_BARE_READ, partial(parquet.read_table, use_threads=False), self._bench.slice)
        result = parquet.read_table(scored)
        self._time(_BARE_WRITE, parquet.write_table, result, again)

    def _time(self, stage: str, work: Callable[..., Any], *given: Any) -> Any:  # noqa: ANN401 - whatever it does
        began = time.process_time()
        done = work(*given)
        self._seconds[stage] = self._seconds.get(stage, 0.0) + time.process_time() - began
        return done


def _hand_over(item: object) -> None:
    pickle.loads(pickle.dumps(item))  # noqa: S301 - our own


def _clocked(bundle: ModelBundle, taken: dict[str, float]) -> ModelBundle:
    """Return a bundle whose model calls are timed."""
    bundle.__dict__["predictor"] = _Clocked(bundle.predictor, taken)  # where it is remembered
    return bundle


def stage_rows(*found: Mapping[str, Sequence[float]]) -> Iterator[Sequence[str]]:
    """Yield the lines of a table, a column for each kind of run: least and median of its runs."""
    for name in (*_OURS, _ALL, _HAND, _BARE_READ, _BARE_WRITE):
        yield name, *(f"{min(one[name]):.2f} ({median(one[name]):.2f})" for one in found)
