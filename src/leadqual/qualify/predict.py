"""The probabilities and amounts of a bundle, and what each feature adds to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.compiled import CompiledModels, compile_models
from leadqual.qualify.conversion import ConversionModel
from leadqual.qualify.reference import TARGETS
from leadqual.qualify.score import Head

CHUNK: Final = 256
"""Leads evaluated together: enough to amortise the calls, few enough to stay in the cache."""

_MAX_LOGIT: Final = 700.0
_EPS: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers for some leads.

    Parameters
    ----------
    p : ndarray of float64, shape (n_leads, 4)
        Probability of fit, authority, budget and conversion (`TARGETS`); NaN where the bundle
        has no model.
    amount_usd : ndarray of float64, shape (n_leads,)
        Expected amount if won.
    contributions : ndarray of float64, shape (n_leads, 4, n_features), or None
        What each feature adds to the log-odds of each target; those of conversion are of first
        order (a product of probabilities is not a sum).
    """

    p: NDArray[np.float64]
    amount_usd: NDArray[np.float64]
    contributions: NDArray[np.float64] | None


class Predictor:
    """Evaluate all models of a bundle together; built once, shared by all threads.

    Parameters
    ----------
    encoder : Encoder
    heads : mapping of Head to AdditiveModel
    conversion : ConversionModel, optional
    amount : AmountModel
    """

    def __init__(
        self,
        encoder: Encoder,
        heads: Mapping[Head, AdditiveModel],
        *,
        conversion: ConversionModel | None,
        amount: AmountModel,
    ) -> None:
        self._amount = amount
        self._conversion = conversion
        models = [amount.log_usd, *heads.values()]
        self._heads = [TARGETS.index(head) for head in heads]
        self._head_columns = np.arange(1, 1 + len(heads))
        if conversion is not None:
            first = len(models)
            models.extend(conversion.models)
            self._products = _products(conversion, self._head_columns.tolist(), first)
        self._compiled: CompiledModels = compile_models(encoder, models)

    def predict(self, leads: EncodedLeads, *, explain: bool) -> Predictions:
        """Return the answers for any number of leads, evaluated `CHUNK` at a time.

        Without `explain` that takes some 40 bytes per lead, with it 32 per lead and feature.
        """
        if leads.n_leads <= CHUNK:
            return self._predict(leads, explain=explain)
        parts = [
            self._predict(leads.take(slice(start, start + CHUNK)), explain=explain)
            for start in range(0, leads.n_leads, CHUNK)
        ]
        explained = [part.contributions for part in parts if part.contributions is not None]
        return Predictions(
            p=np.concatenate([part.p for part in parts]),
            amount_usd=np.concatenate([part.amount_usd for part in parts]),
            contributions=np.concatenate(explained) if explained else None,
        )

    def _predict(self, leads: EncodedLeads, *, explain: bool) -> Predictions:
        """Return the answers for a few leads."""
        logits, shares = self._compiled.evaluate(leads, explain=explain)
        probability = sigmoid(logits)
        p = np.full((leads.n_leads, len(TARGETS)), np.nan)
        found = None if shares is None else np.zeros((leads.n_leads, len(TARGETS), shares.shape[2]))
        p[:, self._heads] = probability.take(self._head_columns, axis=1)
        if found is not None and shares is not None:
            found[:, self._heads] = shares.take(self._head_columns, axis=1)
        if self._conversion is not None:
            logit = np.full(leads.n_leads, self._conversion.shift)
            slope = None if shares is None else np.zeros_like(logits)
            for product in self._products:
                logit += _log_odds(product, (logits, probability), slope)
            p[:, -1] = sigmoid(logit)
            if found is not None and shares is not None and slope is not None:
                found[:, -1] = (shares * slope[:, :, None]).sum(axis=1)
        return Predictions(p, self._amount.expected_usd(logits[:, 0]), found)


@dataclass(frozen=True, eq=False)
class _Product:
    """A product of probabilities, or one model whose log-odds are used as they are.

    A factor is `floor + (1 - floor) * p`.
    """

    weight: float
    columns: NDArray[np.intp]
    floor: NDArray[np.float64]
    is_plain: bool


def _log_odds(
    product: _Product,
    answers: tuple[NDArray[np.float64], NDArray[np.float64]],
    slope: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Return the weighted log-odds of one estimate; add their slope in each model's log-odds."""
    columns, (logits, probability) = product.columns, answers
    if product.is_plain:
        if slope is not None:
            slope[:, columns] += product.weight
        return product.weight * logits[:, columns[0]]
    p = probability.take(columns, axis=1)
    kept = 1.0 - product.floor
    factor = product.floor + kept * p
    whole = np.minimum(np.maximum(np.multiply.reduce(factor, axis=1), _EPS), 1.0 - _EPS)
    rest = 1.0 - whole
    if slope is not None:  # d log-odds(whole) / d log-odds(p), by the chain rule
        slope[:, columns] += product.weight * (kept * p * (1.0 - p) / factor / rest[:, None])
    return np.asarray(product.weight * np.log(whole / rest), dtype=np.float64)


def sigmoid(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities of log-odds, never overflowing."""
    bounded = np.minimum(np.maximum(logit, -_MAX_LOGIT), _MAX_LOGIT)
    return 1.0 / (1.0 + np.exp(-bounded))


def _products(
    conversion: ConversionModel, head_columns: Sequence[int], first: int
) -> list[_Product]:
    """Say which columns make up each estimate of conversion that has weight."""
    stages = list(range(first, first + len(conversion.stages)))
    direct = first + len(stages)
    need = direct + (conversion.direct is not None)
    products = []
    if conversion.stage_weight > 0:
        products.append(_product(conversion.stage_weight, stages))
    if conversion.direct_weight > 0:
        products.append(_product(conversion.direct_weight, [direct], is_plain=True))
    if conversion.heads_weight > 0:
        with_heads = [
            column
            for column, stage in zip(stages, conversion.stages, strict=True)
            if stage.is_with_heads
        ]
        columns = [*head_columns, *with_heads]
        floor = [0.0] * len(columns)
        if conversion.need is not None:
            columns.append(need)
            floor.append(conversion.need_floor)
        products.append(_product(conversion.heads_weight, columns, floor=floor))
    return products


def _product(
    weight: float, columns: list[int], *, floor: list[float] | None = None, is_plain: bool = False
) -> _Product:
    floors = [0.0] * len(columns) if floor is None else floor
    return _Product(weight, np.array(columns, dtype=np.intp), np.array(floors), is_plain)
