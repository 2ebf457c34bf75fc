"""Columns to a matrix: learned once, then the same for one lead and for a million."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import getitem
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError, TrainingError
from leadqual.features.columns import (
    Column,
    Table,
    check_columns,
    list_numbers,
    numbers_of,
    states_of,
)
from leadqual.features.derive import CONSUMED, DERIVED, Derivation, derive
from leadqual.features.document import Document
from leadqual.features.fitting import LEVEL_SHARE, fit_feature
from leadqual.features.spec import (
    MAX_NUMBER,
    CategoricalFeature,
    Feature,
    NumericFeature,
)
from leadqual.leads.schema import Scalar

MAX_WIDTH: Final = 20_000

_SLICE: Final = 4_096

_FEW: Final = 8
"""Up to so many snapshots are read one after the other: 15 us for one, as columns 45."""

_Kind = TypeVar("_Kind", np.intp, np.float64)
_Some = TypeVar("_Some", NumericFeature, CategoricalFeature)


@dataclass(frozen=True, eq=False)
class EncodedLeads:
    """Leads as numbers, compact: a state per categorical and a value per numeric feature.

    Parameters
    ----------
    codes : ndarray of intp, shape (n_categorical, n_leads)
        State of each categorical feature (`CategoricalFeature`), in encoder order.
    raw : ndarray of float64, shape (n_numeric, n_leads)
        Value of each numeric feature in its own unit, NaN where missing.
    z : ndarray of float64, shape (n_numeric, n_leads)
        The same standardised and clipped, 0 where missing; never NaN.
    is_missing : ndarray of bool, shape (n_numeric, n_leads)
    """

    codes: NDArray[np.intp]
    raw: NDArray[np.float64]
    z: NDArray[np.float64]
    is_missing: NDArray[np.bool_]

    @property
    def n_leads(self) -> int:
        """Return the number of leads."""
        return int(self.codes.shape[1])

    def take(self, rows: slice) -> EncodedLeads:
        """Return some of the leads."""
        return EncodedLeads(
            self.codes[:, rows], self.raw[:, rows], self.z[:, rows], self.is_missing[:, rows]
        )


@dataclass(frozen=True, eq=False)
class Encoder:
    """Turn columns of scalars into a dense matrix without NaN.

    Every feature is derived, typed and scaled by what `fit` saw. A column that is absent later
    counts as missing, a column that was absent at fitting is ignored, a level that was rare or
    absent is `other`. Row i of the result depends on lead i alone, bit for bit.

    Parameters
    ----------
    features : tuple of NumericFeature or CategoricalFeature
        Ordered by name; the matrix columns of one feature stand together, in this order.
    means : ndarray of shape (width,)
        Mean of each matrix column at fitting: the reference point of linear reasons.
    dropped : mapping of str to str
        Columns that are not used, and why in words.
    """

    features: tuple[Feature, ...]
    means: NDArray[np.float64]
    dropped: Mapping[str, str]

    @classmethod
    def fit(cls, columns: Table, *, n_leads: int, min_count: int = 20) -> Encoder:
        """Learn how to encode these columns.

        Parameters
        ----------
        columns : Table
            Flat columns, one value per lead; derived columns are added here.
        n_leads : int
            Number of leads, at least 1.
        min_count : int
            Leads that a level, `other` or `missing` needs to get a matrix column (at least one
            in a thousand leads is asked for as well).

        Raises
        ------
        TrainingError
            If there are no leads.
        InputError
            If a column does not have one value per lead.
        """
        if n_leads < 1:
            raise TrainingError("the history has no leads; import some before training")
        needed = max(min_count, math.ceil(LEVEL_SHARE * n_leads))
        table = derive(columns, n_leads)
        fitted = {name: fit_feature(name, table[name], min_count=needed) for name in sorted(table)}
        features = tuple(f for f in fitted.values() if not isinstance(f, str))
        dropped = {name: why for name, why in fitted.items() if isinstance(why, str)}
        unscaled = cls(features, np.zeros(sum(f.width for f in features)), dropped)
        means = unscaled._average(unscaled.encode_derived(table, n_leads))
        return cls(features, means, dropped)

    @cached_property
    def numeric(self) -> tuple[NumericFeature, ...]:
        """Return the numeric features in the row order of `EncodedLeads.z`."""
        return tuple(_of_kind(self.features, NumericFeature))

    @cached_property
    def categorical(self) -> tuple[CategoricalFeature, ...]:
        """Return the categorical features in the row order of `EncodedLeads.codes`."""
        return tuple(_of_kind(self.features, CategoricalFeature))

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Return the source feature names; `feature_of` points into them."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def feature_of(self) -> NDArray[np.intp]:
        """Return for each matrix column the index of its source feature, shape (width,)."""
        widths = [feature.width for feature in self.features]
        return np.repeat(np.arange(len(widths), dtype=np.intp), widths)

    @cached_property
    def starts(self) -> dict[str, int]:
        """Return the first matrix column of each source feature."""
        ends = np.cumsum([feature.width for feature in self.features], dtype=np.intp).tolist()
        return dict(zip(self.feature_names, [0, *ends[:-1]], strict=True)) if ends else {}

    @cached_property
    def numeric_rows(self) -> NDArray[np.intp]:
        """Return the index among all features of each numeric one."""
        return _rows_of(self.features, NumericFeature)

    @cached_property
    def categorical_rows(self) -> NDArray[np.intp]:
        """Return the index among all features of each categorical one."""
        return _rows_of(self.features, CategoricalFeature)

    @cached_property
    def by_kind(self) -> NDArray[np.intp]:
        """Return the place of each feature when categorical ones come first, then numeric ones."""
        order = np.concatenate([self.categorical_rows, self.numeric_rows])
        return np.argsort(order)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Return what each matrix column holds, length width."""
        return tuple(name for feature in self.features for name in feature.column_names)

    @property
    def width(self) -> int:
        """Return the number of matrix columns."""
        return len(self.means)

    def transform(self, columns: Table, *, n_leads: int) -> NDArray[np.float64]:
        """Return the matrix of these leads, shape (n_leads, width), without NaN.

        Raises
        ------
        InputError
            If a column does not have one value per lead.
        """
        return self.to_matrix(self.encode(columns, n_leads=n_leads))

    def encode(self, columns: Table, *, n_leads: int) -> EncodedLeads:
        """Return the leads as states and values, without the detour of a wide matrix.

        Raises
        ------
        InputError
            If a column does not have one value per lead.
        """
        check_columns(columns, n_leads)
        return self.encode_checked(columns, n_leads=n_leads)

    def encode_checked(self, columns: Table, *, n_leads: int) -> EncodedLeads:
        """Return what `encode` does of columns that passed `check_columns`."""
        made = {name: derived.column(columns, n_leads) for name, derived in self._derived}
        return self.encode_derived({**columns, **made}, n_leads)

    def encode_snapshots(self, snapshots: Sequence[Mapping[str, Scalar]]) -> EncodedLeads:
        """Return the leads of these snapshots; for a few, columns cost more than they save.

        Parameters
        ----------
        snapshots : sequence of mappings
            Flat fields by name (`leads.flat`); absent ones count as missing.
        """
        if len(snapshots) > _FEW:
            names = self.reads
            rows = [tuple(map(snapshot.get, names)) for snapshot in snapshots]
            columns = dict(zip(names, zip(*rows, strict=True), strict=True))
            return self.encode_checked(columns, n_leads=len(snapshots))
        return self._encode_one_by_one(snapshots)

    def _encode_one_by_one(self, snapshots: Sequence[Mapping[str, Scalar]]) -> EncodedLeads:
        states: list[int] = []
        numbers: list[Scalar] = []
        names, tables = self._codings
        numeric, derivations = self._numeric_names, self._derived
        for snapshot in snapshots:
            lead = {**snapshot}
            look = snapshot.get
            for name, (inputs, of_values, _) in derivations:
                lead[name] = of_values(*map(look, inputs))
            look = lead.get
            states += map(getitem, tables, map(look, names))
            numbers += map(look, numeric)
        codes = np.fromiter(states, np.intp, len(states)).reshape(len(snapshots), len(names))
        known = np.fromiter(list_numbers(numbers), np.float64, len(numbers))
        raw = known.reshape(len(snapshots), len(numeric))
        return self._encoded(np.ascontiguousarray(codes.T), np.ascontiguousarray(raw.T))

    def encode_derived(self, table: Table, n_leads: int) -> EncodedLeads:
        """Return the leads as states and values; `table` is what `derive` returned."""
        unknown: Column = [None] * n_leads
        states = [states_of(table.get(f.name, unknown), f.code) for f in self.categorical]
        numbers = [numbers_of(table.get(f.name, unknown)) for f in self.numeric]
        return self._encoded(_stack(states, n_leads, np.intp), _stack(numbers, n_leads, np.float64))

    def _encoded(self, codes: NDArray[np.intp], raw: NDArray[np.float64]) -> EncodedLeads:
        z, is_missing = self._standardise(raw)
        return EncodedLeads(codes, raw, z, is_missing)

    def to_matrix(self, leads: EncodedLeads) -> NDArray[np.float64]:
        """Return the dense matrix of encoded leads, shape (n_leads, width)."""
        matrix = np.zeros((leads.n_leads, self.width))
        for row, numeric in enumerate(self.numeric):
            start = self.starts[numeric.name]
            matrix[:, start : start + numeric.width] = numeric.columns(
                leads.z[row], leads.is_missing[row]
            )
        for row, categorical in enumerate(self.categorical):
            column = categorical.column_of_state[leads.codes[row]]
            (lit,) = np.nonzero(column >= 0)
            matrix[lit, self.starts[categorical.name] + column[lit]] = categorical.weight
        return matrix

    def as_dict(self) -> dict[str, object]:
        """Return the encoder as JSON values."""
        return {
            "features": [feature.as_dict() for feature in self.features],
            "means": self.means.tolist(),
            "dropped": dict(self.dropped),
        }

    @classmethod
    def from_document(cls, document: Document) -> Encoder:
        """Read an encoder back.

        Raises
        ------
        BundleError
            If anything is missing, of the wrong type, out of range or contradictory.
        """
        entry = document.record("features", "means", "dropped")
        features = tuple(_read_feature(item) for item in entry["features"].array())
        names = [feature.name for feature in features]
        if CONSUMED.intersection(names):
            raise BundleError(f"{document.where}.features: a personal field is no feature")
        if names != sorted(set(names)):
            raise BundleError(f"{document.where}.features: not ordered by name, or one twice")
        width = sum(feature.width for feature in features)
        if width > MAX_WIDTH:
            raise BundleError(f"{document.where}.features: too large ({width} matrix columns)")
        dropped = {name: why.text() for name, why in entry["dropped"].members().items()}
        return cls(features, entry["means"].floats(length=width), dropped)

    def _average(self, leads: EncodedLeads) -> NDArray[np.float64]:
        """Return the mean of each matrix column, without a matrix of all leads."""
        total = np.zeros(self.width)
        for start in range(0, leads.n_leads, _SLICE):
            part = self.to_matrix(leads.take(slice(start, start + _SLICE)))
            part[0] += total  # row after row, as of one matrix
            total = np.add.reduce(part, axis=0)
        return total / leads.n_leads

    @cached_property
    def reads(self) -> frozenset[str]:
        """Return the columns that encoding looks at; all others change nothing."""
        derived = [name for name in self.feature_names if name in DERIVED]
        inputs = {field for name in derived for field in DERIVED[name].inputs}
        return frozenset(self.feature_names).difference(derived) | inputs

    @cached_property
    def _derived(self) -> list[tuple[str, Derivation]]:
        """Return the derived columns that any feature reads, and how they are made."""
        return [(name, DERIVED[name]) for name in self.feature_names if name in DERIVED]

    @cached_property
    def _codings(self) -> tuple[list[str], list[Mapping[Scalar, int]]]:
        """Return name, and state of each value, of the categorical features."""
        return [f.name for f in self.categorical], [f.codes for f in self.categorical]

    @cached_property
    def _numeric_names(self) -> list[str]:
        return [feature.name for feature in self.numeric]

    @cached_property
    def _limits(self) -> tuple[NDArray[np.float64], ...]:
        """Return mean, scale, low and high of the numeric features, each (n_numeric, 1)."""
        names = ("mean", "scale", "low", "high")
        return tuple(
            np.array([[getattr(f, name)] for f in self.numeric], dtype=np.float64).reshape(-1, 1)
            for name in names
        )

    @cached_property
    def _is_plain(self) -> NDArray[np.bool_]:
        return np.array([[not f.is_log] for f in self.numeric], dtype=np.bool_).reshape(-1, 1)

    def _standardise(
        self, raw: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return standardised values (0 where missing) and where they are missing."""
        is_missing = np.isnan(raw)
        if self._can_overflow:
            with np.errstate(over="ignore"):  # what overflows is clipped
                z = self._scale(raw)
        else:
            z = self._scale(raw)
        np.copyto(z, 0.0, where=is_missing)
        return z, is_missing

    def _scale(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        mean, scale, low, high = self._limits
        z = np.maximum(raw, 0.0)
        np.log1p(z, out=z)
        np.copyto(z, raw, where=self._is_plain)
        z -= mean
        z /= scale
        np.maximum(z, low, out=z)
        return np.minimum(z, high, out=z)

    @cached_property
    def _can_overflow(self) -> bool:
        """Whether a number that counts as known (up to `MAX_NUMBER`) can overflow."""
        mean, scale, *_ = self._limits
        with np.errstate(over="ignore"):
            return not np.isfinite((MAX_NUMBER + np.abs(mean)) / scale).all()


def _stack(
    parts: Sequence[Sequence[Any] | NDArray[Any]], n_leads: int, kind: type[_Kind]
) -> NDArray[_Kind]:
    """Return lists or arrays of n_leads values as rows."""
    shape = len(parts), n_leads
    if not any(isinstance(part, np.ndarray) for part in parts):
        every = chain.from_iterable(parts)
        return np.fromiter(every, dtype=kind, count=len(parts) * n_leads).reshape(shape)
    rows = np.empty(shape, dtype=kind)
    for row, part in zip(rows, parts, strict=True):
        row[:] = part
    return rows


def _of_kind(features: Iterable[Feature], kind: type[_Some]) -> list[_Some]:
    return [feature for feature in features if isinstance(feature, kind)]


def _rows_of(features: Sequence[Feature], kind: type[Feature]) -> NDArray[np.intp]:
    return np.array([i for i, f in enumerate(features) if isinstance(f, kind)], dtype=np.intp)


def _read_feature(document: Document) -> Feature:
    """Read one feature by its kind."""
    members = document.members()
    kind = members["kind"].text() if "kind" in members else None
    if kind == "numeric":
        return NumericFeature.from_document(document)
    if kind == "categorical":
        return CategoricalFeature.from_document(document)
    raise BundleError(f"{document.where}: unknown kind of feature, expected numeric or categorical")
