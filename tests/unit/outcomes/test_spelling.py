"""Labels are found however they are written, and a slip is not taken for another status."""

import pytest

from leadqual.outcomes.spelling import spell


@pytest.mark.parametrize("text", ["Closed Won", "closed won", " CLOSED  WON "])
def test_case_and_blanks_do_not_matter(text: str) -> None:
    assert spell(["Closed Won"], ["Closed Lost"]).find(text) == "Closed Won"


def test_a_value_of_another_rule_is_that_rules_even_in_another_case() -> None:
    upper, lower = spell(["W"], ["w"]), spell(["w"], ["W"])

    assert upper.find("W") == "W"
    assert upper.find("w") is None
    assert lower.find("w") == "w"


@pytest.mark.parametrize("slip", ["Convertd", "convertted", "CONVETRED", "konverted"])
def test_one_wrong_letter_is_a_slip(slip: str) -> None:
    assert spell(["Converted"]).find(slip) is None
    assert spell(["Converted"]).find_near(slip) == "Converted"


@pytest.mark.parametrize(
    ("named", "other"),
    [
        ("Qualified", "Unqualified"),
        ("Closed Won", "Closed Lost"),
        ("Converted", "Not Converted"),
        ("Stage 3", "Stage 4"),
        ("Plan A", "Plan B"),
        ("Won", "Wan"),
        ("yes", "no"),
    ],
)
def test_another_status_is_no_slip(named: str, other: str) -> None:
    assert spell([named]).find_near(other) is None


def test_what_another_rule_names_is_no_slip() -> None:
    assert spell(["Closed"], ["Close"]).find_near("close") is None
