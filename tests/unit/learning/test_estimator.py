"""The estimator for notebooks with one outcome, as scikit-learn and a data scientist use it."""

from typing import Any
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from leadqual.errors import NotEnoughDataError
from leadqual.learning.estimator import LeadQualifier

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "a lead of weight 2 is one lead, and not two "
    "copies: scales, rare categories, validation folds and the rows a tree samples count leads. "
    "Weight 0 is the same as leaving the lead out, which a test below checks",
    "check_array_api_input": "runs only where SCIPY_ARRAY_API is set before scipy is imported; "
    "cells become plain Python values, so arrays of other libraries would gain nothing",
}


# The checks fit on a few dozen rows, which is refused by default.
@parametrize_with_checks(  # type: ignore[untyped-decorator]  # scikit-learn has no types
    [
        LeadQualifier(min_per_class=1, min_count=1),
        LeadQualifier(min_per_class=1, min_count=1, targets=["fit", "authority", "budget"]),
    ],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
    xfail_strict=True,
)
def test_keeps_to_what_scikit_learn_expects(estimator: Any, check: Any) -> None:
    try:
        check(estimator)
    except SkipTest as why:
        pytest.fail(f"did not run: {why}")


def make_leads(n: int = 600) -> tuple[pd.DataFrame, "pd.Series[bool]"]:
    rng = np.random.default_rng(0)
    source = rng.choice(["web", "fair", "referral"], n)
    size = rng.lognormal(4, 1, n)
    p = 0.15 + 0.4 * (source == "referral") + 0.2 * (size > 80)
    X = pd.DataFrame({
        "created_at": pd.date_range("2025-01-01", periods=n, freq="3h", tz="UTC"),
        "source": source,
        "size": np.where(rng.random(n) < 0.2, np.nan, size),
    })
    return X, pd.Series(rng.random(n) < p)


def test_category_never_seen_counts_as_other() -> None:
    X, y = make_leads()
    X.loc[X.index % 5 == 0, "source"] = [f"rare {i}" for i in range(120)]
    model = LeadQualifier().fit(X, y)
    rare, unseen = X.head(1), X.head(1).assign(source="never seen")

    assert model.predict_proba(unseen) == pytest.approx(model.predict_proba(rare), abs=0)
    assert "source is other" in model.bundle_.encoder.column_names


def test_absent_column_is_refused_by_name_and_an_empty_one_counts_as_missing() -> None:
    X, y = make_leads()
    model = LeadQualifier().fit(X, y)

    with pytest.raises(ValueError, match="missing:\n- size"):
        model.predict(X.drop(columns="size"))
    known_missing = X[X["size"].isna()].head(1)
    empty = known_missing.assign(size=None)
    assert model.predict_proba(empty) == pytest.approx(model.predict_proba(known_missing), abs=0)


def test_order_of_rows_does_not_matter_where_there_is_a_time() -> None:
    X, y = make_leads()
    shuffled = X.sample(frac=1, random_state=1)
    model = LeadQualifier().fit(X, y)

    again = clone(model).fit(shuffled, y[shuffled.index])

    assert (again.predict_proba(X) == model.predict_proba(X)).all()


def test_running_number_is_left_out_with_the_reason() -> None:
    X, y = make_leads()

    model = LeadQualifier().fit(X.assign(campaign_no=np.arange(len(X)) // 10), y)

    assert "tells when a lead came" in model.dropped_["campaign_no"]


def test_time_column_of_another_name_teaches_hours_and_not_the_date() -> None:
    X, y = make_leads()

    model = LeadQualifier(time_column="came_in").fit(X.rename(columns={"created_at": "came_in"}), y)

    names = model.bundle_.encoder.feature_names
    assert "derived.created_hours" in names
    assert "came_in" not in names


def test_few_leads_of_a_class_are_refused_with_the_counts() -> None:
    X, _ = make_leads(100)

    with pytest.raises(NotEnoughDataError, match="11 leads are known to be yes and 89 to be no"):
        LeadQualifier().fit(X, np.arange(100) > 88)


def test_cell_that_is_no_value_is_refused_without_showing_it() -> None:
    X, y = make_leads()
    X["tags"] = [["secret"]] * len(X)

    with pytest.raises(TypeError, match="column tags holds a list") as caught:
        LeadQualifier().fit(X, y)
    assert "secret" not in str(caught.value)


def test_two_columns_of_arrival_are_refused() -> None:
    X, y = make_leads()
    X["came_in"] = X["created_at"]

    with pytest.raises(ValueError, match="both the time column 'came_in' and"):
        LeadQualifier(time_column="came_in").fit(X, y)


def test_chance_may_be_left_to_chance() -> None:
    X, y = make_leads()

    p = LeadQualifier(random_state=None).fit(X, y).predict_proba(X)

    assert p.shape == (len(X), 2)
