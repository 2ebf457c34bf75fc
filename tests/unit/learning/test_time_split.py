"""Forward folds over tables in any order."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_validate

from leadqual.learning.time_split import TimeSeriesLeadSplit


def test_cross_validation_always_judges_on_later_leads() -> None:
    rng = np.random.default_rng(0)
    created = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(rng.permutation(300), unit="h")
    X = pd.DataFrame({"created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "n": np.arange(300)})
    y = rng.random(300) < 0.5

    found = cross_validate(
        DummyClassifier(), X, y, cv=TimeSeriesLeadSplit(n_splits=4), return_indices=True
    )

    sides = list(zip(found["indices"]["train"], found["indices"]["test"], strict=True))
    assert len(sides) == 4
    for train, test in sides:
        assert created[train].max() < created[test].min()
    assert created[sides[-1][1]].max() == created.max()


def test_leads_of_one_moment_are_never_on_both_sides() -> None:
    X = pd.DataFrame({"created_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(
        np.arange(90) // 20, unit="D")})  # fmt: skip

    for train, test in TimeSeriesLeadSplit().split(X):
        assert X["created_at"].iloc[train].max() < X["created_at"].iloc[test].min()


def test_groups_are_never_on_both_sides() -> None:
    group = np.arange(200) % 50

    for train, test in TimeSeriesLeadSplit(n_splits=5).split(np.zeros((200, 1)), groups=group):
        assert not set(group[train]) & set(group[test])
        assert len(train) > 50


@pytest.mark.parametrize("created_at", ["2025-13-01", None, 20250101])
def test_time_that_cannot_be_read_is_refused(created_at: object) -> None:
    X = pd.DataFrame({"created_at": [created_at] * 20})

    with pytest.raises(ValueError, match="column created_at") as caught:
        list(TimeSeriesLeadSplit().split(X))
    assert "20250101" not in str(caught.value)
    assert "2025-13" not in str(caught.value)


def test_more_folds_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="3 rows cannot be split into 5"):
        list(TimeSeriesLeadSplit(n_splits=5).split(np.zeros((3, 1))))
