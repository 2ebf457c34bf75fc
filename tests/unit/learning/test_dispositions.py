"""What reps leave behind, and how likely that is for each combination of answers."""

from collections.abc import Callable

import numpy as np
import pytest

from leadqual.learning.dispositions import (
    ANSWERS,
    DISPOSITIONS,
    ORDERS,
    guess_process,
    read_dispositions,
)
from leadqual.outcomes.checks import CHECKS, Check
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import DEFAULT_CHECK_ORDER, label_history

MakeHistory = Callable[..., History]


def test_every_order_records_something_for_every_combination_of_answers() -> None:
    process = guess_process(DEFAULT_CHECK_ORDER)

    np.testing.assert_allclose(process.tables.sum(axis=2), 1.0)
    assert (process.tables >= 0).all()
    assert process.shares.sum() == pytest.approx(1.0)


def test_nobody_who_lacks_something_essential_wins() -> None:
    table = guess_process(DEFAULT_CHECK_ORDER).average
    lacks = ANSWERS[:, [CHECKS.index(c) for c in (Check.FIT, Check.AUTHORITY, Check.BUDGET)]]

    won = table[:, DISPOSITIONS.index("won")]

    assert (won[lacks.min(axis=1) == 0] == 0).all()
    assert (won[lacks.min(axis=1) == 1] > 0).all()


def test_the_order_of_checks_moves_blame_to_what_is_asked_first() -> None:
    bad_at_all = int(np.flatnonzero(ANSWERS.sum(axis=1) == 0)[0])
    blames_budget = DISPOSITIONS.index("disqualified: budget")

    usual = guess_process(DEFAULT_CHECK_ORDER).average[bad_at_all, blames_budget]
    money_first = guess_process((Check.BUDGET, Check.FIT, Check.AUTHORITY, Check.NEED))

    assert money_first.average[bad_at_all, blames_budget] > 3 * usual


def test_the_usual_order_is_the_most_frequent_one() -> None:
    order = (Check.NEED, Check.BUDGET, Check.FIT, Check.AUTHORITY)

    shares = guess_process(order).shares

    assert [CHECKS[place] for place in ORDERS[int(shares.argmax())]] == list(order)


def test_what_speaks_is_read_from_every_ending(funnel: MakeHistory) -> None:
    labels = label_history(funnel(), as_of=None)

    seen = {DISPOSITIONS[code] for code in read_dispositions(labels.progress) if code >= 0}

    assert {"disqualified: fit", "disqualified: no reason", "rejected: budget", "won"} <= seen
    assert (read_dispositions(labels.progress)[~labels.is_worked] == -1).all()
