"""What a user would otherwise pick, fitted on the same rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from leadqual.features.encoder import EncodedLeads

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Fit = Callable[[EncodedLeads, Flags, EncodedLeads], Floats]

BASE_RATE: Final = "base rate"
LOGISTIC: Final = "logistic regression"
LIGHTGBM: Final = "LightGBM default"
ODOO: Final = "Odoo-like naive Bayes"
_ODOO_SMOOTHING: Final = 0.1
_ODOO_QUANTILES: Final = (0.2, 0.4, 0.6, 0.8)


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
    levels = OneHotEncoder(handle_unknown="ignore", min_frequency=20, sparse_output=False)
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
    """Frequency table of (field, value) for won and lost, +0.1, prior from counts.

    References
    ----------
    Odoo, crm/models/crm_lead.py, predictive lead scoring.
    """
    total = np.full(test.n_leads, np.log(won.sum() / (~won).sum()))
    for column in range(len(train.codes)):
        total += _odoo_field(train.codes[column], won, test.codes[column])
    for row in range(len(train.raw)):
        edges = np.unique(np.nanquantile(train.raw[row], _ODOO_QUANTILES))
        total += _odoo_field(_bins(train.raw[row], edges), won, _bins(test.raw[row], edges))
    return np.asarray(expit(total), dtype=np.float64)


def _bins(values: Floats, edges: Floats) -> NDArray[np.intp]:
    """Return how many edges lie below each value; one more than all where it is missing."""
    return np.where(np.isnan(values), len(edges) + 1, np.digitize(values, edges))


def _odoo_field(seen: NDArray[np.intp], won: Flags, asked: NDArray[np.intp]) -> Floats:
    """Log ratio of one field; 0 for values never seen."""
    size = int(max(seen.max(initial=0), asked.max(initial=0))) + 1
    counts = np.bincount(seen, minlength=size)
    n_won = np.bincount(seen[won], minlength=size) + _ODOO_SMOOTHING
    n_lost = np.bincount(seen[~won], minlength=size) + _ODOO_SMOOTHING
    known = counts > 0
    ratio = np.log(n_won / n_won[known].sum()) - np.log(n_lost / n_lost[known].sum())
    return np.asarray(np.where(known, ratio, 0.0)[asked], dtype=np.float64)


BASELINES: Final[Mapping[str, Fit]] = {
    BASE_RATE: _base_rate,
    LOGISTIC: _logistic,
    LIGHTGBM: _lightgbm,
    ODOO: _odoo,
}
"""Name to fit-and-predict. No option is tuned: these are what one gets without knowing more."""
