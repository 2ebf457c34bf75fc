"""What a user would otherwise pick, fitted on the same rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from leadqual.features.encoder import EncodedLeads
from leadqual.learning.learners.odoo import OdooCounts, bin_numbers

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Fit = Callable[[EncodedLeads, Flags, EncodedLeads], Floats]

BASE_RATE: Final = "base rate"
LOGISTIC: Final = "logistic regression"
LIGHTGBM: Final = "LightGBM default"
ODOO: Final = "Odoo-like naive Bayes"


def predict_baselines(
    train: EncodedLeads, won: Flags, test: EncodedLeads, *, names: tuple[str, ...] | None = None
) -> dict[str, Floats]:
    """Fit every baseline and return its probabilities for the test leads.

    Parameters
    ----------
    train : EncodedLeads
        Levels as codes, numbers in their own unit with NaN: the same columns as ours.
    won : ndarray of bool, shape (train.n_leads,)
        As a CRM shows it: won by now or not, whatever the age of the lead.
    test : EncodedLeads
        Leads to predict.
    names : tuple of str, optional
        Only these baselines.

    Returns
    -------
    dict of str to ndarray of float64, shape (test.n_leads,)
        With one class only in training, each is its base rate.
    """
    wanted = BASELINES if names is None else {name: BASELINES[name] for name in names}
    if won.all() or not won.any():
        wanted = dict.fromkeys(wanted, _base_rate)
    return {name: fit(train, won, test) for name, fit in wanted.items()}


def _base_rate(_train: EncodedLeads, won: Flags, test: EncodedLeads) -> Floats:
    return np.full(test.n_leads, won.mean() if len(won) else 0.5)


def _table(leads: EncodedLeads) -> Floats:
    """Codes, then numbers, one row per lead."""
    return np.concatenate([leads.codes, leads.raw]).T.astype(np.float64)


def _logistic(train: EncodedLeads, won: Flags, test: EncodedLeads) -> Floats:
    """Logistic regression as in the scikit-learn guide: one-hot, median, scaled, C = 1."""
    n_codes = len(train.codes)
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    levels = OneHotEncoder(handle_unknown="ignore", min_frequency=20)
    columns = ColumnTransformer([
        ("levels", levels, list(range(n_codes))),
        ("numbers", numbers, list(range(n_codes, n_codes + len(train.raw)))),
    ])
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    model.fit(_table(train), won)
    return np.asarray(model.predict_proba(_table(test))[:, 1], dtype=np.float64)


def _lightgbm(train: EncodedLeads, won: Flags, test: EncodedLeads) -> Floats:
    """LightGBM with its own defaults, levels as categories."""
    settings: dict[str, Any] = {"n_jobs": 1, "random_state": 0, "verbosity": -1}
    model = LGBMClassifier(**settings)
    categories: Any = list(range(len(train.codes))) or "auto"
    model.fit(_table(train), won, categorical_feature=categories)
    return np.asarray(model.booster_.predict(_table(test)), dtype=np.float64)


def _odoo(train: EncodedLeads, won: Flags, test: EncodedLeads) -> Floats:
    """Frequency table of (field, value) for won and lost, numbers in fifths (`OdooCounts`)."""
    seen, asked = _code_fields(train, train), _code_fields(test, train)
    n_values = np.concatenate([seen, asked]).max(axis=0, initial=0) + 1
    return OdooCounts.of(seen, won, n_values=n_values.tolist()).probability(asked)


def _code_fields(leads: EncodedLeads, train: EncodedLeads) -> NDArray[np.intp]:
    """Return a code per lead and field, in the fifths of the training leads."""
    numbers = [bin_numbers(a, known=b) for a, b in zip(leads.raw, train.raw, strict=True)]
    return np.array([*leads.codes, *numbers], dtype=np.intp).reshape(-1, leads.n_leads).T


BASELINES: Final[Mapping[str, Fit]] = {
    BASE_RATE: _base_rate,
    LOGISTIC: _logistic,
    LIGHTGBM: _lightgbm,
    ODOO: _odoo,
}
"""Name to fit-and-predict. No option is tuned: these are what one gets without knowing more."""
