"""leadqual's learners as one scikit-learn estimator, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from leadqual.learning.notebook.by_target import FittedTargets, fit_targets
from leadqual.learning.notebook.dated_wins import NO_DELAYS, judge_answers, mean_auc
from leadqual.learning.notebook.frames import plain_columns, score_frame
from leadqual.learning.notebook.labelled_leads import label_leads
from leadqual.learning.notebook.notebook_data import (
    check_together,
    order_leads,
    read_labels,
    read_sample_weight,
)
from leadqual.learning.settings import MIN_PER_CLASS, FitSettings, Learners
from leadqual.learning.time_split import read_as_of
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.scoring import ScoreTable, score_columns

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_SURE: Final = 1e-16


def _has_one_outcome(model: LeadQualifier) -> bool:
    """Say whether log-odds are one array; with several outcomes they are not."""
    return not isinstance(getattr(model, "classes_", None), list)


class LeadQualifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Learn from a table of leads what `leadqual train` learns from a history.

    Columns of numbers, texts and booleans are encoded by leadqual's encoder. Per target the
    average of ridge logistic regression, naive Bayes and a small LightGBM is adapted by forward
    validation within its known rows. Missing is a value of its own, a category that was rare or
    absent at fitting counts as "other". A column that was there at fitting and is absent later
    is an error, as everywhere in scikit-learn: fill it with None to say that it is not known.

    What is learned becomes a model bundle, and every answer comes from the code that serves
    bundles. A target with too few known leads is answered by the written rules, everywhere.

    Parameters
    ----------
    time_column : str
        Column of a DataFrame that says when a lead came in: ISO 8601 texts or datetimes. Only
        weekday and hour of it are learned from. Where it is absent, and for arrays, the rows
        are taken to be in time order.
    targets : sequence of str, optional
        Names of the columns of `y` where it is an array; of a DataFrame, which of its columns
        to read. By default all columns of a DataFrame, and arrays hold one outcome; so does an
        array of one column where there are several names, as scikit-learn wants it.
    as_of : str or datetime, optional
        With `won_at` in `y`: the moment of knowledge. Later leads and dates are left out. By
        default the latest moment in the data.
    min_per_class : int
        A target with fewer leads known to be yes, or to be no, is not learnable.
    min_count : int
        Leads that a category needs to be told apart from "other".
    random_state : int, RandomState or None
        Same data, same number, same model.

    Attributes
    ----------
    targets_ : tuple of str
        What was asked, in the order of `predict_proba`; one outcome counts as `conversion`.
    classes_ : ndarray of shape (2,), or list of such
        The two classes, sorted; per target where `y` had named columns.
    bundle_ : ModelBundle
        The model as the server reads it.
    not_learnable_ : dict of str to str
        Targets that the written rules answer for, and why in words.
    recipes_ : dict of str to str
        Per learned target, which learners validation kept.
    validation_losses_ : dict of str to dict of str to float
        Per learned target, log loss per candidate on later rows; empty below 200 rows.
    dropped_ : dict of str to str
        Columns that are not learned from, and why in words.
    delay_curve_ : DelayCurve
        With `won_at`: the share of wins that come by each age.
    recency_ : Recency
        With a time column: when leads began to convert differently, and whether that is
        answered by letting older ones count less.
    notes_ : tuple of str
        With `won_at`: what its dates say about how to read the model.
    n_features_in_, feature_names_in_ : int, ndarray of str
        As in every scikit-learn estimator.

    Examples
    --------
    >>> X = pd.DataFrame({"source": ["web", "fair"] * 60})
    >>> model = LeadQualifier().fit(X, X["source"] == "web")
    >>> model.predict(X.head(2)).tolist()
    [True, False]
    >>> y = pd.DataFrame({"fit": [1, 0] * 60, "budget": [1, None] * 60})
    >>> model = LeadQualifier().fit(X, y)
    >>> model.targets_, list(model.not_learnable_)
    (('fit', 'budget'), ['budget'])
    """

    classes_: NDArray[Any] | list[NDArray[Any]]

    def __init__(
        self,
        *,
        time_column: str = "created_at",
        targets: Sequence[str] | None = None,
        as_of: str | datetime | None = None,
        min_per_class: int = MIN_PER_CLASS,
        min_count: int = 20,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.time_column = time_column
        self.targets = targets
        self.as_of = as_of
        self.min_per_class = min_per_class
        self.min_count = min_count
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 - scikit-learn has no types
        """Say what scikit-learn may expect: two classes, texts and missing values."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.target_tags.multi_output = self.targets is not None
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def fit(
        self, X: pd.DataFrame | ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn from leads of whom something is known; at most the newest 200,000.

        Parameters
        ----------
        X : DataFrame or array of shape (n_leads, n_features)
            Known at the moment of prediction; None, NaN, NA or a blank text where missing.
        y : array of shape (n_leads,), or DataFrame or array of shape (n_leads, n_targets)
            One outcome of two different values, none of them missing. Or named columns:
            `conversion`, `fit`, `authority`, `budget` (1 yes, 0 no, NaN not known), `won_at` and
            `lost_at` instead of `conversion` (when it happened), `amount_usd` (of won leads).
        sample_weight : array of shape (n_leads,), optional
            How many leads each counts for in the learners, from 0 (left out). The encoding and
            the amounts count leads. With `won_at`, the level is then what the learners have.

        Raises
        ------
        ValueError
            If shapes do not fit, a value of y is not one of those above, an outcome has one
            class only, or a time cannot be read.
        TypeError
            If a cell is neither number, text, boolean nor time, or `targets` is a text.
        NotEnoughDataError
            If no target has `min_per_class` leads on both sides, or no column tells leads apart.
        """
        frame = self._read(X, is_fit=True)
        weights = read_sample_weight(sample_weight, len(frame))
        known, classes = read_labels(y, names=self.targets, classes=None, is_counted=weights > 0)
        as_of = read_as_of(self.as_of)
        check_together(known, frame, time_column=self.time_column, as_of=as_of)
        order, moments = order_leads(frame, self.time_column, weights=weights, as_of=as_of)
        data = label_leads(
            plain_columns(frame.iloc[order], self.time_column),
            known.take(order),
            moments=moments,
            has_times=self.time_column in frame,
            weights=None if sample_weight is None else weights[order],
            as_of=as_of,
        )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        fitted = fit_targets(
            data,
            min_per_class=self.min_per_class,
            created_at=moments[-1].item().replace(tzinfo=UTC),
            settings=FitSettings(seed=seed, learners=Learners(min_count=self.min_count)),
        )
        self.classes_ = classes
        self.targets_ = known.targets
        self.delay_curve_ = NO_DELAYS if data.wins is None else data.wins.maturity.curve
        self._remember(fitted)
        return self

    @available_if(_has_one_outcome)  # type: ignore[untyped-decorator]  # sklearn has no types
    def decision_function(self, X: pd.DataFrame | ArrayLike) -> Floats:
        """Return the log-odds of the second class, shape (n_leads,).

        Not there after fitting named columns. Raises what `score_leads` raises.
        """
        (p,) = self._p(X)
        return np.asarray(np.log(np.maximum(p, _SURE)) - np.log(np.maximum(1 - p, _SURE)))

    def predict_proba(self, X: pd.DataFrame | ArrayLike) -> Any:  # noqa: ANN401 - array or list
        """Return the probability of each class, shape (n_leads, 2), columns as in `classes_`.

        Where `y` had named columns: a list of such arrays, one per target in the order of
        `targets_`; a target that was not learnable is answered by the written rules. Raises what
        `score_leads` raises.
        """
        pairs = [np.column_stack([1 - p, p]) for p in self._p(X)]
        return pairs if isinstance(self.classes_, list) else pairs[0]

    def predict(self, X: pd.DataFrame | ArrayLike) -> NDArray[Any]:
        """Return the likelier class of each lead, shape (n_leads,) or (n_leads, n_targets).

        Raises what `score_leads` raises.
        """
        is_yes = np.column_stack([p > 1 - p for p in self._p(X)]).astype(np.intp)
        if isinstance(self.classes_, list):
            return is_yes
        return np.asarray(self.classes_[is_yes[:, 0]])

    def score_leads(
        self, X: pd.DataFrame | ArrayLike, *, policy: ScoringPolicy | None = None
    ) -> pd.DataFrame:
        """Score leads through the code that serves: what the API would answer with `bundle_`.

        Parameters
        ----------
        X : DataFrame or array of shape (n_leads, n_features)
            With the columns of `fit`.
        policy : ScoringPolicy, optional
            Thresholds and grade bands of the team's standard.

        Returns
        -------
        DataFrame of n_leads rows
            Indexed like `X`: `p_fit`, `p_authority`, `p_budget`, `p_conversion`,
            `expected_value_usd`, `grade`, `percentile` (among the leads of `fit`), `heads.fit`,
            `heads.authority`, `heads.budget` (yes, no, unknown), `reasons` in words, and
            `scored_by_rules`: what the written rules answered. They read columns with the names
            of lead fields (`company.n_employees`) only.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the columns are not those of `fit`, in the same order.
        TypeError
            If a cell is neither number, text, boolean nor time.
        """
        frame, table = self._score(X, policy=policy or ScoringPolicy(), explain=True)
        return score_frame(table, frame.index)

    def score(
        self, X: pd.DataFrame | ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the ROC AUC on known leads, mean over the targets that have both classes.

        Not accuracy: few leads are won, so that answering "no" to all would be hard to beat. An
        open lead (`won_at` in `y`) counts as not won as far as it is mature. NaN where no target
        has both classes.
        """
        check_is_fitted(self)
        frame = self._read(X, is_fit=False)
        weights = read_sample_weight(sample_weight, len(frame))
        known, _ = read_labels(y, names=self.targets, classes=self.classes_, is_counted=weights > 0)
        as_of = read_as_of(self.as_of)
        check_together(known, frame, time_column=self.time_column, as_of=as_of)
        order, moments = order_leads(frame, self.time_column, weights=weights, as_of=as_of)
        answers = judge_answers(
            known.take(order), moments=moments, as_of=as_of, curve=self.delay_curve_
        )
        p = {name: found[order] for name, found in zip(self.targets_, self._p(X), strict=True)}
        return mean_auc(answers, p, weights[order])

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

    def _remember(self, fitted: FittedTargets) -> None:
        """Keep what was learned under the names that the class documents."""
        self.bundle_ = fitted.bundle
        self.not_learnable_ = dict(fitted.not_learnable)
        self.recipes_ = {target: found.recipe for target, found in fitted.chosen.items()}
        self.validation_losses_ = {name: found.losses for name, found in fitted.chosen.items()}
        self.dropped_ = dict(fitted.bundle.encoder.dropped)
        self.recency_ = fitted.recency
        self.notes_ = fitted.notes

    def _score(
        self, X: pd.DataFrame | ArrayLike, *, policy: ScoringPolicy, explain: bool
    ) -> tuple[pd.DataFrame, ScoreTable]:
        """Score through the serving path; also return the table that was read."""
        check_is_fitted(self)
        frame = self._read(X, is_fit=False)
        return frame, score_columns(
            self.bundle_,
            plain_columns(frame, self.time_column),
            n_leads=len(frame),
            policy=policy,
            scored_at=self.bundle_.created_at,
            explain=explain,
        )

    def _p(self, X: pd.DataFrame | ArrayLike) -> list[Floats]:
        """Return P(yes) per target, each of shape (n_leads,)."""
        _, table = self._score(X, policy=ScoringPolicy(), explain=False)
        return [getattr(table, f"p_{target}") for target in self.targets_]
