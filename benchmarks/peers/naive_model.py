"""The model of the naive application: a scikit-learn pipeline on a table of leads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

NUMBERS: Final = [
    "n_employees",
    "annual_revenue_usd",
    "budget_usd",
    "timeline_days",
    "n_visits",
    "n_page_views",
    "n_emails_opened",
    "n_emails_clicked",
    "seconds_on_site",
    "n_downloads",
]
WORDS: Final = [
    "source",
    "motion",
    "job_title",
    "country",
    "industry",
    "product",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "landing_page",
    "plan_interest",
    "current_tool",
]
_RARE: Final = 5
MODEL: Final = "NAIVE_MODEL"
"""The environment variable with the file of the model."""


def fit_naive(history: Path, out: Path) -> None:
    """Fit on `leads.csv` and `outcomes.csv` of a simulated history and save with joblib."""
    leads = pd.read_csv(history / "leads.csv", low_memory=False)
    outcomes = pd.read_csv(history / "outcomes.csv", low_memory=False)
    won = set(outcomes.loc[outcomes["type"] == "won", "lead_id"])
    model = Pipeline([
        (
            "columns",
            ColumnTransformer([
                ("numbers", SimpleImputer(), NUMBERS),
                (
                    "words",
                    OneHotEncoder(
                        handle_unknown="infrequent_if_exist",
                        min_frequency=_RARE,
                        sparse_output=False,
                    ),
                    WORDS,
                ),
            ]),
        ),
        ("model", HistGradientBoostingClassifier(random_state=0)),
    ])
    # Spinning OpenMP threads take a minute for this on a busy machine.
    with threadpool_limits(limits=1):
        model.fit(prepare(leads), leads["lead_id"].isin(won))
    joblib.dump(model, out)


def prepare(leads: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the model, words as words and numbers as numbers."""
    numbers = leads.reindex(columns=NUMBERS).astype(float)
    words = leads.reindex(columns=WORDS).fillna("missing").astype(str)
    return pd.concat([numbers, words], axis=1)


def predict_one(model: Any, row: dict[str, object]) -> float:  # noqa: ANN401 - a scikit-learn pipeline has no type
    """Return the probability of one lead, by way of a table of one row."""
    return float(model.predict_proba(prepare(pd.DataFrame([row])))[0, 1])
