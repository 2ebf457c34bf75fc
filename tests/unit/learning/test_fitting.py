"""From a history to a bundle, and what is refused with numbers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import process_time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from leadqual.errors import NotEnoughDataError
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import Columns, History, Recorded
from leadqual.qualify.bundle import bundle_files, bundle_from_files
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.score import Head
from leadqual.qualify.scoring import score_columns

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MakeHistory = Callable[..., History]


def fit(history: History, **more: object) -> FittedModel:
    settings = more.pop("settings", None)
    as_of = more.pop("as_of", None)
    assert not more
    assert settings is None or isinstance(settings, FitSettings)
    assert as_of is None or isinstance(as_of, datetime)
    return fit_bundle(history, as_of=as_of, version="v1", created_at=NOW, settings=settings)


def untimed(n_won: int, n_lost: int, columns: Columns | None = None) -> History:
    n = n_won + n_lost
    rng = np.random.default_rng(0)
    order = rng.permutation(n)
    kinds = np.array([OutcomeType.WON] * n_won + [OutcomeType.LOST] * n_lost)[order]
    sign = np.where(kinds == OutcomeType.WON, 1.0, 0.0)
    if columns is None:
        columns = {"attributes.score": (sign + rng.normal(0, 1, n)).tolist()}
    return History(
        source="untimed",
        lead_ids=[str(i) for i in range(n)],
        moments=np.datetime64("2026-01-01", "us") + np.arange(n).astype("timedelta64[m]"),
        columns=columns,
        events=[OutcomeEvent(lead_id=str(i), type=kind) for i, kind in enumerate(kinds)],
        has_times=False,
    )


def p_conversion(model: FittedModel, history: History) -> np.ndarray:
    table = score_columns(
        model.bundle,
        history.columns,
        n_leads=history.n_leads,
        policy=ScoringPolicy(),
        scored_at=NOW,
        explain=False,
    )
    return table.p_conversion


class TestEnough:
    @pytest.mark.parametrize(
        ("n_won", "n_lost"), [(0, 0), (0, 500), (500, 0), (1, 200), (39, 200), (200, 39)]
    )
    def test_too_few_on_either_side_is_refused_with_the_numbers(
        self, n_won: int, n_lost: int
    ) -> None:
        with pytest.raises(NotEnoughDataError) as refused:
            fit(untimed(n_won, n_lost))

        message = str(refused.value)
        assert f"{n_won} leads are known to be won and {n_lost} not to be" in message
        assert "40 of each" in message
        assert "written rules" in message

    def test_41_of_each_are_learned_from(self) -> None:
        model = fit(untimed(41, 41))

        assert model.bundle.conversion is not None
        assert model.bundle.summary["n_won"] == 41

    def test_all_leads_young_is_refused_not_taken_for_failure(self, wins_only: MakeHistory) -> None:
        history = wins_only(600, n_days=400)
        young = replace(history, moments=history.moments[-1] + np.zeros(600, "timedelta64[us]"))

        with pytest.raises(NotEnoughDataError, match="600 open"):
            fit(replace(young, events=[]))

    def test_leads_that_nobody_worked_are_no_negatives(self) -> None:
        history = untimed(60, 60)
        worked = [
            OutcomeEvent(lead_id=event.lead_id, type=OutcomeType.CONTACTED)
            for event in history.events
            if event.type is OutcomeType.WON
        ]
        only_wins = [event for event in history.events if event.type is OutcomeType.WON]

        with pytest.raises(NotEnoughDataError, match="60 never worked"):
            fit(replace(history, events=[*only_wins, *worked]))

    def test_excluded_leads_do_not_count(self) -> None:
        history = untimed(60, 60)
        spam = [OutcomeEvent(lead_id=i, type=OutcomeType.SPAM) for i in history.lead_ids]

        with pytest.raises(NotEnoughDataError, match="120 excluded"):
            fit(replace(history, events=[*history.events, *spam]))


class TestOddColumns:
    def test_empty_and_constant_columns_alone_are_refused(self) -> None:
        columns: Columns = {"company.industry": [None] * 120, "source": ["webinar"] * 120}

        with pytest.raises(NotEnoughDataError, match="none of the 2 columns tells leads apart"):
            fit(untimed(60, 60, columns))

    def test_beside_a_useful_column_they_are_left_out_and_named(self) -> None:
        history = untimed(60, 60)
        history.columns["company.industry"] = [None] * 120
        history.columns["source"] = ["webinar"] * 120

        model = fit(history)

        assert {"company.industry", "source"} <= set(model.bundle.encoder.dropped)
        assert any("company.industry, source" in note for note in model.notes)

    def test_a_column_of_50_000_different_values_neither_helps_nor_hurts(self) -> None:
        n = 50_000
        history = untimed(n // 5, n - n // 5)
        history.columns["attributes.id"] = [f"id-{i}" for i in range(n)]

        model = fit(history)

        assert "attributes.id" in model.bundle.encoder.dropped
        assert model.bundle.encoder.width < 10

    def test_a_column_that_only_tells_the_time_is_left_out(self, wins_only: MakeHistory) -> None:
        history = wins_only()
        history.columns["attributes.campaign_number"] = [i // 30 for i in range(1_500)]

        model = fit(history)

        assert "attributes.campaign_number" in model.bundle.encoder.dropped
        assert any("tell when a lead came" in note for note in model.notes)

    def test_the_row_order_of_a_history_without_times_is_no_feature(self) -> None:
        history = untimed(200, 200)
        history.columns["created_at"] = [
            (NOW + timedelta(hours=i)).isoformat() for i in range(history.n_leads)
        ]

        model = fit(history)

        assert model.bundle.encoder.feature_names == ("attributes.score",)


class TestWinsOnly:
    def test_heads_are_not_invented(self, wins_only: MakeHistory) -> None:
        model = fit(wins_only())

        assert set(model.not_learnable) == set(Head)
        assert not model.bundle.heads
        assert all("scored by rules" in why for why in model.not_learnable.values())

    def test_probabilities_follow_the_leads_that_win(self, wins_only: MakeHistory) -> None:
        history = wins_only(3_000, seed=1)
        model = fit(history)

        p = p_conversion(model, history)
        is_referral = np.array([value == "referral" for value in history.columns["source"]])
        is_list = np.array([value == "list" for value in history.columns["source"]])

        assert p[is_referral].mean() > 2 * p[is_list].mean()

    def test_young_leads_do_not_pull_the_level_down(self, wins_only: MakeHistory) -> None:
        whole = wins_only(4_000, n_days=400, seed=2)
        cut = 60.0
        early = whole.take(
            np.flatnonzero(whole.moments < whole.moments[0] + np.timedelta64(60, "D"))
        )
        as_of = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=cut)

        p = p_conversion(fit(early, as_of=as_of), early)
        won_ever = len(early.events) / early.n_leads
        won_by_then = (
            sum(event.occurred_at <= as_of for event in early.events if event.occurred_at)
            / early.n_leads
        )

        assert won_by_then < 0.85 * won_ever
        assert p.mean() == pytest.approx(won_ever, rel=0.2)

    def test_without_times_and_losses_every_other_lead_counts_as_not_won(self) -> None:
        history = untimed(60, 140)
        wins = [event for event in history.events if event.type is OutcomeType.WON]

        model = fit(replace(history, events=wins, recorded=Recorded(losses=False)))

        assert model.bundle.summary["n_not_won"] == 140
        assert any("neither losses nor times" in note for note in model.notes)

    def test_amounts_are_learned_from_wins(self, wins_only: MakeHistory) -> None:
        history = wins_only(3_000, seed=1)
        model = fit(history)

        leads = model.bundle.encoder.encode(history.columns, n_leads=history.n_leads)
        amount = model.bundle.predictor.predict(leads, explain=False).amount_usd
        is_chief = np.array([v == "c_level" for v in history.columns["contact.seniority"]])

        assert amount[is_chief].mean() > 1.5 * amount[~is_chief].mean()


class TestFunnel:
    def test_all_heads_and_the_way_to_the_win_are_learned(self, funnel: MakeHistory) -> None:
        model = fit(funnel())

        assert set(model.bundle.heads) == set(Head)
        assert model.bundle.conversion is not None
        assert model.bundle.conversion.heads_weight > 0
        assert not model.not_learnable

    def test_a_head_without_reasons_is_left_to_the_rules(self, funnel: MakeHistory) -> None:
        history = funnel()
        events = [e for e in history.events if e.reason is None or e.reason.value != "no_budget"]

        model = fit(replace(history, events=events))

        assert set(model.not_learnable) == {Head.BUDGET}
        assert set(model.bundle.heads) == {Head.FIT, Head.AUTHORITY}
        assert model.bundle.conversion is not None
        assert model.bundle.conversion.stage_weight > 0

    def test_a_bundle_scores_the_same_after_its_files(self, funnel: MakeHistory) -> None:
        history = funnel()
        model = fit(history)

        read_back = replace(model, bundle=bundle_from_files(bundle_files(model.bundle)))

        np.testing.assert_array_equal(
            p_conversion(model, history), p_conversion(read_back, history)
        )

    def test_the_same_data_and_seed_give_the_same_bundle(self, funnel: MakeHistory) -> None:
        one, other = (bundle_files(fit(funnel()).bundle) for _ in range(2))

        assert one == other

    def test_later_events_change_nothing(self, funnel: MakeHistory) -> None:
        history = funnel()
        as_of = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=400)
        (rows,) = np.nonzero(history.moments <= np.datetime64(as_of.replace(tzinfo=None)))
        known = [e for e in history.events if e.occurred_at and e.occurred_at <= as_of]

        one = bundle_files(fit(history.take(rows), as_of=as_of).bundle)
        other = bundle_files(fit(replace(history, events=known).take(rows), as_of=as_of).bundle)

        assert one == other

    def test_leads_that_are_still_to_come_change_no_weight(self, wins_only: MakeHistory) -> None:
        history = wins_only()
        as_of = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=300)
        (rows,) = np.nonzero(history.moments <= np.datetime64(as_of.replace(tzinfo=None)))
        settings = FitSettings(half_life_share=0.2)

        cut, whole = (
            fit_bundle(h, as_of=as_of, version="v1", created_at=NOW, settings=settings).bundle
            for h in (history.take(rows), history)
        )

        assert cut.conversion is not None
        assert whole.conversion is not None
        assert cut.conversion.as_dict() == whole.conversion.as_dict()
        recency = whole.summary["recency"]
        assert isinstance(recency, dict)
        assert recency["half_life"] == pytest.approx(0.2 * 300, rel=0.02)

    def test_of_a_long_history_the_newest_known_leads_are_read(
        self, wins_only: MakeHistory
    ) -> None:
        history = wins_only(800, n_days=300)
        as_of = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=240)
        n_known = int((history.moments <= np.datetime64(as_of.replace(tzinfo=None))).sum())

        model = fit(history, as_of=as_of, settings=FitSettings(max_leads=500))

        assert 500 < n_known < 800
        assert model.history.lead_ids == history.lead_ids[n_known - 500 : n_known]
        assert model.bundle.summary["n_older_left_out"] == n_known - 500
        assert f"only the newest 500 of {n_known} leads were learned from" in model.notes

    @pytest.mark.parametrize("has_heads", [False, True])
    def test_rows_without_an_order_may_be_sorted_by_outcome(
        self, has_heads: bool, funnel: MakeHistory, won_or_lost: MakeHistory
    ) -> None:
        history = funnel(2_000) if has_heads else won_or_lost(1_200)
        events = [event.model_copy(update={"occurred_at": None}) for event in history.events]
        history = replace(history, events=events, has_times=False, is_ordered=False)
        won = {event.lead_id for event in events if event.type is OutcomeType.WON}
        wins_first = np.argsort([lead not in won for lead in history.lead_ids], kind="stable")
        by_outcome = replace(history.take(wins_first), moments=history.moments)

        model = fit(by_outcome)

        worked = model.labels.is_worked
        rate = model.labels.is_won[worked].mean()
        p = p_conversion(model, model.history)[worked]
        assert p.mean() == pytest.approx(rate, rel=0.1)

    def test_a_conflict_recorded_later_is_not_noted(self, wins_only: MakeHistory) -> None:
        history = wins_only()
        won = history.events[0]
        as_of = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=300)
        lost = {"type": OutcomeType.LOST, "occurred_at": as_of + timedelta(days=1)}
        history = replace(history, events=[*history.events, won.model_copy(update=lost)])

        early, late = (" ".join(fit(history, as_of=at).notes) for at in (as_of, None))

        assert "as won and as lost" not in early
        assert "1 lead(s) are recorded as won and as lost" in late


def test_a_fit_does_not_spin_on_cores_that_its_caller_did_not_limit(funnel: MakeHistory) -> None:
    history = funnel(3_000)
    fit(history)  # imports are done

    def cpu_seconds(n_threads: int) -> float:
        with threadpool_limits(limits=n_threads):
            began = process_time()
            fit(history)
            return process_time() - began

    assert cpu_seconds(2) < 2 * cpu_seconds(1)


def test_the_chosen_learners_are_said_with_their_losses(funnel: MakeHistory) -> None:
    model = fit(funnel(3_000))

    (note,) = [note for note in model.notes if note.startswith("learners chosen on later leads")]
    stages = model.bundle.summary["stages"]
    assert isinstance(stages, dict)
    for stage in model.stages:
        told = stages[stage.name]
        assert told["recipe"] == stage.chosen.recipe
        if told["validation_log_loss"]:
            assert f"{stage.name} by {stage.chosen.recipe}" in note
