"""The notebook lines of the documentation run as they stand, and give what they promise."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SECTION = re.compile(r"^## In a notebook$(.*?)^## ", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> list[str]:
    section = SECTION.search((ROOT / "docs" / "learning.md").read_text(encoding="utf-8"))
    assert section is not None
    return FENCE.findall(section[1])


@pytest.fixture(autouse=True)
def _in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_one_outcome_in_five_lines() -> None:
    names: dict[str, Any] = {}
    *_, lines = examples()[0].split("\n\n")

    exec(compile(examples()[0], "docs/learning.md", "exec"), names)  # noqa: S102 - our own

    assert len(lines.strip().splitlines()) == 5
    assert names["auc"].mean() > 0.55
    assert names["p"].mean() == pytest.approx(names["y"].mean(), rel=0.2)


def test_everything_that_a_history_knows() -> None:
    names: dict[str, Any] = {}

    exec(compile(examples()[1], "docs/learning.md", "exec"), names)  # noqa: S102 - our own

    scores, y = names["scores"], names["y"]
    assert len(examples()) == 2
    assert len(scores) == len(y) > 1_000
    assert set(y.columns) == {"won_at", "lost_at", "fit", "authority", "budget", "amount_usd"}
    assert scores["p_fit"].mean() == pytest.approx(y["fit"].mean(), rel=0.1)
    assert (scores["reasons"] != "").mean() > 0.9
    assert set(scores["grade"]) == {"A", "B", "C", "D"}
