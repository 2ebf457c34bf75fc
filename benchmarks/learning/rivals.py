"""What one gets with more work than a default: LightGBM searched by validation, and CatBoost.

They live here and not beside the other baselines because they cost minutes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from leadqual.features.derive import derive
from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.features.spec import canonical_level
from leadqual.learning.learners.baselines import predict_baselines
from leadqual.learning.split import Fold
from leadqual.outcomes.history import Columns

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

TUNED: Final = "LightGBM tuned"
CATBOOST: Final = "CatBoost default"
CATBOOST_MISSING: Final = "CatBoost is not installed: left out (pip install catboost)"
N_TRIALS: Final = 20
_STEPS: Final = (25, 50, 100, 200, 400)


@dataclass(frozen=True, eq=False)
class Sample:
    """Leads as the baselines read them.

    Parameters
    ----------
    encoded : EncodedLeads
        The columns that leadqual reads, rare levels joined.
    levels : ndarray of object, shape (n_leads, n_categorical)
        Every level as it is, in UTF-8, `b""` where missing: CatBoost has its own answer to rare
        levels and gets the chance to give it.
    """

    encoded: EncodedLeads
    levels: NDArray[np.object_]

    @classmethod
    def of(cls, encoder: Encoder, columns: Columns, n_leads: int) -> Sample:
        """Read the columns that an encoder knows."""
        table = derive(columns, n_leads, wanted=frozenset(encoder.feature_names))
        levels = np.empty((n_leads, len(encoder.categorical)), dtype=object)
        for place, feature in enumerate(encoder.categorical):
            values = table.get(feature.name, [None] * n_leads)
            levels[:, place] = [(canonical_level(value) or "").encode() for value in values]
        return cls(encoder.encode_derived(table, n_leads), levels)

    def take(self, rows: NDArray[np.intp]) -> Sample:
        """Return some of the leads."""
        found = self.encoded
        encoded = EncodedLeads(
            found.codes[:, rows], found.raw[:, rows], found.z[:, rows], found.is_missing[:, rows]
        )
        return Sample(encoded, self.levels[rows])


@dataclass(frozen=True)
class Effort:
    """How much the rivals may cost.

    Parameters
    ----------
    n_trials : int
        Configurations of the tuned LightGBM.
    catboost_trees : int or None
        None is CatBoost's own default (1,000).
    """

    n_trials: int = N_TRIALS
    catboost_trees: int | None = None


def has_catboost() -> bool:
    """Say whether CatBoost can be imported."""
    return importlib.util.find_spec("catboost") is not None


def predict_all(
    train: Sample, won: Flags, test: Sample, *, folds: Sequence[Fold], effort: Effort
) -> dict[str, Floats]:
    """Fit every baseline and rival on the same rows; return probabilities for the test leads.

    Parameters
    ----------
    train : Sample
        In time order, where there is one.
    won : ndarray of bool, shape (n_train,)
        As a CRM shows it: won by now or not, whatever the age of the lead. Both classes.
    test : Sample
        Leads to predict; nothing is chosen on them.
    folds : sequence of Fold
        Within the training rows, for the tuned LightGBM.
    effort : Effort
        How much may be spent.
    """
    found = predict_baselines(train.encoded, won, test.encoded)
    found[TUNED] = _predict_tuned(train, won, test, folds=folds, n_trials=effort.n_trials)
    if has_catboost():
        found[CATBOOST] = _predict_catboost(train, won, test, n_trees=effort.catboost_trees)
    return found


def _table(sample: Sample) -> Floats:
    """Codes, then numbers, one row per lead: the table that the default LightGBM reads."""
    encoded = sample.encoded
    return np.concatenate([encoded.codes, encoded.raw]).T.astype(np.float64)


def draw_trials(n_trials: int) -> list[dict[str, Any]]:
    """Return random LightGBM configurations, the same ones every time."""
    rng = np.random.default_rng(0)
    return [
        {
            "num_leaves": round(np.exp(rng.uniform(np.log(3), np.log(31)))),
            "learning_rate": float(np.exp(rng.uniform(np.log(0.02), np.log(0.15)))),
            "min_data_in_leaf": round(np.exp(rng.uniform(np.log(10), np.log(200)))),
            "lambda_l2": float(np.exp(rng.uniform(np.log(0.1), np.log(50)))),
            "feature_fraction": float(rng.uniform(0.3, 1.0)),
            "bagging_fraction": float(rng.uniform(0.5, 1.0)),
            "cat_smooth": float(np.exp(rng.uniform(np.log(5), np.log(100)))),
            "min_data_per_group": int(rng.choice([20, 50, 100])),
        }
        for _ in range(n_trials)
    ]


def _fit_lightgbm(
    sample: Sample, won: Flags, trial: Mapping[str, Any], *, n_trees: int
) -> lgb.Booster:
    fixed = {
        "objective": "binary", "bagging_freq": 1, "num_threads": 1, "seed": 0,
        "deterministic": True, "force_col_wise": True, "verbosity": -1,
    }  # fmt: skip
    data = lgb.Dataset(
        _table(sample),
        won.astype(np.float64),
        categorical_feature=list(range(len(sample.encoded.codes))) or "auto",
        params={"verbosity": -1},
    )
    return lgb.train({**trial, **fixed}, data, num_boost_round=n_trees)


def _predict_tuned(
    train: Sample, won: Flags, test: Sample, *, folds: Sequence[Fold], n_trials: int
) -> Floats:
    """Take the configuration and number of trees with the lowest log loss on the folds."""
    parts = [(train.take(fold.train), won[fold.train], fold.test) for fold in folds]
    table = _table(train)
    best: tuple[float, Mapping[str, Any], int] = (np.inf, {}, _STEPS[2])
    for trial in draw_trials(n_trials):
        losses = np.zeros(len(_STEPS))
        for sample, answer, judged in parts:
            model = _fit_lightgbm(sample, answer, trial, n_trees=_STEPS[-1])
            for place, n_trees in enumerate(_STEPS):
                p = np.asarray(model.predict(table[judged], num_iteration=n_trees))
                losses[place] += _log_loss(p, won[judged])
        place = int(losses.argmin())
        if losses[place] < best[0]:
            best = (float(losses[place]), trial, _STEPS[place])
    model = _fit_lightgbm(train, won, best[1], n_trees=best[2])
    return np.asarray(model.predict(_table(test)), dtype=np.float64)


def _log_loss(p: Floats, won: Flags) -> float:
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-np.log(np.where(won, clipped, 1 - clipped)).sum())


def _predict_catboost(train: Sample, won: Flags, test: Sample, *, n_trees: int | None) -> Floats:
    """CatBoost with its own defaults, every level as it is."""
    from catboost import CatBoostClassifier, FeaturesData, Pool

    def pool(sample: Sample, answer: Flags | None) -> Pool:
        parts: dict[str, Any] = {}
        if len(sample.encoded.raw):
            parts["num_feature_data"] = sample.encoded.raw.T.astype(np.float32, order="C")
        if sample.levels.shape[1]:
            parts["cat_feature_data"] = sample.levels
        label = None if answer is None else answer.astype(np.intp)
        return Pool(FeaturesData(**parts), label=label)

    model = CatBoostClassifier(
        iterations=n_trees,
        thread_count=1,
        random_seed=0,
        verbose=False,
        allow_writing_files=False,
    )
    model.fit(pool(train, won))
    return np.asarray(model.predict_proba(pool(test, None))[:, 1], dtype=np.float64)
