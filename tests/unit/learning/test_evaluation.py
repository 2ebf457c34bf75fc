"""Evaluation: later leads only, beside the baselines, with honest words."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import numpy as np
import pytest

from leadqual.errors import NotEnoughDataError
from leadqual.learning.card import model_card
from leadqual.learning.evaluation import evaluate
from leadqual.learning.fitting import fit_bundle
from leadqual.learning.gate import judge
from leadqual.learning.judging.coverage import Refused
from leadqual.learning.judging.judged import CHAMPION, OURS, RULES
from leadqual.learning.judging.verdicts import Tone
from leadqual.learning.metrics import Interval
from leadqual.learning.protocol import plan_protocol
from leadqual.learning.report import EvaluationReport
from leadqual.learning.report_html import render
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.maturity import read_maturity
from leadqual.qualify.score import Head

MakeHistory = Callable[..., History]
NOW = datetime(2026, 11, 21, tzinfo=UTC)
BASELINES = {
    "base rate",
    "logistic regression",
    "LightGBM default",
    "Odoo-like naive Bayes",
    RULES,
}


@pytest.fixture(scope="module")
def skilled(wins_only: MakeHistory) -> EvaluationReport:
    return evaluate(wins_only(4_000, signal=2.0, seed=8), as_of=None, n_resamples=80)


@pytest.fixture(scope="module")
def unskilled(wins_only: MakeHistory) -> EvaluationReport:
    return evaluate(wins_only(2_500, signal=0.0, seed=9), as_of=None, n_resamples=80)


@pytest.fixture(scope="module")
def with_heads(funnel: MakeHistory) -> EvaluationReport:
    return evaluate(funnel(6_000, seed=10), as_of=None, n_resamples=40)


def test_every_predictor_is_judged_on_the_same_leads_with_an_interval(
    skilled: EvaluationReport,
) -> None:
    metrics = skilled.conversion.comparison.metrics

    assert set(metrics) == {OURS, *BASELINES}
    for found in metrics.values():
        assert found["auc"].low <= found["auc"].value <= found["auc"].high
        assert found["log_loss"].low < found["log_loss"].high


def test_skill_is_found_and_said(skilled: EvaluationReport) -> None:
    ranking, probabilities, *_ = skilled.verdicts

    assert skilled.conversion.has_ranking_skill
    assert skilled.conversion.beats_base_rate
    assert ranking.startswith("Ranking works")
    assert probabilities.startswith("Probabilities say more")


def test_no_skill_is_said_in_plain_words(unskilled: EvaluationReport) -> None:
    ranking, probabilities, *_ = unskilled.verdicts

    assert ranking.startswith("No skill in ranking")
    assert probabilities.startswith("No skill in probabilities")


def test_no_skill_is_the_headline_and_the_top_of_the_list_is_named(
    unskilled: EvaluationReport, skilled: EvaluationReport
) -> None:
    tone, headline = unskilled.headline

    assert tone is Tone.BAD
    assert headline.startswith("No skill: ")
    assert any(said.startswith("No skill at the top of the list") for said in unskilled.verdicts)
    assert unskilled.conversion.ours["lift_10"].low <= 1
    assert headline in unescape(render(unskilled)).replace("\u00a0", " ")
    assert skilled.headline[0] is not Tone.BAD
    assert "times as many as chance" in skilled.headline[1]


def test_another_predictor_that_is_clearly_better_is_named(skilled: EvaluationReport) -> None:
    judged = skilled.conversion
    found = judged.comparison
    lost = {
        **found.differences[RULES],
        "log_loss": Interval(0.02, 0.01, 0.03),
        "lift_10": Interval(-0.5, -0.9, -0.1),
    }
    turned = replace(found, differences={**found.differences, RULES: lost})
    beaten = replace(skilled, conversion=replace(judged, comparison=turned))

    assert f"Others do better in log loss ({RULES}) and in lift at 10 % ({RULES})." in (
        beaten.verdicts
    )
    assert not any(f"({RULES})" in said for said in skilled.verdicts)


def test_columns_that_may_know_the_outcome_spoil_the_headline(skilled: EvaluationReport) -> None:
    leaky = replace(skilled, refused=Refused(rows={}, problems={}, leaks={"stage": "ranks alone"}))

    assert leaky.headline[0] is Tone.MIXED
    assert "known only after the outcome" in leaky.headline[1]
    assert any("stage: ranks alone" in said for said in leaky.verdicts)


def test_leads_that_nobody_worked_are_said_to_be_unjudged(with_heads: EvaluationReport) -> None:
    selection = with_heads.selection

    assert selection.n_judged <= selection.n_worked < selection.n_arrived
    assert "were never worked" in selection.text


def test_without_signal_log_loss_is_hardly_worse_than_the_base_rate(
    unskilled: EvaluationReport,
) -> None:
    metrics = unskilled.conversion.comparison.metrics

    ratio = metrics[OURS]["log_loss"].value / metrics["base rate"]["log_loss"].value

    assert ratio < 1.02


def test_the_protocol_says_that_judged_leads_came_later(skilled: EvaluationReport) -> None:
    assert "created before" in skilled.protocol
    assert "knowing only what was recorded by then" in skilled.protocol
    assert skilled.horizon_days in {30, 60, 90}


def test_without_times_the_last_rows_are_judged(won_or_lost: MakeHistory) -> None:
    report = evaluate(won_or_lost(), as_of=None, n_resamples=20)

    assert report.horizon_days is None
    assert "judged on the last 240" in report.protocol


def test_without_order_duplicates_stay_together(won_or_lost: MakeHistory) -> None:
    report = evaluate(won_or_lost(400, is_ordered=False), as_of=None, n_resamples=20)

    assert "cross-validation on 400 leads" in report.protocol
    assert "says nothing about the future" in report.headline[1]
    assert "does not say which leads were worked" in report.selection.text
    assert "exact duplicates" in report.protocol
    assert report.conversion.n_leads == 400


def test_heads_are_judged_on_what_later_leads_turned_out_to_be(
    with_heads: EvaluationReport,
) -> None:
    assert set(with_heads.heads) <= set(Head)
    for head, judged in with_heads.heads.items():
        strict = judged.comparison.metrics["LightGBM on strict labels"]["auc"].value
        assert judged.ours["auc"].value > strict - 0.02, head
    assert set(with_heads.heads) | set(with_heads.heads_not_judged) == set(Head)


def test_a_head_without_skill_is_named_in_report_page_and_card(funnel: MakeHistory) -> None:
    history = funnel(2_500, seed=10)
    # The reasons of the events say something, the columns that are left say nothing.
    rng = np.random.default_rng(1)
    silent = replace(history, columns={"source": list(rng.choice(["a", "b"], history.n_leads))})
    fitted = fit_bundle(silent, as_of=None, version="poor", created_at=NOW)

    report = evaluate(silent, as_of=None, n_resamples=40)

    said = report.heads_without_skill[Head.FIT]
    assert said.startswith("fit: no skill in ranking (the interval of AUC 0.")
    assert "not clearly below the base rate's" in said
    assert said in report.verdicts
    assert said in unescape(render(report))
    limits = model_card(fitted, report).split("## Limits")[1]
    assert f"- {said}" in limits
    assert "were never worked" in limits
    assert "- conversion: no skill" in limits


def test_heads_with_skill_are_not_called_without(with_heads: EvaluationReport) -> None:
    skilled = {
        head
        for head, judged in with_heads.heads.items()
        if judged.has_ranking_skill and judged.beats_base_rate
    }

    assert skilled
    assert skilled.isdisjoint(with_heads.heads_without_skill)


def test_a_report_is_json_without_nan(with_heads: EvaluationReport) -> None:
    document = json.loads(json.dumps(with_heads.as_dict(), allow_nan=False))

    assert document["conversion"]["metrics"][OURS]["auc"]["value"] > 0.5
    assert document["coverage"]["never_worked"] > 0


def test_too_few_matured_wins_to_judge_are_refused_with_the_numbers(
    wins_only: MakeHistory,
) -> None:
    history = wins_only(600, base=-2.3, seed=11)

    with pytest.raises(NotEnoughDataError, match=r"hold \d+ wins"):
        evaluate(history, as_of=None)


def test_the_page_needs_nothing_from_elsewhere(with_heads: EvaluationReport) -> None:
    page = render(with_heads, title="Model <1>")

    assert "Model &lt;1&gt;" in page
    assert page.count("<svg") >= 3
    for forbidden in ("<script", "http://", "https://", "<link", "<img", "@import", "url("):
        assert forbidden not in page


class TestGate:
    def test_a_first_model_with_skill_is_promoted(self, skilled: EvaluationReport) -> None:
        verdict = judge(skilled)

        assert verdict.promote
        assert "no champion to compare with" in verdict.reasons[0]
        assert verdict.numbers["leadqual.auc"] is not None

    def test_a_first_model_without_skill_is_refused(self, unskilled: EvaluationReport) -> None:
        verdict = judge(unskilled)

        assert not verdict.promote
        assert any("no skill in ranking" in reason for reason in verdict.reasons)

    def test_a_better_candidate_replaces_a_champion_from_another_market(
        self, wins_only: MakeHistory
    ) -> None:
        other_market = wins_only(2_000, n_days=150, signal=-1.0, seed=12)
        champion = fit_bundle(other_market, as_of=None, version="old", created_at=NOW).bundle

        report = evaluate(wins_only(4_000, seed=8), as_of=None, champion=champion, n_resamples=80)
        verdict = judge(report)

        assert verdict.promote
        assert CHAMPION in report.conversion.comparison.metrics
        ranking, probabilities = verdict.reasons[1:]
        assert "ranking not worse than the champion" in ranking
        assert "probabilities not worse than the champion" in probabilities

    def test_a_champion_that_is_the_candidate_itself_is_equal_in_every_figure(
        self, wins_only: MakeHistory
    ) -> None:
        # Wins take 60 days: a tenth of them comes after the horizon, so levels are scaled.
        history = wins_only(4_000, n_days=600, delay_days=60, signal=2.0, seed=8)
        labels = label_history(history, as_of=None)
        protocol = plan_protocol(history, labels, read_maturity(labels), seed=0)
        itself = fit_bundle(
            history.take(protocol.folds[0].train),
            as_of=protocol.as_of[0],
            version="itself",
            created_at=NOW,
        ).bundle

        # It does not say until when it knows outcomes, so it is compared.
        report = evaluate(history, as_of=None, champion=replace(itself, summary={}), n_resamples=40)

        differences = report.conversion.comparison.differences[CHAMPION]
        assert all(found.value == found.low == found.high == 0.0 for found in differences.values())

    def test_a_candidate_that_lost_its_best_columns_is_refused_with_the_numbers(
        self, wins_only: MakeHistory
    ) -> None:
        history = wins_only(5_000, n_days=600, signal=1.5, seed=13)
        as_of = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=350)
        (early,) = np.nonzero(history.moments <= np.datetime64(as_of.replace(tzinfo=None)))
        champion = fit_bundle(
            history.take(early), as_of=as_of, version="old", created_at=NOW
        ).bundle
        # The champion still finds its columns, the candidate may not learn from their values.
        rng = np.random.default_rng(0)
        is_early = np.arange(history.n_leads) < 4_000
        for name, values in history.columns.items():
            shuffled = rng.permutation(np.flatnonzero(is_early))
            for to, source in zip(np.flatnonzero(is_early), shuffled.tolist(), strict=True):
                history.columns[name][to] = values[source]

        verdict = judge(evaluate(history, as_of=None, champion=champion, n_resamples=80))

        assert not verdict.promote
        assert any("worse than the champion" in reason for reason in verdict.reasons)
        high = verdict.numbers["minus_champion.auc.high"]
        assert high is not None
        assert high < 0

    def test_a_champion_that_knows_the_answers_is_neither_compared_nor_replaced(
        self, wins_only: MakeHistory
    ) -> None:
        history = wins_only(4_000, signal=2.0, seed=8)
        champion = fit_bundle(history, as_of=None, version="yesterday", created_at=NOW).bundle

        report = evaluate(history, as_of=None, champion=champion, n_resamples=40)
        verdict = judge(report)

        assert CHAMPION not in report.conversion.comparison.metrics
        assert not verdict.promote
        assert "not enough matured leads to compare with model yesterday" in verdict.reasons[0]
        assert "0 of 20 needed were won and 0 of 20 needed were not" in verdict.reasons[0]
        assert verdict.numbers["minus_written_rules.auc.value"] is not None

    def test_a_champion_is_compared_at_a_shorter_horizon_rather_than_not_at_all(
        self, wins_only: MakeHistory
    ) -> None:
        history = wins_only(4_000, n_days=600, delay_days=60, signal=2.0, seed=8)
        # The wanted horizon is 120 days, and nobody came later than training and is that old.
        as_of = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=500)
        (early,) = np.nonzero(history.moments <= np.datetime64(as_of.replace(tzinfo=None)))
        champion = fit_bundle(
            history.take(early), as_of=as_of, version="spring", created_at=NOW
        ).bundle

        report = evaluate(history, as_of=None, champion=champion, n_resamples=40)

        assert CHAMPION in report.conversion.comparison.metrics
        assert report.horizon_days in {30, 60}
        assert f"created before {as_of:%Y-%m-%d}" in report.protocol
        assert judge(report).reasons[0].startswith("compared with the champion, model spring: ")
