"""From a history to a model bundle: the one way a model is made.

Heads and conversion as their product with reach and win where reps recorded why leads
stopped (DESIGN section 5); conversion in one step where a history knows only wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from threadpoolctl import threadpool_limits

from leadqual.features.encoder import Encoder
from leadqual.learning.amounts import describe_amounts, fit_amount
from leadqual.learning.conversion import (
    NEED_FLOOR,
    WITH_HEADS,
    ConversionParts,
    fit_conversion,
)
from leadqual.learning.funnel import Stage
from leadqual.learning.heads import FittedHeads, fit_heads
from leadqual.learning.learners.blend import Blend
from leadqual.learning.level import fit_level, level_rows
from leadqual.learning.notes import note_history, note_learners, summarise
from leadqual.learning.preparing import TrainingSet, learnable_heads, prepare, take_leads
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.checks import CHECKS, Check
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.conversion import ConversionModel, StageModel
from leadqual.qualify.predict import Predictor
from leadqual.qualify.reference import CONVERSION, TARGETS, Reference, ev_quantiles, observe_rates
from leadqual.qualify.score import Head
from leadqual.qualify.trees import TreeEnsemble

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FittedModel:
    """A bundle and what it was made from.

    Parameters
    ----------
    bundle : ModelBundle
        Ready to serve.
    history : History
        The leads that were read, at most the newest `FitSettings.max_leads`; shuffled where
        they have no order.
    labels, maturity : Labels, Maturity
        Of `history`.
    not_learnable : mapping of Head to str
        Heads that the rules answer for, and why in words.
    notes : tuple of str
        What a reader of the model should know, in plain words.
    stages : tuple of Stage
        Every fitted step of the funnel, also those that the bundle leaves out because heads
        speak for them; empty where the history has no funnel.
    """

    bundle: ModelBundle
    history: History
    labels: Labels
    maturity: Maturity
    not_learnable: Mapping[Head, str]
    notes: tuple[str, ...]
    stages: tuple[Stage, ...]


def fit_bundle(
    history: History,
    *,
    as_of: datetime | None,
    version: str,
    created_at: datetime,
    settings: FitSettings | None = None,
) -> FittedModel:
    """Learn everything that a history can teach.

    Parameters
    ----------
    history : History
        Leads in time order and their events.
    as_of : datetime or None
        Aware; nothing recorded later is read. None means everything there is.
    version : str
        Name of the bundle.
    created_at : datetime
        Aware; written into the bundle.
    settings : FitSettings, optional
        The team's check order, the seed and the numbers of the learners.

    Raises
    ------
    NotEnoughDataError
        With the numbers, when fewer than 40 leads are known on either side (won, or ended or
        old without a win), or no column tells leads apart.
    """
    # Spinning BLAS threads make small fits many times slower on a busy machine.
    with threadpool_limits(limits=1):
        return _fit(
            history,
            as_of=as_of,
            version=version,
            created_at=created_at,
            settings=settings or FitSettings(),
        )


def _fit(
    history: History,
    *,
    as_of: datetime | None,
    version: str,
    created_at: datetime,
    settings: FitSettings,
) -> FittedModel:
    """Do the work of `fit_bundle`."""
    data = prepare(history, as_of=as_of, settings=settings)
    heads, not_learnable = learnable_heads(data.labels)
    found = None
    if heads:
        found = fit_heads(
            data.Z,
            data.labels,
            seed=settings.seed,
            check_order=settings.check_order,
            learners=settings.learners,
            importance=data.recency.weigh(np.arange(data.labels.n_leads)),
        )
    uses_heads = len(heads) == len(Head)
    parts = fit_conversion(data, uses_heads=uses_heads, settings=settings)
    fitted = {head: found.chosen[Check(head.value)] for head in heads if found}
    head_models = {head: to_additive(chosen.blend, data.encoder) for head, chosen in fitted.items()}
    need = None
    if found and uses_heads:
        need = to_additive(found.chosen[Check.NEED].blend, data.encoder)
    conversion = _conversion_model(data.encoder, parts, need)
    amount = fit_amount(data.Z, data.labels, data.encoder)
    level = Predictor(data.encoder, head_models, conversion=conversion, amount=amount)
    shift = _shift_to_newest(level, data)
    notes = (*note_history(data), *note_learners(parts, fitted), describe_amounts(data.labels))
    unreferenced = ModelBundle(
        version=version,
        created_at=created_at,
        encoder=data.encoder,
        heads=head_models,
        conversion=replace(conversion, shift=shift),
        amount=amount,
        reference=Reference(np.zeros(len(ev_quantiles(np.zeros(1))))),
        summary={
            **summarise(data, parts, fitted, settings=settings, notes=notes, shift=shift),
            "not_learnable": {head.value: why for head, why in not_learnable.items()},
        },
    )
    bundle = replace(
        unreferenced, reference=_reference(unreferenced, data, _answers(data, found, parts))
    )
    return FittedModel(
        bundle=bundle,
        history=data.history,
        labels=data.labels,
        maturity=data.maturity,
        not_learnable=not_learnable,
        notes=notes,
        stages=parts.stages,
    )


def _shift_to_newest(unshifted: Predictor, data: TrainingSet) -> float:
    """Return the shift in log-odds of conversion that the newest leads ask for."""
    rows = level_rows(data.labels, data.maturity, is_ordered=data.history.is_ordered)
    p = np.full(data.labels.n_leads, np.nan)
    found = unshifted.predict(take_leads(data.leads, rows), explain=False)
    p[rows] = found.p[:, TARGETS.index(CONVERSION)]
    return fit_level(logit(np.clip(p, 1e-9, 1 - 1e-9)), data.labels, data.maturity, rows=rows)


def to_additive(blend: Blend, encoder: Encoder) -> AdditiveModel:
    """Return a fitted blend in the form that a bundle holds."""
    trees = None
    if blend.trees is not None:
        trees = TreeEnsemble.from_lightgbm(blend.trees.dump_model(), n_columns=encoder.width)
    return AdditiveModel(
        coef=blend.linear.coef,
        intercept=blend.linear.intercept,
        center=encoder.means,
        trees=trees,
        linear_weight=blend.linear_weight,
        tree_weight=blend.tree_weight,
    )


def _conversion_model(
    encoder: Encoder, parts: ConversionParts, need: AdditiveModel | None
) -> ConversionModel:
    """Put the estimates together; the level is set afterwards.

    Steps that nothing uses are left out: they would cost time on every request.
    """
    used = parts.stages
    if parts.stage_weight == 0:
        used = tuple(stage for stage in used if stage.name in WITH_HEADS)
    return ConversionModel(
        stages=tuple(
            StageModel(
                name=stage.name,
                model=to_additive(stage.blend, encoder),
                is_with_heads=stage.name in WITH_HEADS,
            )
            for stage in used
        ),
        direct=to_additive(parts.direct.blend, encoder),
        need=need if parts.heads_weight > 0 else None,
        need_floor=NEED_FLOOR,
        stage_weight=parts.stage_weight,
        direct_weight=parts.direct_weight,
        heads_weight=parts.heads_weight,
    )


def _answers(
    data: TrainingSet, found: FittedHeads | None, parts: ConversionParts
) -> dict[str, Floats]:
    """Return what is believed of each training lead per target, NaN where nothing is."""
    answers = {CONVERSION: parts.answer}
    if found is not None:
        for head in Head:
            believed = np.full(data.labels.n_leads, np.nan)
            believed[found.rows] = found.p[:, CHECKS.index(Check(head.value))]
            answers[head.value] = believed
    return answers


def _reference(bundle: ModelBundle, data: TrainingSet, answers: Mapping[str, Floats]) -> Reference:
    """Observed rates, and the spread of expected value over the training leads."""
    found = bundle.predictor.predict(take_leads(data.leads, data.rows), explain=False)
    value = found.p[:, TARGETS.index(CONVERSION)] * found.amount_usd
    learned = {name: a for name, a in answers.items() if bundle.answers_for(name)}
    return Reference(
        ev_quantiles=ev_quantiles(value),
        rates=observe_rates(data.encoder, data.leads, learned),
    )
