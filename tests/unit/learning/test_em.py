"""Heads by EM: what reps recorded, with their mistakes."""

from collections.abc import Callable

import numpy as np
import pytest

from leadqual.features.encoder import Encoder
from leadqual.learning.em import (
    ANSWERS,
    DISPOSITIONS,
    estimate_heads,
    fit_head,
    guess_table,
    read_dispositions,
)
from leadqual.learning.metrics import Outcome, measure
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.progress import CHECKS, Check

MakeHistory = Callable[..., History]


def test_the_guessed_table_holds_probabilities_of_everything_that_can_be_recorded() -> None:
    table = guess_table()

    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    assert (table >= 0).all()


def test_nobody_who_lacks_something_essential_wins() -> None:
    table = guess_table()
    lacks = ANSWERS[:, [CHECKS.index(c) for c in (Check.FIT, Check.AUTHORITY, Check.BUDGET)]]

    won = table[:, DISPOSITIONS.index("won")]

    assert (won[lacks.min(axis=1) == 0] == 0).all()
    assert (won[lacks.min(axis=1) == 1] > 0).all()


def test_the_order_of_checks_moves_blame_to_what_is_asked_first() -> None:
    bad_at_all = int(np.flatnonzero(ANSWERS.sum(axis=1) == 0)[0])
    blames_budget = DISPOSITIONS.index("disqualified: budget")

    usual = guess_table()[bad_at_all, blames_budget]
    money_first = guess_table((Check.BUDGET, Check.FIT, Check.AUTHORITY, Check.NEED))

    assert money_first[bad_at_all, blames_budget] > 3 * usual


def test_what_speaks_is_read_from_every_ending(funnel: MakeHistory) -> None:
    labels = label_history(funnel(), as_of=None)

    seen = {DISPOSITIONS[code] for code in read_dispositions(labels.progress) if code >= 0}

    assert {"disqualified: fit", "disqualified: no reason", "rejected: budget", "won"} <= seen
    assert (read_dispositions(labels.progress)[~labels.is_worked] == -1).all()


@pytest.fixture(scope="module")
def estimated(funnel: MakeHistory):
    history = funnel(6_000, seed=4)
    labels = label_history(history, as_of=None)
    encoder = Encoder.fit(history.columns, n_leads=history.n_leads)
    Z = encoder.transform(history.columns, n_leads=history.n_leads)
    return Z, labels, estimate_heads(Z, labels, seed=0)


def test_a_win_is_believed_and_a_stated_reason_counts_against(estimated) -> None:
    _, labels, found = estimated
    codes = read_dispositions(labels.progress)[found.rows]

    won = found.p[codes == DISPOSITIONS.index("won")]
    blamed = found.p[codes == DISPOSITIONS.index("disqualified: authority")]

    assert (won[:, [0, 1, 3]] > 0.99).all()
    assert blamed[:, CHECKS.index(Check.AUTHORITY)].mean() < 0.3
    assert blamed[:, CHECKS.index(Check.FIT)].mean() > 0.7


def test_evidence_pulls_as_the_posterior_does(estimated) -> None:
    _, _, found = estimated

    labels, weights = found.evidence(Check.FIT)
    prior = found.prior[:, 0]

    np.testing.assert_allclose(weights * (labels - prior), found.p[:, 0] - prior, atol=1e-9)
    assert weights.min() >= 0
    assert weights.max() <= 1


@pytest.mark.parametrize("check", [Check.FIT, Check.AUTHORITY, Check.BUDGET])
def test_the_final_model_ranks_what_the_events_imply(estimated, check: Check) -> None:
    Z, labels, found = estimated
    implied = labels.heads[check].values
    known = ~np.isnan(implied)

    logit = fit_head(Z, found, check, seed=0).blend.logit(Z[known])

    assert measure(logit, Outcome.of(implied[known]))["auc"] > 0.6
