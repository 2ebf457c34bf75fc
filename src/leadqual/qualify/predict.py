"""The probabilities and amounts of a bundle, and what each feature adds to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.compiled import CompiledModels
from leadqual.qualify.conversion import ConversionModel
from leadqual.qualify.reference import TARGETS
from leadqual.qualify.score import Head

CHUNK: Final = 256
"""Leads evaluated together: enough to amortise the calls, few enough to stay in the cache."""

_FEW: Final = 4
"""Up to so many leads, Python's own numbers are faster than arrays of one to four."""

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
    tables : mapping of str to ndarray, optional
        What this program has compiled of these models before (`tables`); else they are compiled.
    """

    def __init__(
        self,
        encoder: Encoder,
        heads: Mapping[Head, AdditiveModel],
        *,
        conversion: ConversionModel | None,
        amount: AmountModel,
        tables: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self._amount = amount
        models = [amount.log_usd, *heads.values()]
        self._heads = _as_slice([TARGETS.index(head) for head in heads])
        self._head_columns = slice(1, 1 + len(heads))
        self._answers_all = len(heads) == len(Head) and conversion is not None
        self._estimates: _Estimates | None = None
        if conversion is not None:
            n_heads = len(models)
            models.extend(conversion.models)
            products = _products(conversion, list(range(1, n_heads)), n_heads)
            self._estimates = _Estimates(products, shift=conversion.shift, n_models=len(models))
        if tables is None:
            from leadqual.qualify.compiling import compile_models

            self._compiled = compile_models(encoder, models)
        else:
            n_features = len(encoder.features)
            self._compiled = CompiledModels.from_tables(
                tables, n_models=len(models), n_features=n_features
            )

    def tables(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that the models were compiled to, by name."""
        return self._compiled.tables()

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
        p = np.empty((leads.n_leads, len(TARGETS)))
        if not self._answers_all:
            p.fill(np.nan)
        p[:, self._heads] = probability[:, self._head_columns]
        found = None
        if shares is not None:
            found = np.empty((leads.n_leads, len(TARGETS), shares.shape[2]))
            if not self._answers_all:
                found.fill(0.0)
            found[:, self._heads] = shares[:, self._head_columns]
        if self._estimates is not None:
            few = leads.n_leads <= _FEW
            combine = self._estimates.combine_few if few else self._estimates.combine
            p[:, -1], slope = combine(logits, probability, explain=explain)
            if found is not None and shares is not None and slope is not None:
                np.add.reduce(shares * slope[:, :, None], axis=1, out=found[:, -1])
        return Predictions(p, self._amount.expected_usd(logits[:, 0]), found)


@dataclass(frozen=True, eq=False)
class _Product:
    """A product of probabilities, or one model whose log-odds are used as they are.

    A factor is `floor + (1 - floor) * p`.
    """

    weight: float
    columns: list[int]
    floor: list[float]
    is_plain: bool

    @cached_property
    def factors(self) -> list[tuple[int, float, float]]:
        """Return column, floor and what is left of 1 above it, of each factor."""
        return [
            (column, floor, 1.0 - floor)
            for column, floor in zip(self.columns, self.floor, strict=True)
        ]

    def log_odds(self, p: Sequence[float], slope: list[float] | None) -> float:
        """Return the weighted log-odds of the product for one lead; add their slope to `slope`.

        The functions of numpy, since those of Python may differ in the last bit.
        """
        whole = 1.0
        for column, floor, kept in self.factors:
            whole *= floor + kept * p[column]
        whole = min(max(whole, _EPS), 1.0 - _EPS)
        rest = 1.0 - whole
        if slope is not None:
            for column, floor, kept in self.factors:
                own = p[column]
                kept_p = kept * own
                slope[column] += kept_p * (1.0 - own) / (floor + kept_p) / rest * self.weight
        return float(np.log(whole / rest)) * self.weight


class _Estimates:
    """The weighted sum of estimates of conversion, in log-odds, all products at once.

    A model that is no factor of a product counts there as 1, so products are full tables.
    """

    def __init__(self, products: Sequence[_Product], *, shift: float, n_models: int) -> None:
        self._shift = shift
        several = [product for product in products if not product.is_plain]
        # Of each estimate its column, and its weight where it is log-odds as they are.
        self._terms = [
            (one.columns[0], one.weight) if one.is_plain else (several.index(one), None)
            for one in products
        ]
        self._products = several
        self._weight = np.array([product.weight for product in several])
        self._floor = np.ones((len(several), n_models))
        for row, product in zip(self._floor, several, strict=True):
            row[product.columns] = product.floor
        self._kept = 1.0 - self._floor
        self._plain_slope = np.zeros(n_models)
        for column, weight in self._terms:
            if weight is not None:
                self._plain_slope[column] += weight

    def combine(
        self, logits: NDArray[np.float64], probability: NDArray[np.float64], *, explain: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return P(conversion), and the slope of its log-odds in the log-odds of each model."""
        # Axes: leads, products, models.
        p = probability[:, None]
        kept_p = self._kept * p
        factor = self._floor + kept_p
        whole = np.multiply.reduce(factor, axis=2)
        np.maximum(whole, _EPS, out=whole)
        np.minimum(whole, 1.0 - _EPS, out=whole)
        rest = 1.0 - whole
        whole /= rest
        np.log(whole, out=whole)
        whole *= self._weight
        logit = np.full(1, self._shift)
        for place, weight in self._terms:
            logit = logit + (whole[:, place] if weight is None else weight * logits[:, place])
        if not explain:
            return sigmoid(logit), None
        # d log-odds(whole) / d log-odds(p), by the chain rule
        kept_p *= 1.0 - p
        kept_p /= factor
        kept_p /= rest[:, :, None]
        kept_p *= self._weight[:, None]
        slope = np.add.reduce(kept_p, axis=1)
        slope += self._plain_slope
        return sigmoid(logit), slope

    def combine_few(
        self, logits: NDArray[np.float64], probability: NDArray[np.float64], *, explain: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return what `combine` does, bit by bit: the same steps one number after the other."""
        found, slopes = [], []
        for own, p in zip(logits.tolist(), probability.tolist(), strict=True):
            # A model whose log-odds are used as they are is no factor of a product.
            slope = self._plain_slope.tolist() if explain else None
            parts = [product.log_odds(p, slope) for product in self._products]
            logit = self._shift
            for place, weight in self._terms:
                logit += parts[place] if weight is None else weight * own[place]
            found.append(1.0 / (float(np.exp(min(-logit, _MAX_LOGIT))) + 1.0))
            slopes.append(slope)
        return np.array(found), np.array(slopes) if explain else None


def _as_slice(places: list[int]) -> slice | list[int]:
    """Return neighbours as a slice, which is taken faster."""
    is_run = places == list(range(places[0], places[0] + len(places))) if places else False
    return slice(places[0], places[-1] + 1) if is_run else places


def sigmoid(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities of log-odds, never overflowing."""
    bounded = np.negative(logit)
    np.minimum(bounded, _MAX_LOGIT, out=bounded)
    np.exp(bounded, out=bounded)
    bounded += 1.0
    return np.reciprocal(bounded, out=bounded)


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
    return _Product(weight, columns, floors, is_plain)
