"""The direct conversion model as a scikit-learn classifier, for notebooks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from leadqual.errors import NotEnoughDataError
from leadqual.features.encoder import Encoder
from leadqual.leads.schema import Scalar
from leadqual.learning.blend import fit_blend
from leadqual.learning.choosing import choose_recipe
from leadqual.learning.preparing import MIN_ROWS_TO_TELL_TIME, take_columns
from leadqual.learning.settings import MIN_PER_CLASS
from leadqual.learning.single_column import find_time_proxies
from leadqual.learning.split import Fold, forward_folds
from leadqual.learning.time_split import arrival_times
from leadqual.outcomes.history import Columns

Floats = NDArray[np.float64]

_CREATED_AT = "created_at"  # what the encoder derives weekday and hour from


class LeadQualifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Learn a yes-or-no answer about leads from a table, as `leadqual train` learns conversion.

    Columns of numbers, texts and booleans are encoded by leadqual's encoder; the average of
    ridge logistic regression, naive Bayes and a small LightGBM is adapted by forward validation
    within the training rows. Missing is a value of its own, a category that was rare or absent
    at fitting counts as "other". A column that was there at fitting and is absent later is an
    error, as everywhere in scikit-learn: fill it with None to say that it is not known.
    The outcome is taken as given: leave out leads that are too young to be called lost.

    Parameters
    ----------
    time_column : str
        Column of a DataFrame that says when a lead came in: ISO 8601 texts or datetimes. Only
        weekday and hour of it are learned from. Where it is absent, and for arrays, the rows
        are taken to be in time order.
    min_per_class : int
        Fewer leads of either class are refused.
    min_count : int
        Leads that a category needs to be told apart from "other".
    random_state : int, RandomState or None
        Same data, same number, same model.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The two classes, sorted; the second is what `predict_proba[:, 1]` speaks of.
    encoder_ : Encoder
        What was learned about each column.
    blend_ : Blend
        The fitted learners.
    recipe_ : Recipe
        Which learners validation kept.
    validation_losses_ : dict of str to float
        Log loss per candidate on later rows; empty where there were too few rows to choose.
    dropped_ : dict of str to str
        Columns that are not learned from, and why in words.
    n_features_in_, feature_names_in_ : int, ndarray of str
        As in every scikit-learn estimator.

    Examples
    --------
    >>> X = pd.DataFrame({"source": ["web", "fair"] * 60})
    >>> model = LeadQualifier().fit(X, X["source"] == "web")
    >>> model.predict(X.head(2)).tolist()
    [True, False]
    """

    def __init__(
        self,
        *,
        time_column: str = _CREATED_AT,
        min_per_class: int = MIN_PER_CLASS,
        min_count: int = 20,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.time_column = time_column
        self.min_per_class = min_per_class
        self.min_count = min_count
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 - scikit-learn has no types
        """Say what scikit-learn may expect: two classes, texts and missing values."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def fit(self, X: pd.DataFrame | ArrayLike, y: ArrayLike) -> Self:
        """Learn from leads whose outcome is known.

        Parameters
        ----------
        X : DataFrame or array of shape (n_leads, n_features)
            Known at the moment of prediction; None, NaN, NA or a blank text where missing.
        y : array of shape (n_leads,)
            Two different values, none of them missing.

        Raises
        ------
        ValueError
            If the shapes do not fit, y does not have two classes, or a time cannot be read.
        TypeError
            If a cell is neither number, text, boolean nor time.
        NotEnoughDataError
            If a class has fewer than `min_per_class` leads, or no column tells leads apart.
        """
        frame = self._read(X, is_fit=True)
        target = self._read_target(frame, y)
        order = np.argsort(arrival_times(frame, self.time_column), kind="stable")
        columns, target = take_columns(self._columns(frame), order), target[order]
        # Spinning BLAS threads make small fits many times slower on a busy machine.
        with threadpool_limits(limits=1):
            self._fit_encoder(columns, len(target))
            self._fit_blend(self.encoder_.transform(columns, n_leads=len(target)), target)
        return self

    def decision_function(self, X: pd.DataFrame | ArrayLike) -> Floats:
        """Return the log-odds of the second class, shape (n_leads,).

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the columns are not those of `fit`, in the same order.
        TypeError
            If a cell is neither number, text, boolean nor time.
        """
        check_is_fitted(self)
        frame = self._read(X, is_fit=False)
        with threadpool_limits(limits=1):
            Z = self.encoder_.transform(self._columns(frame), n_leads=len(frame))
            return self.blend_.logit(Z)

    def predict_proba(self, X: pd.DataFrame | ArrayLike) -> Floats:
        """Return the probability of each class, shape (n_leads, 2), columns as in `classes_`.

        Raises what `decision_function` raises.
        """
        z = self.decision_function(X)
        return np.column_stack([expit(-z), expit(z)])

    def predict(self, X: pd.DataFrame | ArrayLike) -> NDArray[Any]:
        """Return the likelier class of each lead, shape (n_leads,).

        Raises what `decision_function` raises.
        """
        is_second = self.decision_function(X) > 0
        return np.asarray(self.classes_[is_second.astype(np.intp)])

    def _read(self, X: pd.DataFrame | ArrayLike, *, is_fit: bool) -> pd.DataFrame:
        """Check shape and names the way scikit-learn does and return a table."""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=is_fit, skip_check_array=True)
            if 0 in X.shape:
                raise ValueError(f"X has shape {X.shape}; give at least one row and column")
            if not X.columns.is_unique:
                raise ValueError("X has two columns of one name; rename or drop one of them")
            return X
        array = validate_data(self, X, reset=is_fit, dtype=None, ensure_all_finite=False)
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(array.shape[1])])
        return pd.DataFrame(array, columns=names)

    def _read_target(self, frame: pd.DataFrame, y: ArrayLike) -> Floats:
        """Check y, remember its classes and return it as 0 and 1."""
        if y is None:
            raise ValueError("LeadQualifier requires y to be passed, but the target y is None.")
        values = column_or_1d(y, warn=True)
        assert_all_finite(values, input_name="y")
        check_consistent_length(frame, values)
        check_classification_targets(values)
        kind = type_of_target(values, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(
                f"Only binary classification is supported. The type of the target is {kind}."
            )
        self.classes_, codes = np.unique(values, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("y has one class only; give leads of both classes, won and not won")
        counts = np.bincount(codes)
        if counts.min() < self.min_per_class:
            raise NotEnoughDataError(
                f"y has {counts[0]} leads of the first class and {counts[1]} of the second; "
                f"{self.min_per_class} of each are needed to learn. Give more leads, or lower "
                "min_per_class and expect noise."
            )
        return codes.astype(np.float64)

    def _columns(self, frame: pd.DataFrame) -> Columns:
        """Return plain values per column, the time column under the name the encoder knows.

        Raises
        ------
        ValueError
            Another column already has that name.
        """
        if self.time_column != _CREATED_AT and {self.time_column, _CREATED_AT} <= set(frame):
            raise ValueError(
                f"X has both the time column {self.time_column!r} and a column {_CREATED_AT!r}; "
                "rename or drop one, so that it is clear which of them says when a lead came in"
            )
        columns = {str(name): _scalars(str(name), frame[name]) for name in frame.columns}
        if self.time_column in columns:
            columns[_CREATED_AT] = columns.pop(self.time_column)
        return columns

    def _fit_encoder(self, columns: Columns, n_leads: int) -> None:
        """Learn the encoding without columns that mostly tell when a lead came."""
        enough = n_leads >= MIN_ROWS_TO_TELL_TIME
        proxies = find_time_proxies(columns, n_leads) if enough else {}
        used = {name: values for name, values in columns.items() if name not in proxies}
        encoder = Encoder.fit(used, n_leads=n_leads, min_count=self.min_count)
        if encoder.width == 0:
            raise NotEnoughDataError(
                f"none of the {len(columns)} columns tells leads apart: each is empty, constant, "
                "different for almost every lead or tells the time; add columns"
            )
        self.dropped_ = {**encoder.dropped, **proxies}
        self.encoder_ = replace(encoder, dropped=self.dropped_)

    def _fit_blend(self, Z: Floats, y: Floats) -> None:
        """Choose the learners on later rows, then fit them on all rows."""
        weights = np.ones(len(y))
        folds = [fold for fold in forward_folds(len(y)) if _has_both_classes(fold, y)]
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        choice = choose_recipe(Z, y, weights=weights, folds=folds, seed=seed)
        self.recipe_ = choice.recipe
        self.validation_losses_ = choice.losses
        self.blend_ = fit_blend(Z, y, weights=weights, recipe=choice.recipe, seed=seed)


def _has_both_classes(fold: Fold, y: Floats) -> bool:
    return all(len(np.unique(y[rows])) == 2 for rows in (fold.train, fold.test))


def _scalars(name: str, series: pd.Series[Any]) -> list[Scalar]:
    """Return the cells of a column as plain values, None where missing.

    Raises
    ------
    TypeError
        With the column and the type that cannot be read.
    """
    is_missing = series.isna().tolist()
    cells = series.tolist()
    return [
        None if gone else _scalar(name, cell) for gone, cell in zip(is_missing, cells, strict=True)
    ]


def _scalar(name: str, cell: object) -> Scalar:
    """Return one known cell as a plain value."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, str | bool | int | float):
        return cell
    if isinstance(cell, date):
        return cell.isoformat()
    raise TypeError(
        f"column {name} holds a {type(cell).__name__}; expected numbers, texts, booleans or "
        "times: convert or drop the column"
    )
