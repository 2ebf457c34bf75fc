"""Backtest: nothing from later, the same start for both models, figures one can recompute."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from leadqual.errors import InputError, NotEnoughDataError
from leadqual.learning.backtest import PREDICTORS, ReplayOptions, backtest
from leadqual.learning.learners.baselines import LOGISTIC, ODOO
from leadqual.learning.replay.clock import Cadence
from leadqual.learning.replay.metrics import join_steps
from leadqual.learning.replay.page import render
from leadqual.learning.replay.result import AUC_WITHIN, Backtest, StepResult
from leadqual.learning.replay.steps import FROZEN, RECENCY, RETRAINED, StepScores
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import History

MakeHistory = Callable[..., History]
FIRST = datetime(2025, 8, 1, tzinfo=UTC)
EVERY = 60
LOST = OutcomeType.LOST
DATED = Cadence(every_days=EVERY, first_at=FIRST)
BY_ROWS = Cadence(every_rows=200, first_row=400)


class Kept:
    """Keeps steps in memory; breaks off when it has kept `limit` of them."""

    def __init__(self, limit: int | None = None) -> None:
        self.steps: dict[int, StepScores] = {}
        self.limit = limit

    def load(self, step: int) -> StepScores | None:
        return self.steps.get(step)

    def save(self, scores: StepScores) -> None:
        if len(self.steps) == self.limit:
            raise KeyboardInterrupt
        self.steps[scores.step] = scores


def replayed(history: History, cadence: Cadence = DATED, **options: Any) -> Backtest:
    return backtest(history, cadence, options=ReplayOptions(n_resamples=30, **options))


@pytest.fixture(scope="module")
def history(wins_only: MakeHistory) -> History:
    return wins_only(1_500, signal=2.0, seed=4)


@pytest.fixture(scope="module")
def found(history: History) -> Backtest:
    return replayed(history)


@pytest.fixture(scope="module")
def ordered(won_or_lost: MakeHistory) -> History:
    return won_or_lost(1_000, signal=2.0)


@pytest.fixture(scope="module")
def found_by_rows(ordered: History) -> Backtest:
    return replayed(ordered, BY_ROWS)


def arrived(history: History, step: int) -> np.ndarray:
    start = FIRST.replace(tzinfo=None) + timedelta(days=step * EVERY)
    low, high = np.datetime64(start, "us"), np.datetime64(start + timedelta(days=EVERY), "us")
    return np.flatnonzero((history.moments >= low) & (history.moments < high))


def rank_auc(p: np.ndarray, won: np.ndarray) -> float:
    above = p[won == 1][:, None] - p[won == 0][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def assert_same_scores(one: Backtest, other: Backtest) -> None:
    for name in PREDICTORS:
        np.testing.assert_array_equal(one.scores[name], other.scores[name])
    assert one.as_dict() == other.as_dict()


def test_outcomes_recorded_after_a_step_change_no_score_of_it(
    history: History, found: Backtest
) -> None:
    second = FIRST + timedelta(days=EVERY)
    known = [e for e in history.events if e.occurred_at is not None and e.occurred_at < second]
    later = [e for e in history.events if e not in known]
    invented = [
        OutcomeEvent(
            lead_id=history.lead_ids[row],
            type=OutcomeType.WON,
            occurred_at=second - timedelta(days=1),
            recorded_at=second,
        )
        for row in range(0, 700, 5)
    ]

    other = replayed(replace(history, events=[*known, *later[::2], *invented]))

    early = np.concatenate([arrived(history, 0), arrived(history, 1)])
    for name in PREDICTORS:
        rows = arrived(history, 0) if name == ODOO else early  # Odoo's counts go on within steps
        assert np.isfinite(found.scores[name][rows]).all()
        np.testing.assert_array_equal(other.scores[name][rows], found.scores[name][rows])
    for name in (RETRAINED, LOGISTIC, ODOO):
        rows = arrived(history, 2)
        assert not np.array_equal(other.scores[name][rows], found.scores[name][rows])


def test_frozen_and_retrained_part_after_the_first_step(history: History, found: Backtest) -> None:
    frozen, retrained = found.scores[FROZEN], found.scores[RETRAINED]
    first, second = arrived(history, 0), arrived(history, 1)

    np.testing.assert_array_equal(frozen[first], retrained[first])
    assert not np.array_equal(frozen[second], retrained[second])
    assert found.steps[0].metrics[FROZEN] == found.steps[0].metrics[RETRAINED]


def test_forced_recency_follows_a_market_that_turned_round(ordered: History) -> None:
    turned = [
        event.model_copy(
            update={"type": LOST if event.type is OutcomeType.WON else OutcomeType.WON}
        )
        if row < 500
        else event
        for row, event in enumerate(ordered.events)
    ]

    found = replayed(replace(ordered, events=turned), Cadence(every_rows=200, first_row=800))

    auc = {name: figures["auc"].value for name, figures in found.pooled.metrics.items()}
    assert auc[RECENCY] > 0.7
    assert auc[RECENCY] > auc[LOGISTIC] + 0.1
    assert auc[FROZEN] == auc[RETRAINED]


def test_pooled_and_step_figures_match_a_computation_by_hand(
    history: History, found: Backtest
) -> None:
    p, rows = found.scores[ODOO], found.judged
    won_at = {e.lead_id: e.occurred_at for e in history.events}
    within = timedelta(days=found.horizon_days or 0)
    won = np.array([
        (at := won_at.get(history.lead_ids[row])) is not None
        and at - history.moments[row].astype(datetime).replace(tzinfo=UTC) <= within
        for row in rows
    ]).astype(float)
    pooled = found.pooled.metrics[ODOO]
    step = found.steps[1]
    of_step = np.isin(rows, arrived(history, 1))

    assert pooled["auc"].value == pytest.approx(rank_auc(p[rows], won))
    assert pooled["observed_expected"].value == pytest.approx(won.sum() / p[rows].sum())
    assert pooled["auc"].low < pooled["auc"].value < pooled["auc"].high
    assert (len(step.rows), step.n_won) == (of_step.sum(), won[of_step].sum())
    assert step.metrics[ODOO]["auc"] == pytest.approx(rank_auc(p[rows[of_step]], won[of_step]))


def test_ranking_within_steps_counts_no_pair_of_two_steps(found_by_rows: Backtest) -> None:
    won = np.zeros(1_000)
    won[found_by_rows.judged] = found_by_rows.won
    p = found_by_rows.scores[RETRAINED]
    parts = [np.arange(start, start + 200) for start in (400, 600, 800)]
    n_pairs = [won[rows].sum() * (1 - won[rows]).sum() for rows in parts]
    expected = np.average([rank_auc(p[rows], won[rows]) for rows in parts], weights=n_pairs)

    assert found_by_rows.pooled.metrics[RETRAINED][AUC_WITHIN].value == pytest.approx(expected)


def test_rows_without_times_are_replayed_in_order_and_learn_nothing_from_later_rows(
    ordered: History, found_by_rows: Backtest
) -> None:
    flipped = [
        event.model_copy(update={"type": OutcomeType.LOST}) if number >= 600 else event
        for number, event in enumerate(ordered.events)
    ]

    other = replayed(replace(ordered, events=[*flipped[:900], *ordered.events[900:]]), BY_ROWS)

    assert [step.name for step in found_by_rows.steps] == ["row 400", "row 600", "row 800"]
    for name in PREDICTORS:
        mine, theirs = found_by_rows.scores[name], other.scores[name]
        np.testing.assert_array_equal(mine[400:601], theirs[400:601])
        assert name == FROZEN or not np.array_equal(mine[800:], theirs[800:])
    assert found_by_rows.pooled.metrics[RETRAINED]["auc"].value > 0.7


def test_a_lag_keeps_outcomes_back_for_so_many_rows(ordered: History) -> None:
    lagged = replace(BY_ROWS, every_rows=300, lag_rows=100)
    later = [
        event.model_copy(update={"type": OutcomeType.LOST}) if 600 <= row < 700 else event
        for row, event in enumerate(ordered.events)
    ]

    known = replayed(ordered, lagged)
    changed = replayed(replace(ordered, events=later), lagged)

    for name in PREDICTORS:
        rows = slice(400, 701) if name == ODOO else slice(400, 1_000)
        np.testing.assert_array_equal(known.scores[name][rows], changed.scores[name][rows])


@pytest.mark.parametrize("n_kept", [0, 1, 3])
def test_a_backtest_that_was_broken_off_ends_as_one_that_was_not(
    ordered: History, found_by_rows: Backtest, n_kept: int
) -> None:
    kept = Kept(limit=n_kept)
    if n_kept < 3:
        with pytest.raises(KeyboardInterrupt):
            replayed(ordered, BY_ROWS, keeper=kept)
    else:
        replayed(ordered, BY_ROWS, keeper=kept)
    kept.limit = None
    told: list[tuple[int, int]] = []

    resumed = replayed(ordered, BY_ROWS, keeper=kept, on_progress=lambda *done: told.append(done))

    assert told[0] == (n_kept, 3)
    assert told[-1] == (3, 3)
    assert_same_scores(resumed, found_by_rows)


def test_kept_steps_that_do_not_fit_the_history_are_done_again(
    ordered: History, found_by_rows: Backtest
) -> None:
    kept = Kept()
    replayed(ordered, BY_ROWS, keeper=kept)
    step = kept.steps[1]
    kept.steps[0] = replace(step, scores={**step.scores, RETRAINED: np.full(200, 1.5)})
    kept.steps[1] = replace(step, scores={name: p[:-1] for name, p in step.scores.items()})
    kept.steps[2] = step

    assert_same_scores(replayed(ordered, BY_ROWS, keeper=kept), found_by_rows)


def test_two_processes_find_what_one_finds(ordered: History, found_by_rows: Backtest) -> None:
    assert_same_scores(replayed(ordered, BY_ROWS, jobs=2), found_by_rows)


def test_a_first_step_is_found_where_none_is_given(wins_only: MakeHistory) -> None:
    found = backtest(
        wins_only(700, signal=2.0, seed=5),
        Cadence(every_days=90),
        options=ReplayOptions(n_resamples=0),
    )

    assert found.steps[0].name >= "2025-05-01"
    assert found.steps[0].is_retrained


def test_points_of_the_curve_hold_enough_wins_and_every_judged_lead() -> None:
    rng = np.random.default_rng(0)
    won = (rng.random(500) < 0.3).astype(float)
    rows = np.array_split(np.arange(500), 40)
    steps = [
        StepResult(
            "", n_arrivals=12, rows=r, n_won=int(won[r].sum()), is_retrained=True, metrics={}
        )
        for r in rows
    ]

    curve = join_steps({"one": rng.random(500)}, steps, won)

    assert 3 < len(curve) < 8
    assert all(min(point.n_won, point.n_judged - point.n_won) >= 20 for point in curve)
    assert sum(point.n_judged for point in curve) == 500


def test_the_page_shows_every_predictor_and_needs_nothing_from_elsewhere(
    found_by_rows: Backtest,
) -> None:
    page = render(found_by_rows, title="A <b> title")

    assert "A &lt;b&gt; title" in page
    assert page.count("<figure>") == 4
    assert all(page.count(name) >= 2 for name in PREDICTORS)
    assert not any(
        word in page for word in ("http:", "https:", "<script", "<img", "@import", "nan")
    )


def test_a_history_without_any_order_is_refused(won_or_lost: MakeHistory) -> None:
    with pytest.raises(InputError, match="no order in time"):
        replayed(won_or_lost(is_ordered=False), BY_ROWS)


def test_days_for_rows_and_rows_for_days_are_refused(history: History, ordered: History) -> None:
    with pytest.raises(InputError, match="no times: give --every and --first in rows"):
        replayed(ordered, DATED)
    with pytest.raises(InputError, match="has times: give --every in days"):
        replayed(history, BY_ROWS)


def test_wins_without_a_time_are_refused(history: History) -> None:
    undated = OutcomeEvent(lead_id=history.lead_ids[0], type=OutcomeType.WON)

    with pytest.raises(InputError, match="1 wins of this history have no time"):
        replayed(replace(history, events=[*history.events, undated]))


def test_first_step_outside_the_history_or_too_early_is_refused(
    history: History, ordered: History
) -> None:
    with pytest.raises(InputError, match="2025-01-01 to 2026-02-0"):
        replayed(history, Cadence(first_at=datetime(2027, 1, 1, tzinfo=UTC)))
    with pytest.raises(InputError, match="from row 0 to row 999"):
        replayed(ordered, Cadence(first_row=1_000))
    with pytest.raises(NotEnoughDataError, match=r"by 2025-01-10 .* later --first"):
        replayed(history, Cadence(first_at=datetime(2025, 1, 10, tzinfo=UTC)))
    with pytest.raises(NotEnoughDataError, match=r"by row 450 .* later --first"):
        replayed(ordered, Cadence(first_row=450, lag_rows=440))


def test_more_steps_than_anybody_can_wait_for_are_refused(won_or_lost: MakeHistory) -> None:
    with pytest.raises(InputError, match="4,000 steps"):
        replayed(won_or_lost(6_000), Cadence(every_rows=1, first_row=2_000))


def test_an_empty_history_is_refused(history: History) -> None:
    with pytest.raises(NotEnoughDataError, match="no leads"):
        replayed(history.take(np.zeros(0, dtype=np.intp)))
