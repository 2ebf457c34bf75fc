"""Drift: columns that moved are found, those that did not are left in peace."""

import numpy as np
import pytest

from leadqual.features.encoder import Encoder
from leadqual.learning.judging.drift import Drift, measure_drift, measure_prediction_drift
from leadqual.outcomes.history import Columns

N_BEFORE, N_AFTER = 4_000, 1_000


def some(rng: np.random.Generator, n: int, *, is_later: bool) -> Columns:
    size = np.round(10 ** rng.normal(2.6 if is_later else 2.0, 0.5, n))
    country = rng.choice(["de", "fr", "us"], n, p=[0.2, 0.2, 0.6] if is_later else [0.5, 0.3, 0.2])
    return {
        "company.n_employees": size.tolist(),
        "contact.country": country.tolist(),
        "contact.seniority": [(None, "head", "junior")[i] for i in rng.integers(0, 3, n)],
        "interest.timeline_days": rng.integers(1, 90, n).tolist(),
        "attributes.page": [
            f"page{i}" for i in rng.integers(5 if is_later else 0, 8, n)
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Drift]:
    rng = np.random.default_rng(0)
    before, after = (
        some(rng, n, is_later=later) for n, later in ((N_BEFORE, False), (N_AFTER, True))
    )
    encoder = Encoder.fit(before, n_leads=N_BEFORE)
    drift = measure_drift(
        encoder,
        encoder.encode(before, n_leads=N_BEFORE),
        encoder.encode(after, n_leads=N_AFTER),
        columns=(before, after),
    )
    assert [one.index for one in drift] == sorted((one.index for one in drift), reverse=True)
    return {one.feature: one for one in drift}


@pytest.mark.parametrize("name", ["company.n_employees", "contact.country", "attributes.page"])
def test_a_shifted_column_is_found(found: dict[str, Drift], name: str) -> None:
    assert found[name].has_moved_far


@pytest.mark.parametrize("name", ["contact.seniority", "interest.timeline_days"])
def test_a_stable_column_is_not(found: dict[str, Drift], name: str) -> None:
    assert not found[name].has_moved
    assert found[name].index < 3 * found[name].by_chance


def test_what_moved_is_said_in_words(found: dict[str, Drift]) -> None:
    text = found["contact.country"].text

    assert text.startswith("us: 20 % to ")
    assert "de: 49 % to 20 %" in text


def test_a_few_leads_that_differ_are_chance() -> None:
    rng = np.random.default_rng(1)
    before = {"source": rng.choice(list("abcdefgh"), 60).tolist()}
    encoder = Encoder.fit(before, n_leads=60, min_count=3)
    after = {"source": rng.choice(list("abcdefgh"), 30).tolist()}

    (drift,) = measure_drift(
        encoder,
        encoder.encode(before, n_leads=60),
        encoder.encode(after, n_leads=30),
        columns=(before, after),
    )

    assert drift.index > 0.1
    assert not drift.has_moved


def test_predictions_that_rise_have_drifted() -> None:
    rng = np.random.default_rng(2)
    p = rng.beta(2, 20, 3_000)

    assert measure_prediction_drift(p, rng.beta(2, 20, 3_000)).index < 0.05
    assert measure_prediction_drift(p, rng.beta(4, 20, 3_000)).index > 0.25
