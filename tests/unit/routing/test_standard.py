import json
from datetime import date
from importlib.resources import files

import pytest

from leadqual.errors import StandardError
from leadqual.leads.plain_yaml import read_plain_yaml
from leadqual.qualify.score import Head
from leadqual.routing.standard import (
    default_standard,
    default_standard_text,
    load_standard,
    parse_standard,
)

DEFAULT = default_standard_text()


def changed(old, new):
    assert old in DEFAULT
    return DEFAULT.replace(old, new)


def test_the_packaged_standard_is_complete_and_feeds_scoring():
    standard = default_standard()

    assert standard.agreed_on == date(2026, 11, 21)
    assert set(standard.scoring_policy.heads) == set(Head)
    assert standard.scoring_policy.grade_bands[0] == ("A", 90)


def test_thresholds_and_grades_of_the_file_reach_the_scoring_policy():
    text = changed(
        "fit: {yes_at_least: 0.60, no_at_most: 0.35}", "fit: {yes_at_least: 0.8, no_at_most: 0.1}"
    ).replace("{A: 90, B: 70, C: 40, D: 0}", "{A: 95, B: 60, C: 0}")

    policy = parse_standard(text).scoring_policy

    assert (policy.heads[Head.FIT].yes, policy.heads[Head.FIT].no) == (0.8, 0.1)
    assert policy.grade_bands == (("A", 95), ("B", 60), ("C", 0))


def test_the_packaged_standard_reads_the_same_without_yaml():
    text = default_standard_text()
    packaged = files("leadqual.routing").joinpath("default_standard.json").read_text("utf-8")

    assert json.loads(packaged) == read_plain_yaml(text)
    assert parse_standard(text) == parse_standard(f"{text}# read as YAML\n")


def test_the_store_may_give_the_version():
    assert parse_standard(DEFAULT, version=12).version == 12


def test_times_need_no_quotes():
    text = changed('"17:30"', "17:30")

    assert parse_standard(text) == default_standard()


def test_a_setting_given_twice_is_refused():
    with pytest.raises(StandardError, match="given twice"):
        parse_standard(DEFAULT + "\nname: another\n")


def test_a_problem_is_said_in_our_words_alone():
    text = changed("check_order: [fit, authority, need, budget]", "check_order: [fit, fit]")
    text = text.replace('"17:30"', '"33:30"')

    with pytest.raises(StandardError) as refused:
        parse_standard(text)

    assert "Value error" not in str(refused.value)


def test_a_standard_is_read_from_a_file(tmp_path):
    path = tmp_path / "standard.yaml"
    path.write_text(DEFAULT, encoding="utf-8")

    assert load_standard(path) == default_standard()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (changed("name: default", "nom: default"), "nom"),
        (changed("owner: unassigned ", "other: x "), "owner"),
        (changed("min_percentile: 40", "min_percentile: 400"), "cut.min_percentile"),
        (changed("mode: thresholds", "mode: guess"), "cut.mode"),
        (changed("time_zone: UTC", "time_zone: Mars/Base"), "business_hours.time_zone"),
        (changed("time_zone: UTC", "time_zone: ../../etc/passwd"), "business_hours.time_zone"),
        (changed('"17:30"', "half past five"), "business_hours.closes"),
        (changed('"17:30"', '"08:30"'), "opens must be before closes"),
        (changed("[fit, authority, need, budget]", "[fit, need, budget]"), "check_order"),
        (changed("{A: 90, B: 70, C: 40, D: 0}", "{A: 70, B: 90, C: 40, D: 0}"), "grades"),
        (changed("{A: 90, B: 70, C: 40, D: 0}", "{A: 90, B: 70, C: 40}"), "grades"),
        (changed("call_now_grades: [A]", "call_now_grades: [S]"), "approach.call_now_grades"),
        (changed("sdr: {A: 240, default: 480}", "sdr: {A: 240}"), "sla_minutes.sdr"),
        (changed("sdr: {A: 240, default: 480}", "sdr: {Z: 1, default: 9}"), "sla_minutes.sdr"),
        (changed("typical_value_usd: 250.0", "typical_value_usd: .nan"), "typical_value_usd"),
        (changed("half_life_days: 7.0", "half_life_days: .inf"), "half_life_days"),
        (changed("nurture: 0.05", "nurture: 5"), "exploration.nurture"),
        (
            changed(
                "{yes_at_least: 0.60, no_at_most: 0.35}", "{yes_at_least: 0.3, no_at_most: 0.3}"
            ),
            "no_at_most must be below",
        ),
    ],
)
def test_a_malformed_standard_is_refused_with_the_place(text, place):
    with pytest.raises(StandardError, match=place):
        parse_standard(text)


def test_all_problems_are_said_at_once():
    text = changed("min_percentile: 40", "min_percentile: -1").replace(
        "mode: thresholds", "mode: x"
    )

    with pytest.raises(StandardError) as refused:
        parse_standard(text)

    assert "cut.min_percentile" in str(refused.value)
    assert "cut.mode" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a list",
        "just text",
        "a: [",
        "a: *unknown",
        "[" * 500,
        "a: " + "{a: " * 30,
        "x" * 100_000,
        "agreed_on: 2026-13-45",
        "a: !!python/object/apply:os.getcwd []",
        "a: \x00",
    ],
)
def test_text_that_is_no_standard_is_refused(text):
    with pytest.raises(StandardError):
        parse_standard(text)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "standard.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(StandardError, match="UTF-8"):
        load_standard(path)
    with pytest.raises(StandardError, match="cannot be read"):
        load_standard(tmp_path / "absent.yaml")
