"""Finished steps on disk: nothing damaged, foreign or half-written is ever used."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from leadqual.learning.replay.clock import Cadence
from leadqual.learning.replay.steps import StepScores
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import History, Recorded
from leadqual.services.backtest_state import KEPT_BACKTESTS, StepFolder, open_step_folder
from leadqual.services.histories import LoadedHistory, Rejections

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SCORES = StepScores(
    step=3, is_retrained=True, scores={"one": np.array([0.1, 1 / 3])}, shares={"one": 0.9}
)
HISTORY = History(
    source="x",
    lead_ids=["a", "b"],
    moments=np.datetime64("2025-01-01", "us") + np.arange(2) * np.timedelta64(1, "D"),
    columns={"attributes.plan": ["pro", None]},
    events=[
        OutcomeEvent(
            lead_id="a", type=OutcomeType.WON, occurred_at=datetime(2025, 2, 1, tzinfo=UTC)
        )
    ],
)


def opened(
    parent: Path,
    history: History = HISTORY,
    cadence: Cadence | None = None,
    settings: FitSettings | None = None,
) -> StepFolder:
    return open_step_folder(
        parent,
        LoadedHistory(history, "here", Rejections()),
        cadence=cadence or Cadence(),
        settings=settings or FitSettings(),
        now=NOW,
    )


def test_kept_scores_come_back_bit_for_bit(tmp_path: Path) -> None:
    opened(tmp_path).save(SCORES)

    found = opened(tmp_path).load(3)

    assert found is not None
    assert (found.step, found.is_retrained, dict(found.shares)) == (3, True, {"one": 0.9})
    np.testing.assert_array_equal(found.scores["one"], SCORES.scores["one"])
    assert opened(tmp_path).load(2) is None


@pytest.mark.parametrize(
    "other",
    [
        {"history": replace(HISTORY, events=[])},
        {"history": replace(HISTORY, recorded=Recorded(losses=False))},
        {"history": replace(HISTORY, columns={"attributes.plan": ["pro", "starter"]})},
        {"history": replace(HISTORY, has_times=False)},
        {"cadence": Cadence(every_days=7)},
        {"cadence": Cadence(lag_rows=5)},
        {"settings": FitSettings(seed=1)},
    ],
)
def test_other_data_and_other_settings_never_share_steps(
    tmp_path: Path, other: dict[str, object]
) -> None:
    opened(tmp_path).save(SCORES)

    assert opened(tmp_path, **other).load(3) is None  # type: ignore[arg-type] # one of its options


Damage = Callable[[str], str]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:40],
        lambda _text: "",
        lambda _text: "[]",
        lambda _text: "[" * 100_000,
        lambda _text: json.dumps({"scores": {}, "checksum": 3}),
        lambda text: text.replace("0.1", "0.2"),
        lambda text: text.replace("true", "false"),
    ],
)
def test_damaged_files_count_as_absent_and_are_written_anew(tmp_path: Path, damage: Damage) -> None:
    opened(tmp_path).save(SCORES)
    (path,) = tmp_path.rglob("step-0003.json")
    path.write_text(damage(path.read_text()))

    assert opened(tmp_path).load(3) is None
    opened(tmp_path).save(SCORES)
    assert opened(tmp_path).load(3) is not None


def test_a_file_copied_from_another_backtest_is_not_used(tmp_path: Path) -> None:
    opened(tmp_path).save(SCORES)
    other = Cadence(every_days=9)
    opened(tmp_path, cadence=other).save(replace(SCORES, step=4))
    (foreign,) = tmp_path.rglob("step-0003.json")
    (mine,) = tmp_path.rglob("step-0004.json")
    mine.write_bytes(foreign.read_bytes())

    assert opened(tmp_path, cadence=other).load(4) is None


def test_steps_are_private_and_leave_no_other_files(tmp_path: Path) -> None:
    opened(tmp_path / "home" / "backtests").save(SCORES)

    made = list((tmp_path / "home" / "backtests").rglob("*"))
    assert [path.name for path in made if path.is_file()] == ["step-0003.json"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in [tmp_path / "home/backtests", *made])


def test_step_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    unwritable = replace(SCORES, shares={"one": np.nan})

    with pytest.raises(ValueError, match="JSON"):
        opened(tmp_path).save(unwritable)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_process_left_is_removed_once_nobody_can_be_writing_it(
    tmp_path: Path,
) -> None:
    opened(tmp_path).save(SCORES)
    (folder,) = tmp_path.iterdir()
    abandoned, being_written = folder / "a.part", folder / "b.part"
    for part, hours in ((abandoned, 2.0), (being_written, 0.1)):
        part.touch()
        os.utime(part, times=(NOW.timestamp() - 3600 * hours,) * 2)

    opened(tmp_path)

    assert not abandoned.exists()
    assert being_written.exists()


def test_only_the_newest_backtests_keep_their_steps(tmp_path: Path) -> None:
    for days in range(1, KEPT_BACKTESTS + 3):
        opened(tmp_path, cadence=Cadence(every_days=days)).save(SCORES)
    opened(tmp_path, cadence=Cadence(every_days=99))

    assert len(list(tmp_path.iterdir())) < KEPT_BACKTESTS
    assert opened(tmp_path, cadence=Cadence(every_days=KEPT_BACKTESTS + 2)).load(3) is not None
