"""What `LeadQualifier` says to tables that are not what it needs: counts and names, no values."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from leadqual.errors import NotEnoughDataError
from leadqual.learning.estimator import LeadQualifier

N = 300


def make_leads() -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    rng = np.random.default_rng(0)
    created = pd.date_range("2025-01-01", periods=N, freq="6h", tz="UTC")
    X = pd.DataFrame({"created_at": created, "source": rng.choice(["web", "fair"], N)})
    return X, rng.random(N) < np.where(X["source"] == "web", 0.5, 0.2)


X, WON = make_leads()
AT = X["created_at"].where(WON)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ({"conversion": np.where(WON, 2, 0)}, "column conversion of y has .* neither 0, 1 nor"),
        ({"fit": np.where(WON, "yes", "secret")}, "column fit of y has 300 value"),
        ({"won": WON}, "unknown name, the first is 'won'; expected columns among conversion"),
        ({"amount_usd": np.ones(N)}, "amount_usd, which needs conversion or won_at"),
        ({"conversion": WON, "amount_usd": -1.0}, "column amount_usd of y has 300 value"),
        ({"conversion": WON, "amount_usd": "9,5 secret"}, "column amount_usd of y has 300"),
        ({"conversion": WON, "won_at": AT}, "both conversion and won_at"),
        ({"fit": WON, "lost_at": AT}, "lost_at without won_at"),
        ({"won_at": ["31/12/2025 secret"] * N}, "column won_at of y has 300 .* no ISO 8601"),
        ({"won_at": np.arange(N)}, "column won_at holds numbers"),
        ({"won_at": [2_025, *[None] * (N - 1)]}, "column won_at holds numbers"),
        ({"won_at": pd.Series([2_025, pd.NaT] * (N // 2), dtype=object)}, "won_at holds numbers"),
    ],
)
def test_label_table_is_refused_with_what_to_do(y: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        LeadQualifier().fit(X, pd.DataFrame(y, index=X.index))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("known", "counts"),
    [
        ({"fit": [None] * N, "budget": [None] * N}, "fit: 0 leads are known to be yes and 0"),
        ({"conversion": np.arange(N) < 39}, "conversion: 39 leads are known to be yes and 261"),
        ({"fit": np.where(np.arange(N) < 80, np.arange(N) < 39, np.nan)}, "39 .* and 41"),
        ({"won_at": [pd.NaT] * N}, "conversion: 0 leads are known to be yes"),
    ],
    ids=["nothing known", "39 wins", "39 and 41", "no win yet"],
)
def test_too_few_answers_are_refused_with_the_counts(known: dict[str, Any], counts: str) -> None:
    with pytest.raises(NotEnoughDataError, match=f"nothing can be learned .*{counts}"):
        LeadQualifier().fit(X, pd.DataFrame(known, index=X.index))


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({}, np.zeros((N, 2)), "2 columns, and targets= 0 names"),
        ({"targets": ["fit", "mood"]}, np.zeros((N, 2)), "unknown name, the first is 'mood'"),
        ({"targets": ["fit"]}, pd.DataFrame({"budget": WON}), "y lacks the column.* fit"),
        ({"as_of": "2025-02-01"}, WON, "as_of needs dates"),
        ({"targets": ["fit"]}, np.zeros((N, 2)), "2 columns, and targets= 1 names"),
        ({"as_of": "soon"}, AT.to_frame("won_at"), "as_of is no time"),
        ({"as_of": 2024}, AT.to_frame("won_at"), "as_of is no time"),
        ({"as_of": "2024-01-01"}, AT.to_frame("won_at"), "no lead of X came in by as_of"),
        ({"time_column": "came"}, AT.to_frame("won_at"), "X no column 'came'"),
        ({}, pd.DataFrame({"fit": [1.0]}), "inconsistent numbers of samples"),
        ({}, pd.Series(WON).astype(object).where(WON), "y has 2[0-9]{2} missing value"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(
    options: dict[str, Any], y: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LeadQualifier(**options).fit(X, y)


def test_one_name_in_the_place_of_several_is_refused() -> None:
    with pytest.raises(TypeError, match="list of names such as"):
        LeadQualifier(targets="fit").fit(X, WON)


@pytest.mark.parametrize("weights", [-np.ones(N), np.full(N, np.nan), np.ones(N - 1), np.zeros(N)])
def test_weights_that_are_no_weights_are_refused(weights: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="sample_weight"):
        LeadQualifier().fit(X, WON, sample_weight=weights)


def test_third_class_that_is_a_spelling_of_another_is_pointed_out() -> None:
    y = np.where(WON, "converted", "open").astype(object)
    y[0] = "CONVERTED "

    with pytest.raises(ValueError, match="3 different values, 2 but for upper case") as caught:
        LeadQualifier().fit(X, y)
    assert "CONVERTED" not in str(caught.value)


def test_outcome_of_another_kind_than_at_fitting_cannot_be_judged() -> None:
    model = LeadQualifier().fit(X, WON)

    with pytest.raises(ValueError, match="another kind than at fitting"):
        model.score(X, pd.DataFrame({"conversion": WON}))
    with pytest.raises(ValueError, match="not among the two classes"):
        model.score(X, np.full(N, 7))
    assert np.isnan(model.score(X, np.ones(N, dtype=bool)))


def test_win_before_its_lead_counts_from_the_lead_and_is_noted() -> None:
    early = AT - pd.Timedelta(days=400)
    settled = pd.DataFrame({"won_at": early, "lost_at": X["created_at"].where(~WON)})

    model = LeadQualifier().fit(X, settled)

    assert any("dated before their lead" in note for note in model.notes_)
    assert model.score_leads(X)["p_conversion"].mean() == pytest.approx(WON.mean(), rel=0.2)


def test_times_with_and_without_offsets_are_one_order() -> None:
    moments = X["created_at"]
    mixed = [
        at.tz_convert("Asia/Tokyo").isoformat() if i % 2 else at.tz_localize(None).isoformat()
        for i, at in enumerate(moments)
    ]

    mixed_model = LeadQualifier().fit(X.assign(created_at=mixed), WON)

    p = mixed_model.predict_proba(X)
    assert np.array_equal(p, LeadQualifier().fit(X, WON).predict_proba(X))


def test_ids_and_huge_texts_are_left_out_or_shortened() -> None:
    wild = X.assign(
        record=[f"id-{number}" for number in range(N)],
        essay=["secret " * 7_000 + source for source in X["source"]],
    )

    model = LeadQualifier().fit(wild, WON)

    assert "record" in model.dropped_
    assert "secret" not in str(model.dropped_)
    assert len(str(model.bundle_.encoder.as_dict())) < 100_000


def test_thousands_of_columns_are_learned_from() -> None:
    rng = np.random.default_rng(1)
    noise = pd.DataFrame(rng.integers(0, 2, (120, 3_000)), columns=[f"a{i}" for i in range(3_000)])

    model = LeadQualifier(min_per_class=20).fit(noise, noise["a7"])

    assert model.score(noise, noise["a7"]) > 0.9


def test_history_of_a_few_days_says_that_it_is_too_young_to_tell() -> None:
    created = pd.Series(pd.date_range("2025-01-01", periods=N, freq="20min", tz="UTC"))
    delay = np.random.default_rng(2).exponential(5, N)
    won_at = (created + pd.to_timedelta(delay, unit="D")).where(lambda at: at <= created.max())

    young = LeadQualifier(min_per_class=10).fit(
        X.assign(created_at=created), won_at.to_frame("won_at")
    )

    assert any("probabilities speak of that many days only" in note for note in young.notes_)
