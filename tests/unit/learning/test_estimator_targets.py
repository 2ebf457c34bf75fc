"""`LeadQualifier` with several questions, not all of which are answered for every lead."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from leadqual.learning.estimator import LeadQualifier
from leadqual.learning.notebook.frames import plain_columns
from leadqual.learning.time_split import TimeSeriesLeadSplit
from leadqual.qualify.bundle import bundle_files, bundle_from_files
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.rules import rules_bundle
from leadqual.qualify.scoring import score_columns

N = 900


def make_leads(n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leads of two industries and sizes: one fits, the other buys; half of the answers known."""
    rng = np.random.default_rng(0)
    fits = rng.random(n) < 0.5
    is_large = rng.random(n) < 0.5
    X = pd.DataFrame(
        {
            "created_at": pd.date_range("2025-01-01", periods=n, freq="3h", tz="UTC"),
            "company.industry": np.where(fits, "Logistics", "Retail"),
            "company.n_employees": np.where(is_large, 400.0, 20.0) + rng.integers(0, 9, n),
            "contact.seniority": rng.choice(["c_level", "intern"], n),
        },
        index=[f"lead-{number}" for number in range(n)],
    )
    fit = (rng.random(n) < np.where(fits, 0.8, 0.3)).astype(float)
    won = (rng.random(n) < np.where(is_large, 0.4, 0.1)).astype(float)
    y = pd.DataFrame({"conversion": won, "fit": fit, "authority": np.nan}, index=X.index)
    y.loc[rng.random(n) < 0.5, "fit"] = np.nan
    y.loc[rng.random(n) < 0.3, "conversion"] = np.nan
    y.loc[X.index[:10], "authority"] = 1
    y["amount_usd"] = np.where(y["conversion"] == 1, 1000 + 20 * X["company.n_employees"], np.nan)
    return X, y


X, Y = make_leads()


@pytest.fixture(scope="module")
def model() -> LeadQualifier:
    return LeadQualifier().fit(X, Y)


def test_probabilities_come_one_array_per_target_in_the_order_of_y(model: LeadQualifier) -> None:
    p = model.predict_proba(X)

    assert model.targets_ == ("conversion", "fit", "authority")
    assert [found.shape for found in p] == [(N, 2)] * 3
    assert all(found.sum(axis=1) == pytest.approx(1) for found in p)
    is_large, is_logistics = X["company.n_employees"] > 100, X["company.industry"] == "Logistics"
    assert p[0][is_large, 1].mean() == pytest.approx(0.4, abs=0.08)
    assert p[0][~is_large, 1].mean() == pytest.approx(0.1, abs=0.05)
    assert p[1][is_logistics, 1].mean() == pytest.approx(0.8, abs=0.08)
    assert p[1][~is_logistics, 1].mean() == pytest.approx(0.3, abs=0.08)
    assert (model.predict(X)[:, 1] == (p[1][:, 1] > 0.5)).all()


def test_what_is_not_known_is_not_no(model: LeadQualifier) -> None:
    as_no = LeadQualifier().fit(X, Y.fillna({"fit": 0}))

    mean, mean_as_no = (one.score_leads(X)["p_fit"].mean() for one in (model, as_no))
    assert mean == pytest.approx(Y["fit"].mean(), abs=0.03)
    assert mean_as_no < 0.7 * mean


def test_target_with_few_answers_is_named_and_left_to_the_rules(model: LeadQualifier) -> None:
    scores = model.score_leads(X)
    by_rules = score_columns(
        rules_bundle(),
        plain_columns(X, "created_at"),
        n_leads=N,
        policy=ScoringPolicy(),
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    assert list(model.not_learnable_) == ["authority"]
    assert "10 leads are known to be yes and 0 to be no" in model.not_learnable_["authority"]
    assert set(scores["scored_by_rules"]) == {"authority, budget"}
    assert (scores["p_authority"] == by_rules.p_authority).all()
    assert (model.predict_proba(X)[2][:, 1] == by_rules.p_authority).all()


def test_scores_are_those_of_a_server_that_read_the_bundle_from_disk(model: LeadQualifier) -> None:
    served = score_columns(
        bundle_from_files(bundle_files(model.bundle_)),
        plain_columns(X, "created_at"),
        n_leads=N,
        policy=ScoringPolicy(),
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    scores = model.score_leads(X)

    assert scores.index.equals(X.index)
    assert (scores["p_conversion"] == served.p_conversion).all()
    assert (scores["expected_value_usd"] == served.expected_value_usd).all()
    assert scores["grade"].tolist() == served.grade
    assert scores["reasons"].tolist() == ["; ".join(served.reason_texts(i)) for i in range(N)]
    assert scores["reasons"].str.contains("Industry is Logistics: such leads fit").any()
    assert set(scores["heads.fit"]) <= {"yes", "no", "unknown"}


def test_amounts_of_won_leads_make_the_expected_value(model: LeadQualifier) -> None:
    scores = model.score_leads(X)

    expected = scores["expected_value_usd"] / scores["p_conversion"]

    is_large = X["company.n_employees"] > 100
    assert expected[is_large].mean() == pytest.approx(9000, rel=0.1)
    # Shrunken towards the middle: 41 small wins are known against 132 large ones.
    assert expected[~is_large].mean() == pytest.approx(1500, rel=0.4)
    assert scores["percentile"].between(0, 100).all()


def test_cross_validation_and_search_take_the_mean_area_over_known_answers() -> None:
    found = cross_validate(
        LeadQualifier(), X, Y, cv=TimeSeriesLeadSplit(n_splits=2), error_score="raise"
    )
    pipeline = Pipeline([("drop", FunctionTransformer(without_seniority)), ("q", LeadQualifier())])
    search = GridSearchCV(pipeline, {"q__min_count": [5, 500]}, cv=TimeSeriesLeadSplit(n_splits=1))
    search.fit(X, Y)

    assert found["test_score"].mean() > 0.65
    assert search.best_params_ == {"q__min_count": 5}
    assert [p.shape for p in search.predict_proba(X)] == [(N, 2)] * 3


def without_seniority(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="contact.seniority")


def test_model_is_the_same_again_and_after_joblib(model: LeadQualifier, tmp_path: Path) -> None:
    joblib.dump(model, tmp_path / "model.joblib")

    read = joblib.load(tmp_path / "model.joblib")
    again = clone(model).fit(X.sample(frac=1, random_state=1), Y.sample(frac=1, random_state=1))

    expected = model.score_leads(X)
    assert read.score_leads(X).equals(expected)
    assert again.score_leads(X).equals(expected)


def test_array_with_named_targets_is_the_same_as_a_table(model: LeadQualifier) -> None:
    names = ["conversion", "fit", "authority", "amount_usd"]

    by_array = LeadQualifier(targets=names).fit(X, Y.to_numpy(dtype=object))
    by_choice = LeadQualifier(targets=names).fit(X, Y.assign(note="not read"))

    for other in (by_array, by_choice):
        assert other.score_leads(X).equals(model.score_leads(X))


def test_name_of_a_single_target_counts_for_an_array_without_columns() -> None:
    is_known = Y["fit"].notna()

    model = LeadQualifier(targets=["fit"]).fit(X[is_known], Y.loc[is_known, "fit"].to_numpy())

    assert model.targets_ == ("fit",)
    assert model.score(X[is_known], Y.loc[is_known, "fit"].to_numpy()) > 0.7


def test_decimals_of_a_database_are_numbers(model: LeadQualifier) -> None:
    def to_decimals(numbers: "pd.Series[float]") -> "pd.Series[Any]":
        return numbers.map(lambda value: None if np.isnan(value) else Decimal(str(value)))

    exact = X.assign(**{"company.n_employees": to_decimals(X["company.n_employees"])})
    paid = Y.assign(amount_usd=to_decimals(Y["amount_usd"]))

    by_decimals = LeadQualifier().fit(exact, paid)

    assert by_decimals.score_leads(exact).equals(model.score_leads(X))


def test_lead_of_weight_zero_is_left_out_and_a_heavy_one_counts_more() -> None:
    is_kept = np.arange(N) % 3 > 0
    heavy = np.where(Y["conversion"] == 1, 5.0, 1.0)

    weighted = LeadQualifier().fit(X, Y, sample_weight=is_kept.astype(float))
    without = LeadQualifier().fit(X[is_kept], Y[is_kept])
    lifted = LeadQualifier().fit(X, Y, sample_weight=heavy)

    assert weighted.score_leads(X).equals(without.score_leads(X))
    expected = np.average(Y["conversion"].fillna(0), weights=heavy * Y["conversion"].notna())
    p = lifted.score_leads(X)["p_conversion"]
    assert np.average(p, weights=heavy) == pytest.approx(expected, abs=0.03)


def test_log_odds_are_there_for_one_outcome_only(model: LeadQualifier) -> None:
    one = LeadQualifier().fit(X, Y["amount_usd"].notna())

    p = one.predict_proba(X)[:, 1]

    assert one.decision_function(X) == pytest.approx(np.log(p / (1 - p)))
    assert not hasattr(model, "decision_function")


def make_dated(
    n: int = 1200, *, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, "pd.Series[Any]"]:
    """A quarter of leads is won, half of them after more than 60 days; the rest is never closed."""
    rng = np.random.default_rng(seed)
    created = pd.Series(pd.date_range("2025-01-01", "2025-07-01", periods=n, tz="UTC"))
    is_web = rng.random(n) < 0.5
    will_win = rng.random(n) < np.where(is_web, 0.4, 0.1)
    won_at = created + pd.to_timedelta(rng.exponential(87, n), unit="D")
    X = pd.DataFrame({"created_at": created, "source": np.where(is_web, "web", "list")})
    is_seen = will_win & (won_at <= pd.Timestamp("2025-07-01", tz="UTC"))
    return X, pd.DataFrame({"won_at": won_at.where(is_seen)}), pd.Series(will_win)


def test_young_leads_are_open_and_not_lost_where_wins_have_dates() -> None:
    X, y, will_win = make_dated()
    model = LeadQualifier(as_of="2025-07-01").fit(X, y)

    naive = LeadQualifier().fit(X, y["won_at"].notna())
    half = float(model.delay_curve_.age_at(0.5))

    p, p_naive = model.score_leads(X)["p_conversion"], naive.score_leads(X)["p_conversion"]
    assert p.mean() == pytest.approx(will_win.mean(), rel=0.2)
    assert p_naive.mean() < 0.75 * will_win.mean()
    assert 40 < half < 80
    assert any("losses are never recorded" in note for note in model.notes_)


def test_nothing_after_as_of_is_read() -> None:
    X, y, _ = make_dated()
    cut = pd.Timestamp("2025-05-01", tz="UTC")
    is_old = X["created_at"] <= cut
    known = y.where(y["won_at"] <= cut)

    later = LeadQualifier(as_of=cut).fit(X, y)
    earlier = LeadQualifier(as_of="2025-05-01T02:00:00+02:00").fit(X[is_old], known[is_old])

    assert later.score_leads(X).equals(earlier.score_leads(X))


def test_score_of_dated_wins_counts_an_open_lead_as_far_as_it_is_mature() -> None:
    X, y, _ = make_dated()
    X_later, y_later, _ = make_dated(seed=1)
    model = LeadQualifier(as_of="2025-07-01").fit(X, y)

    assert model.score(X_later, y_later) == pytest.approx(0.7, abs=0.05)


def test_closed_leads_are_known_to_be_lost_where_losses_have_dates() -> None:
    X, y, will_win = make_dated()
    lost_at = (X["created_at"] + pd.Timedelta(days=5)).where(~will_win)

    model = LeadQualifier(as_of="2025-07-01").fit(X, y.assign(lost_at=lost_at))

    p = model.score_leads(X)["p_conversion"]
    assert not any("never recorded" in note for note in model.notes_)
    assert p.mean() > 1.15 * y["won_at"].notna().mean()
    assert model.score(X, y.assign(lost_at=lost_at)) > 0.6


def test_change_in_how_leads_convert_is_found_where_times_are_known() -> None:
    X, _, _ = make_dated()
    rate = np.where(X["created_at"] < "2025-04-15", 0.1, 0.35)
    won = np.random.default_rng(3).random(len(X)) < rate

    model = LeadQualifier().fit(X, won)
    in_rows = LeadQualifier().fit(X[["source"]], won)

    found = model.recency_.regime_break
    assert found is not None
    assert found.low > 1
    since = X["created_at"][found.row]
    assert abs(since - pd.Timestamp("2025-04-15", tz="UTC")) < pd.Timedelta(days=20)
    assert in_rows.recency_.regime_break is None
