from datetime import UTC, datetime

import pytest

from leadqual.leads.schema import Scalar
from leadqual.qualify.bundle import bundle_files, bundle_from_files
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.rules import rules_bundle
from leadqual.qualify.score import LeadScore, ScoredBy
from leadqual.qualify.scoring import score_columns

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def score(**fields: Scalar) -> LeadScore:
    """Score one lead by the rules; `a__b` stands for the field `a.b`."""
    columns = {name.replace("__", "."): [value] for name, value in fields.items()}
    table = score_columns(None, columns, n_leads=1, policy=ScoringPolicy(), scored_at=NOW)
    return table.row(0)


def test_a_lead_of_whom_nothing_is_known_is_unknown_on_every_head():
    found = score()

    assert set(found.heads.values()) == {"unknown"}
    assert found.scored_by is ScoredBy.RULES
    assert set(found.heads_scored_by.values()) == {ScoredBy.RULES}
    assert found.model_version == "rules"


@pytest.mark.parametrize(
    ("better", "worse", "answer"),
    [
        ({"contact__seniority": "c_level"}, {"contact__seniority": "manager"}, "p_authority"),
        ({"contact__seniority": "manager"}, {"contact__seniority": "intern"}, "p_authority"),
        ({"contact__seniority": None}, {"contact__seniority": "intern"}, "p_authority"),
        (
            {"interest__is_decision_maker": True},
            {"interest__is_decision_maker": False},
            "p_authority",
        ),
        ({"company__n_employees": 200}, {"company__n_employees": 3}, "p_fit"),
        ({"is_free_mail": False}, {"is_free_mail": True}, "p_fit"),
        ({"interest__budget_usd": 20_000}, {"interest__budget_usd": 19_999}, "p_budget"),
        ({"interest__budget_usd": None}, {"interest__budget_usd": 500}, "p_budget"),
        ({"company__annual_revenue_usd": 5e8}, {"company__annual_revenue_usd": 5e5}, "p_budget"),
        ({"interest__timeline_days": 14}, {"interest__timeline_days": 300}, "p_conversion"),
        ({"motion": "inbound"}, {"motion": "outbound"}, "p_conversion"),
        ({"engagement__n_page_views": 20}, {"engagement__n_page_views": 1}, "p_conversion"),
    ],
)
def test_each_rule_counts_the_way_it_is_written(
    better: dict[str, Scalar], worse: dict[str, Scalar], answer: str
):
    assert getattr(score(**better), answer) > getattr(score(**worse), answer)


def test_a_strong_lead_is_graded_above_a_weak_one_and_says_why():
    strong = score(
        contact__seniority="c_level",
        company__n_employees=400,
        interest__budget_usd=80_000,
        interest__timeline_days=20,
        is_free_mail=False,
        motion="inbound",
    )
    weak = score(contact__seniority="intern", is_free_mail=True, motion="outbound")

    assert strong.grade == "A"
    assert weak.grade == "D"
    assert "Budget is 80,000 USD: the written rules count it for budget" in [
        reason.text for reason in strong.reasons
    ]
    assert (
        weak.reasons[0].text == "Job level is intern: the written rules count it against authority"
    )


def test_the_stated_budget_is_the_expected_amount():
    found = score(interest__budget_usd=50_000)

    assert found.expected_value_usd == pytest.approx(found.p_conversion * 50_001)


def test_the_rules_are_a_bundle_like_any_other():
    files = bundle_files(rules_bundle())

    assert bundle_files(bundle_from_files(files)) == files
