from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from leadqual.errors import InputError
from leadqual.outcomes.history import Columns
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.policy import HeadThresholds, ScoringPolicy
from leadqual.qualify.score import Answer, Head, ScoredBy
from leadqual.qualify.scoring import ScoreTable, score_columns

NOW = datetime(2026, 11, 21, tzinfo=UTC)
N = 1_500


def score(
    bundle: ModelBundle | None,
    columns: Columns,
    n_leads: int = N,
    *,
    policy: ScoringPolicy | None = None,
    explain: bool = True,
) -> ScoreTable:
    return score_columns(
        bundle,
        columns,
        n_leads=n_leads,
        policy=policy or ScoringPolicy(),
        scored_at=NOW,
        explain=explain,
    )


def test_a_row_is_a_complete_score(bundle: ModelBundle, columns: Columns):
    row = score(bundle, columns).row(7)

    assert row.model_version == "2026-11-21-1"
    assert row.scored_by is ScoredBy.MODEL
    assert set(row.heads_scored_by) == {"fit", "authority", "budget", "conversion"}
    assert set(row.heads) == set(Head)
    assert row.scored_at == NOW
    assert row.expected_value_usd > 0
    assert 1 <= len(row.reasons) <= 5


def test_percentiles_of_the_training_leads_are_spread_evenly(bundle: ModelBundle, columns: Columns):
    table = score(bundle, columns)

    assert abs(table.percentile.mean() - 49.5) < 1
    share_of_a = table.grade.count("A") / N
    assert 0.09 < share_of_a < 0.12


def test_answers_follow_the_thresholds_of_the_standard(bundle: ModelBundle, columns: Columns):
    strict = ScoringPolicy(heads={head: HeadThresholds(yes=0.9, no=0.1) for head in Head})

    table = score(bundle, columns, policy=strict)

    for index in (0, 1, 2):
        row = table.row(index)
        expected = (
            Answer.YES if row.p_fit >= 0.9 else Answer.NO if row.p_fit <= 0.1 else Answer.UNKNOWN
        )
        assert row.heads[Head.FIT] is expected


def test_grades_follow_the_bands_of_the_standard(bundle: ModelBundle, columns: Columns):
    policy = ScoringPolicy(grade_bands=(("hot", 50), ("cold", 10)))

    table = score(bundle, columns, policy=policy)

    assert {
        (grade == "hot", place >= 50)
        for grade, place in zip(table.grade, table.percentile.tolist(), strict=True)
    } == {(True, True), (False, False)}


def test_what_was_not_learned_is_answered_by_the_rules_and_says_so(
    bundle: ModelBundle, columns: Columns
):
    partial = replace(bundle, heads={Head.FIT: bundle.heads[Head.FIT]}, conversion=None)

    table = score(partial, columns)

    rules, full = score(None, columns), score(bundle, columns)
    assert (table.p_fit == full.p_fit).all()
    assert (table.p_authority == rules.p_authority).all()
    assert (table.p_conversion == rules.p_conversion).all()
    assert table.heads_scored_by == {
        "fit": ScoredBy.MODEL,
        "authority": ScoredBy.RULES,
        "budget": ScoredBy.RULES,
        "conversion": ScoredBy.RULES,
    }
    assert table.scored_by is ScoredBy.MODEL
    for index in range(50):
        for reason in table.reasons(index):
            by_rules = "the written rules" in reason.text
            assert by_rules == (reason.head != "fit")


def test_at_most_three_reasons_for_and_two_against_strongest_first_each_feature_once(
    bundle: ModelBundle, columns: Columns
):
    table = score(bundle, columns)

    for index in range(200):
        reasons = table.reasons(index)
        up = [reason.weight for reason in reasons if reason.direction == "up"]
        down = [reason.weight for reason in reasons if reason.direction == "down"]
        assert len(up) <= 3
        assert len(down) <= 2
        assert all(weight > 0 for weight in up)
        assert all(weight < 0 for weight in down)
        features = [reason.feature for reason in reasons]
        assert len(set(features)) == len(features)


def test_texts_are_those_of_the_reasons(bundle: ModelBundle, columns: Columns):
    table = score(bundle, columns)

    assert table.reason_texts(3) == tuple(reason.text for reason in table.reasons(3))


def test_without_reasons_the_numbers_are_the_same_bits(bundle: ModelBundle, columns: Columns):
    explained, plain = score(bundle, columns), score(bundle, columns, explain=False)

    assert (explained.p_conversion == plain.p_conversion).all()
    assert (explained.expected_value_usd == plain.expected_value_usd).all()
    assert plain.reasons(0) == ()


def test_no_leads_give_an_empty_table(bundle: ModelBundle):
    table = score(bundle, {}, 0)

    assert table.n_leads == 0
    assert table.grade == []


@pytest.mark.parametrize("given", [2, 600])
def test_a_column_of_the_wrong_length_is_refused_before_anything_is_scored(
    bundle: ModelBundle, given: int
):
    with pytest.raises(InputError, match=f"column source has {given} values for 400 leads"):
        score(bundle, {"source": ["webinar"] * given}, 400)


def test_where_limits_overlap_a_yes_counts():
    policy = ScoringPolicy(heads={head: HeadThresholds(yes=0.4, no=0.6) for head in Head})

    is_at_least = np.array([0.39, 0.4, 0.5]) >= policy.limits

    assert is_at_least.sum(axis=0).tolist() == [[0, 2, 2]]


def test_no_is_said_up_to_its_limit_and_yes_from_its_own():
    policy = ScoringPolicy(heads={head: HeadThresholds(yes=0.6, no=0.35) for head in Head})

    is_at_least = np.array([0.35, np.nextafter(0.35, 1.0), 0.6]) >= policy.limits

    assert is_at_least.sum(axis=0).tolist() == [[0, 1, 2]]
