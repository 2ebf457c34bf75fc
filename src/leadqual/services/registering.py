"""A fitted model into the registry and the lab book, with everything that is known of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import JsonValue

from leadqual.errors import ConfigError
from leadqual.outcomes.history import History
from leadqual.qualify.bundle import ModelBundle, bundle_files
from leadqual.registry.tracking import TrainingRecord
from leadqual.services.golden import golden_input
from leadqual.services.promotion import name_challenger
from leadqual.services.provenance import list_versions, read_git_commit
from leadqual.services.workshop import Workshop, call_of_operator, mirror_aliases

CARD: Final = "card.md"
REPORT: Final = "report.html"
_BY_NUMBER: Final = ("learners", "tuning")


@dataclass(frozen=True)
class Candidate:
    """A model that is about to get its place.

    Parameters
    ----------
    bundle : ModelBundle
        As fitted.
    history : History
        What it was fitted on.
    origin, data_hash : str
        Where the history came from, and its sha256.
    metrics : mapping of str to float
        Figures with bounds as `<name>.low` and `<name>.high`.
    headline : str
        The figures in one line.
    documents : mapping of str to str
        `card.md` and `report.html`.
    gate : mapping, optional
        What the gate said beside the champion; None where there was none to stand beside.
    notes : mapping of str to JSON values
        What else belongs into the manifest.
    effort : mapping of str to float
        What it took (`Effort.as_metrics`), for the lab book.
    """

    bundle: ModelBundle
    history: History
    origin: str
    data_hash: str
    metrics: Mapping[str, float]
    headline: str
    documents: Mapping[str, str]
    gate: Mapping[str, JsonValue] | None
    notes: Mapping[str, JsonValue]
    effort: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a version is now. `run_id` is None and `problems` say why where MLflow has none."""

    bundle_dir: Path
    run_id: str | None
    problems: tuple[str, ...]


def register(
    workshop: Workshop, candidate: Candidate, *, started_at: datetime, ended_at: datetime
) -> Registered:
    """Save a signed bundle, name it the challenger and write it into the lab book.

    The bundle comes first and whole; a lab book that cannot be written loses no training.

    Raises
    ------
    BundleError
        The bundle does not read back as it was written.
    """
    version = candidate.bundle.version
    metadata: dict[str, JsonValue] = {
        "headline": candidate.headline,
        "metrics": dict(candidate.metrics),
        "origin": candidate.origin,
        "data_hash": candidate.data_hash,
        "n_leads": candidate.history.n_leads,
        "gate": None if candidate.gate is None else dict(candidate.gate),
        **candidate.notes,
    }
    folder = workshop.registry.save(
        bundle_files(candidate.bundle),
        version=version,
        metadata=metadata,
        documents=candidate.documents,
        golden=golden_input(candidate.history, rng=np.random.default_rng(0)),
    )
    with workshop.store.transaction() as tx:
        name_challenger(tx, version, call=call_of_operator(ended_at), reason="trained")
    record = _record(candidate, folder, started_at=started_at, ended_at=ended_at)
    return _note_down(workshop, record)


def _record(
    candidate: Candidate, folder: Path, *, started_at: datetime, ended_at: datetime
) -> TrainingRecord:
    notes = dict(_flatten(candidate.notes))
    params = {
        "origin": candidate.origin,
        "data_hash": candidate.data_hash,
        "n_leads": str(candidate.history.n_leads),
        "n_events": str(len(candidate.history.events)),
        "n_features": str(len(candidate.bundle.encoder.feature_names)),
        **notes,
    }
    commit = read_git_commit()
    tags = {f"version.{name}": text for name, text in list_versions().items()}
    return TrainingRecord(
        version=candidate.bundle.version,
        started_at=started_at,
        ended_at=ended_at,
        bundle_dir=folder,
        params=params,
        metrics={
            name: value
            for name, value in {**candidate.metrics, **candidate.effort}.items()
            if math.isfinite(value)
        },
        tags=tags | ({} if commit is None else {"git_commit": commit}),
        documents=candidate.documents,
    )


def _flatten(notes: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Give each number of the learners a parameter of its own, so that runs can be compared.

    Other notes stay whole: their keys are columns, whose names a lab book need not take.
    """
    for name, value in notes.items():
        if name in _BY_NUMBER and isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", str(said)) for inner, said in value.items())
        else:
            yield name, str(value)


def _note_down(workshop: Workshop, record: TrainingRecord) -> Registered:
    """Write into the lab book; say why where that is not possible."""
    if workshop.lab_book is None:
        problem = "MLflow is not installed, so this training is in no lab book"
        return Registered(record.bundle_dir, run_id=None, problems=(problem,))
    try:
        run_id = workshop.lab_book.record(record)
    except ConfigError as error:
        return Registered(record.bundle_dir, run_id=None, problems=(str(error),))
    problem_of_aliases = mirror_aliases(workshop)
    problems = () if problem_of_aliases is None else (problem_of_aliases,)
    return Registered(record.bundle_dir, run_id=run_id, problems=problems)
