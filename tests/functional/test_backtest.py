"""`leadqual backtest` as a person runs it: a page, numbers, and going on where it was."""

import json
from pathlib import Path

import numpy as np
import pytest

from leadqual.cli import main

MAPPING = """
source: calls
motion: outbound
lead:
  external_id: {row: true}
  created_at: {order: file}
attributes: [kind, size]
outcomes:
  - {type: won, where: {column: y, in: ["yes"]}}
  - {type: lost, where: {column: y, in: ["no"]}}
"""


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("LEADQUAL_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(3)
    kind, size = rng.integers(0, 4, 700), rng.integers(1, 90, 700)
    won = rng.random(700) < 1 / (1 + np.exp(1.2 - 1.1 * (kind == 2) - 0.02 * size))
    rows = [f"{k},{s},{'yes' if w else 'no'}" for k, s, w in zip(kind, size, won, strict=True)]
    (tmp_path / "calls.csv").write_text("\n".join(["kind,size,y", *rows]) + "\n")
    (tmp_path / "calls.yaml").write_text(MAPPING)
    data = ["--data", str(tmp_path / "calls.csv"), "--mapping", str(tmp_path / "calls.yaml")]
    return ["backtest", *data, "--every", "200rows", "--first", "300rows"]


def test_a_second_run_goes_on_from_kept_steps_and_says_the_same(
    export: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main([*export, "--json", "--html", str(page)]) == 0
    first = json.loads(capsys.readouterr().out)
    damaged, kept = sorted(tmp_path.rglob("step-*.json"))
    damaged.write_text(damaged.read_text()[:99])
    kept_at = kept.stat().st_mtime_ns

    assert main([*export, "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == first
    assert kept.stat().st_mtime_ns == kept_at
    assert [step["n_judged"] for step in first["steps"]] == [200, 200]
    assert [point["first_start"] for point in first["curve"]] == ["row 300", "row 500"]
    assert first["curve"][1]["metrics"] == first["steps"][1]["metrics"]
    assert first["pooled"]["leadqual, retrained"]["auc"]["value"] > 0.55
    assert set(first["retrained_minus"]) == set(first["pooled"]) - {"leadqual, retrained"}
    assert page.read_text().startswith("<!doctype html>")


def test_what_cannot_be_done_is_said_before_any_work(
    export: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*export, "--jobs", "0"]) == 1
    assert main([*export, "--html", str(tmp_path)]) == 1
    assert main([*export[:-4], "--every", "7d"]) == 1

    said = capsys.readouterr().err
    assert "--jobs must be a number" in said
    assert "Is a directory" in said
    assert "give --every and --first in rows" in said
    assert not list(tmp_path.rglob("step-*"))
