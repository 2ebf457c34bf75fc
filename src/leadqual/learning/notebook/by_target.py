"""A bundle from labels: each question learned on its own known leads, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from leadqual.errors import NotEnoughDataError
from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.learning.amounts import fit_won_amounts
from leadqual.learning.choosing import (
    MAX_CHOICE_ROWS,
    MIN_CHOICE_ROWS,
    Chosen,
    Sample,
    fit_chosen,
)
from leadqual.learning.fitting import to_additive
from leadqual.learning.learners.matrix import Matrix, build_matrix
from leadqual.learning.level import fit_level
from leadqual.learning.notebook.labelled_leads import LabelledLeads, TargetRows
from leadqual.learning.notes import note_history
from leadqual.learning.preparing import MIN_ROWS_TO_TELL_TIME, TrainingSet
from leadqual.learning.recency import Recency, read_recency
from leadqual.learning.settings import FitSettings
from leadqual.learning.single_column import find_time_proxies
from leadqual.learning.split import Fold, forward_folds
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.conversion import ConversionModel
from leadqual.qualify.reference import CONVERSION, TARGETS, Reference, ev_quantiles, observe_rates
from leadqual.qualify.score import Head

Floats = NDArray[np.float64]

VERSION: Final = "notebook"


@dataclass(frozen=True)
class FittedTargets:
    """A bundle, and how it came to be.

    Parameters
    ----------
    bundle : ModelBundle
        Ready to serve; the written rules answer for what is not in it.
    chosen : mapping of str to Chosen
        Learners per learned target.
    not_learnable : mapping of str to str
        The other targets that were asked for, and why in words.
    recency : Recency
        What each lead counts by its age.
    notes : tuple of str
        What the dates of wins say about how to read the model; empty without dates.
    """

    bundle: ModelBundle
    chosen: Mapping[str, Chosen]
    not_learnable: Mapping[str, str]
    recency: Recency
    notes: tuple[str, ...]


def fit_targets(
    data: LabelledLeads, *, min_per_class: int, created_at: datetime, settings: FitSettings
) -> FittedTargets:
    """Learn each target on its own rows, with learners chosen by forward validation there.

    Parameters
    ----------
    data : LabelledLeads
        In time order.
    min_per_class : int
        A target with fewer leads on either side is not learnable.
    created_at : datetime
        Aware; written into the bundle.
    settings : FitSettings
        Seed and numbers of the learners.

    Raises
    ------
    NotEnoughDataError
        With the counts, if no target is learnable or no column tells leads apart.
    """
    not_learnable = _why_not(data, min_per_class)
    # Spinning BLAS threads make small fits many times slower on a busy machine.
    with threadpool_limits(limits=1):
        encoder = _fit_encoder(data, settings)
        leads = encoder.encode(data.columns, n_leads=data.n_leads)
        Z = build_matrix(encoder, leads)
        recency = _read_recency(data, Z, settings)
        fading = recency.weigh(np.arange(data.n_leads))
        chosen = {
            target: _fit_target(Z, rows.weighted(fading), settings)
            for target, rows in data.targets.items()
            if target not in not_learnable
        }
        models = {target: to_additive(found.blend, encoder) for target, found in chosen.items()}
        amount = fit_won_amounts(Z, data.amount_usd, encoder)
    notes = _notes(data, (encoder, leads), (Z, recency))
    bundle = ModelBundle(
        version=VERSION,
        created_at=created_at,
        encoder=encoder,
        heads={head: models[head] for head in Head if head in models},
        conversion=_conversion(chosen.get(CONVERSION), (data, encoder), Z),
        amount=amount,
        reference=Reference(ev_quantiles(np.zeros(1))),
        summary={
            "source": VERSION,
            "n_leads": data.n_leads,
            "learners": settings.learners.as_dict(),
            "chosen": {target: found.as_dict() for target, found in chosen.items()},
            "not_learnable": dict(not_learnable),
            "notes": list(notes),
        },
    )
    return FittedTargets(
        bundle=replace(bundle, reference=_reference(bundle, data, leads)),
        chosen=chosen,
        not_learnable=not_learnable,
        recency=recency,
        notes=notes,
    )


def _why_not(data: LabelledLeads, min_per_class: int) -> dict[str, str]:
    """Return the targets with too few leads on either side; refuse when that is all of them."""
    found = {}
    for target, rows in data.targets.items():
        if min(rows.n_yes, rows.n_no) < max(min_per_class, 1):
            found[target] = (
                f"{rows.n_yes} leads are known to be yes and {rows.n_no} to be no, "
                f"{max(min_per_class, 1)} of each are needed: answered by the written rules"
            )
    if len(found) == len(data.targets):
        counts = "; ".join(f"{name}: {why.partition(',')[0]}" for name, why in found.items())
        raise NotEnoughDataError(
            f"nothing can be learned ({counts}); {max(min_per_class, 1)} of each class are needed. "
            "Give more leads, or lower min_per_class and expect noise."
        )
    return found


def _fit_encoder(data: LabelledLeads, settings: FitSettings) -> Encoder:
    """Learn the encoding without columns that mostly tell when a lead came."""
    enough = data.n_leads >= MIN_ROWS_TO_TELL_TIME
    proxies = find_time_proxies(data.columns, data.n_leads) if enough else {}
    used = {name: values for name, values in data.columns.items() if name not in proxies}
    encoder = Encoder.fit(used, n_leads=data.n_leads, min_count=settings.learners.min_count)
    if encoder.width == 0:
        raise NotEnoughDataError(
            f"none of the {len(data.columns)} columns tells leads apart: each is empty, constant, "
            "different for almost every lead or tells the time; add columns"
        )
    return replace(encoder, dropped={**encoder.dropped, **proxies})


def _read_recency(data: LabelledLeads, Z: Matrix, settings: FitSettings) -> Recency:
    """Look for a break in how leads convert, where it is known when they came."""
    target = data.targets.get(CONVERSION)
    if target is None or data.came_days is None:
        return Recency()
    seen = np.ones(len(target.y))
    if data.wins is not None:
        seen = data.wins.maturity.share_by_now[target.rows]
    return read_recency(
        Sample(Z[target.rows], target.y, target.weights),
        seen=seen,
        place=data.came_days,
        rows=target.rows,
        folds=_choice_folds(target),
        learners=settings.learners,
    )


def _fit_target(Z: Matrix, target: TargetRows, settings: FitSettings) -> Chosen:
    """Choose the learners on later rows, then fit them on all rows."""
    return fit_chosen(
        Sample(Z[target.rows], target.y, target.weights),
        _choice_folds(target),
        start=settings.learners.recipe(uses_bayes=True),
        learners=settings.learners,
        seed=settings.seed,
    )


def _choice_folds(target: TargetRows) -> list[Fold]:
    """Return forward folds of the newest rows that have both classes on both sides."""
    n_older = max(len(target.y) - MAX_CHOICE_ROWS, 0)
    newest = target.y[n_older:]
    if len(newest) < MIN_CHOICE_ROWS:
        return []
    return [
        Fold(fold.train + n_older, fold.test + n_older)
        for fold in forward_folds(len(newest))
        if all(len(np.unique(newest[rows])) == 2 for rows in (fold.train, fold.test))
    ]


def _notes(
    data: LabelledLeads,
    encoded: tuple[Encoder, EncodedLeads],
    learned: tuple[Matrix, Recency],
) -> tuple[str, ...]:
    """Return what a history of these wins would be noted for."""
    if data.wins is None:
        return ()
    wins, (encoder, leads) = data.wins, encoded
    Z, recency = learned
    rows = np.arange(data.n_leads)
    return note_history(
        TrainingSet(wins.history, wins.labels, wins.maturity, rows, encoder, leads, Z, recency)
    )


def _conversion(
    chosen: Chosen | None,
    encoded: tuple[LabelledLeads, Encoder],
    Z: Matrix,
) -> ConversionModel | None:
    """Return conversion in one step, its level set by the newest wins where they have dates."""
    if chosen is None:
        return None
    data, encoder = encoded
    model = ConversionModel(direct=to_additive(chosen.blend, encoder), direct_weight=1.0)
    if data.wins is None or data.is_weighted:
        return model
    shift = fit_level(chosen.blend.logit(Z), data.wins.labels, data.wins.maturity)
    return replace(model, shift=shift)


def _reference(bundle: ModelBundle, data: LabelledLeads, leads: EncodedLeads) -> Reference:
    """Observed rates, and the spread of expected value over the leads learned from."""
    answers = {}
    for target, rows in data.targets.items():
        if bundle.answers_for(target):
            answers[target] = np.full(data.n_leads, np.nan)
            answers[target][rows.rows] = rows.expected
    rates = observe_rates(bundle.encoder, leads, answers)
    if bundle.conversion is None:
        return replace(bundle.reference, rates=rates)
    found = bundle.predictor.predict(leads, explain=False)
    value = found.p[:, TARGETS.index(CONVERSION)] * found.amount_usd
    return Reference(ev_quantiles=ev_quantiles(value), rates=rates)
