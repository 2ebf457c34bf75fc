"""Influence: exact contributions per feature, with what was observed beside them."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from leadqual.features.encoder import EncodedLeads
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.judging.influence import (
    Contributions,
    Influence,
    Question,
    measure_influence,
)
from leadqual.learning.metrics import Outcome
from leadqual.outcomes.checks import Check
from leadqual.outcomes.history import History
from leadqual.qualify.reference import TARGETS
from leadqual.qualify.score import Head

MakeHistory = Callable[..., History]
FIT = TARGETS.index("fit")


@pytest.fixture(scope="module")
def model(funnel: MakeHistory) -> FittedModel:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    return fit_bundle(funnel(2_500, seed=3), as_of=None, version="one", created_at=now)


@pytest.fixture(scope="module")
def leads(model: FittedModel) -> EncodedLeads:
    return model.bundle.encoder.encode(model.history.columns, n_leads=model.history.n_leads)


@pytest.fixture(scope="module")
def added(model: FittedModel, leads: EncodedLeads) -> np.ndarray:
    found = model.bundle.predictor.predict(leads, explain=True).contributions
    assert found is not None
    return found[:, FIT]


@pytest.fixture(scope="module")
def found(model: FittedModel, leads: EncodedLeads, added: np.ndarray) -> tuple[Influence, ...]:
    encoder, answer = model.bundle.encoder, model.labels.heads[Check.FIT].values
    known = ~np.isnan(answer)
    p = model.bundle.predictor.predict(leads, explain=False).p[:, FIT]
    question = Question(
        added={name: added[:, i] for i, name in enumerate(encoder.feature_names)},
        p=p,
        outcome=Outcome.of(answer[known]),
        is_known=known,
    )
    return measure_influence(encoder, leads, question)


def test_contributions_sum_to_the_log_odds_of_the_additive_model(
    model: FittedModel, leads: EncodedLeads, added: np.ndarray
) -> None:
    head = model.bundle.heads[Head.FIT]
    Z = model.bundle.encoder.to_matrix(leads)

    np.testing.assert_allclose(head.bias + added.sum(axis=1), head.logit(Z), atol=1e-6)


def test_strength_is_the_mean_size_of_the_columns_of_a_feature(
    model: FittedModel, leads: EncodedLeads, found: tuple[Influence, ...]
) -> None:
    encoder = model.bundle.encoder
    columns = model.bundle.heads[Head.FIT].contributions(encoder.to_matrix(leads))
    by_feature = np.zeros((leads.n_leads, len(encoder.features)))
    np.add.at(by_feature.T, encoder.feature_of, columns.T)

    sizes = np.abs(by_feature).mean(axis=0)

    assert sum(one.share for one in found) == pytest.approx(1.0)
    for one in found:
        place = encoder.feature_names.index(one.feature)
        assert one.strength == pytest.approx(sizes[place], abs=1e-6)
    assert [one.strength for one in found] == sorted((o.strength for o in found), reverse=True)


def test_the_direction_is_the_one_that_was_put_in(found: tuple[Influence, ...]) -> None:
    by_name = {one.feature: one for one in found}

    assert by_name["company.n_employees"].direction == "more speaks for it"
    assert "for it: referral" in by_name["source"].direction
    assert "against it: list" in by_name["source"].direction


def test_what_was_observed_stands_beside_what_was_predicted(
    found: tuple[Influence, ...],
) -> None:
    source = next(one for one in found if one.feature == "source")
    parts = {one.level: one.part for one in source.levels}

    referral, bought = parts["referral"], parts["list"]

    assert referral is not None
    assert bought is not None
    assert referral.low > bought.high
    assert referral.predicted > bought.predicted
    assert not referral.is_off


def test_leads_that_were_not_explained_are_nan() -> None:
    contributions = Contributions(4)

    contributions.put("fit", np.array([1, 3]), np.array([[0.5], [-0.5]]), names=["source"])

    np.testing.assert_array_equal(
        contributions.by_target["fit"]["source"], [np.nan, 0.5, np.nan, -0.5]
    )
