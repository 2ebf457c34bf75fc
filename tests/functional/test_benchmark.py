"""The benchmark of the learners runs, and its report says what a reader decides by."""

from importlib.util import find_spec

import pytest

from benchmarks.learning.__main__ import main
from benchmarks.learning.real_sets import REAL_DATA
from leadqual.learning.learners.baselines import BASELINES


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("benchmark") / "report.md"
    main(["--quick", "--date", "2026-11-21", "--out", str(out)])
    return out.read_text(encoding="utf-8")


def test_report_has_every_baseline_with_its_paired_difference(report: str) -> None:
    section = report.split("### Simulator, quick: 1 seeds")[1].split("| head |", maxsplit=1)[0]
    found = {line.split(" | ")[0].removeprefix("| "): line for line in section.splitlines()}

    for name in (*BASELINES, "LightGBM tuned"):
        difference = found[name].split(" | ")[-2]
        assert difference[0] in "+-"
        assert abs(float(difference)) > 0.0001


def test_report_is_dated_and_places_us_between_a_usual_tool_and_the_ceiling(report: str) -> None:
    assert report.startswith("## Learning, 2026-11-21\n")
    assert "| conversion | auc | LightGBM tuned | " in report


def test_report_says_when_catboost_is_left_out(report: str) -> None:
    is_left_out = "CatBoost is not installed" in report

    assert is_left_out == (find_spec("catboost") is None)
    assert is_left_out != ("| CatBoost default |" in report)


@pytest.mark.skipif(
    not REAL_DATA.is_dir(),
    reason="the real data sets are not beside the project (../shared/data); nothing to judge on",
)
def test_report_says_whether_we_are_below_the_best_baseline_of_a_real_set(report: str) -> None:
    for metric in ("auc", "log_loss"):
        assert f"- {metric}: not below the best single baseline (" in report
