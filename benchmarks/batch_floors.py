"""The bare model calls on ready arrays: our own compiled models, and LightGBM on the same trees.

Nothing is read, normalised, encoded, graded, worded or written, and no process starts while the
clock runs.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.batch_data import Bench, leads_only
from benchmarks.peers.same_trees import to_booster
from leadqual.config import Settings
from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.leads.export import open_export
from leadqual.leads.projection import compile_leads
from leadqual.leads.tables import open_table
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.bundle import ModelBundle
from leadqual.services.batch_columns import TableReader
from leadqual.services.batch_stretches import cut
from leadqual.services.workshop import open_workshop

N_LIBRARY: Final = 32_768
"""Rows of a ready matrix: 8 bytes for each of some 400 columns."""

N_LIBRARY_EXPLAINED: Final = 2_048
"""The same with `pred_contrib`, which takes more than half a millisecond per row."""

_TOGETHER: Final = 4_096
_CHECKED: Final = 64
_MAX_APART: Final = 1e-6


class Floor:
    """Our own model calls, here or on every core at once.

    `bundle` is the champion of the bench, `leads` are its slice, a few thousand at a time.
    """

    def __init__(self, bench: Bench) -> None:
        with open_workshop(Settings(home=bench.home)) as workshop:
            self.bundle = workshop.registry.load(workshop.models.aliases().champion or "")
        self.leads = list(_encode(bench, self.bundle))
        self.n_rows = sum(leads.n_leads for leads in self.leads)

    def cpu_per_row(self, *, explain: bool) -> float:
        """Return the seconds of one processor per row, evaluating all leads in this process."""
        began = time.process_time()
        self._share(0, 1, explain=explain)
        return (time.process_time() - began) / self.n_rows

    def everywhere(self, *, explain: bool) -> float:
        """Return the seconds of the clock per row with a process on every core."""
        n_cores = len(os.sched_getaffinity(0))
        work = partial(self._share, of=n_cores, explain=explain)
        return _clocked(work, n_processes=n_cores) / self.n_rows

    def _share(self, number: int, of: int, *, explain: bool) -> None:
        for leads in self.leads[number::of]:
            self.bundle.predictor.predict(leads, explain=explain)


def _encode(bench: Bench, bundle: ModelBundle) -> Iterator[EncodedLeads]:
    """Yield encoded leads of the slice, a few thousand at a time."""
    reader = compile_leads(open_export(bench.slice, leads_only(bench.mapping)))
    columns = TableReader(reader, [bundle.encoder], now=datetime.now(UTC))
    for one in cut(open_table(bench.slice)):
        found = columns.read(one.stretch)
        leads = bundle.encoder.encode(found.columns, n_leads=found.places.size)
        for start in range(0, leads.n_leads, _TOGETHER):
            yield leads.take(slice(start, start + _TOGETHER))


class LibraryFloor:
    """LightGBM's `Booster.predict` on a ready matrix, and numpy for the linear terms.

    Either a process per core with one thread each, or one process with a thread per core:
    whichever is quicker each time.

    Parameters
    ----------
    floor : Floor
        Whose models and first rows these are.

    Raises
    ------
    SystemExit
        LightGBM does not give what our own code gives.
    """

    def __init__(self, floor: Floor) -> None:
        bundle = floor.bundle
        heads, conversion = bundle.heads.values(), bundle.conversion
        later = () if conversion is None else conversion.models
        self._models = [bundle.amount.log_usd, *heads, *later]
        self._boosters = [_booster(model) for model in self._models]
        self._coef = np.stack([one.linear_weight * one.coef for one in self._models], axis=1)
        self._matrix = _matrix(bundle.encoder, floor.leads)
        self._n_cores = len(os.sched_getaffinity(0))
        _clocked(self._check, n_processes=1)

    def n_rows(self, *, explain: bool) -> int:
        """Return how many rows are evaluated."""
        return min(len(self._matrix), N_LIBRARY_EXPLAINED if explain else N_LIBRARY)

    def everywhere(self, *, explain: bool) -> tuple[float, str]:
        """Return the seconds of the clock per row on all cores, and how they were used."""
        n_rows, n_cores = self.n_rows(explain=explain), self._n_cores
        evaluate = partial(self._share, n_rows=n_rows, explain=explain)
        apart = _clocked(partial(evaluate, of=n_cores, n_threads=1), n_processes=n_cores)
        together = _clocked(partial(evaluate, of=1, n_threads=n_cores), n_processes=1)
        if together < apart:
            return together / n_rows, "threads"
        return apart / n_rows, "processes"

    def _share(self, number: int, of: int, *, n_rows: int, n_threads: int, explain: bool) -> None:
        """Evaluate a share of the rows, a few thousand at a time."""
        rows = self._matrix[:n_rows][n_rows * number // of : n_rows * (number + 1) // of]
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            if explain:
                self._contributions(some, n_threads)
            else:
                self._logits(some, n_threads)

    def _logits(self, rows: NDArray[np.float64], n_threads: int) -> NDArray[np.float64]:
        """Return the log-odds of every model without the constants, shape (n_rows, n_models)."""
        found: NDArray[np.float64] = rows @ self._coef
        for place, (model, booster) in enumerate(self._with_trees()):
            if booster is not None:
                trees = np.asarray(booster.predict(rows, num_threads=n_threads))
                found[:, place] += model.tree_weight * trees
        return found

    def _contributions(
        self, rows: NDArray[np.float64], n_threads: int
    ) -> list[NDArray[np.float64]]:
        """Return what every column adds, for each model, shape (n_rows, width)."""
        found = []
        for place, (model, booster) in enumerate(self._with_trees()):
            shares = (rows - model.center) * self._coef[:, place]
            if booster is not None:
                told = booster.predict(rows, num_threads=n_threads, pred_contrib=True)
                shares += model.tree_weight * np.asarray(told)[:, :-1]
            found.append(shares)
        return found

    def _with_trees(self) -> Iterator[tuple[AdditiveModel, Any]]:
        return zip(self._models, self._boosters, strict=True)

    def _check(self, _number: int) -> None:
        """Compare some rows with our own code."""
        some = self._matrix[:_CHECKED]
        shares, logits = self._contributions(some, 1), self._logits(some, 1)
        for place, model in enumerate(self._models):
            constant = model.shift + model.linear_weight * model.intercept
            apart = [
                np.abs(logits[:, place] + constant - model.logit(some)).max(),
                np.abs(shares[place] - model.contributions(some)).max(),
            ]
            if max(apart) > _MAX_APART:
                raise SystemExit(f"LightGBM differs from our trees by {max(apart):.1e}")


def _booster(model: AdditiveModel) -> Any:  # noqa: ANN401 - None or a booster
    """Return the trees of a model as LightGBM has them, None where it has no trees."""
    return to_booster(model.trees) if model.trees is not None and model.trees.n_trees else None


def _matrix(encoder: Encoder, leads: Sequence[EncodedLeads]) -> NDArray[np.float64]:
    """Return the first rows as the models were fitted on them."""
    parts: list[NDArray[np.float64]] = []
    for some in leads:
        if sum(map(len, parts)) >= N_LIBRARY:
            break
        parts.append(encoder.to_matrix(some))
    return np.concatenate(parts)[:N_LIBRARY]


def _clocked(work: Callable[[int], None], *, n_processes: int) -> float:
    """Return the seconds until all processes are done with their shares, all starting together.

    `work` is told the number of its share. Processes are forked, so that nothing has to be handed
    over; this one has used no thread of LightGBM, which a fork would lack.
    """
    context = multiprocessing.get_context("fork")
    start = context.Barrier(n_processes + 1)

    def share(number: int) -> None:
        start.wait()
        work(number)

    others = [context.Process(target=share, args=(number,)) for number in range(n_processes)]
    for other in others:
        other.start()
    start.wait()
    began = time.perf_counter()
    for other in others:
        other.join()
    if any(other.exitcode for other in others):
        raise SystemExit("a process of the floor failed")
    return time.perf_counter() - began
