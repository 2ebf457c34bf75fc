import math
import sqlite3
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from leadqual.errors import ConfigError, InputError, StoreError
from leadqual.learning.settings import FitSettings, Learners
from leadqual.outcomes.history import History
from leadqual.qualify.bundle import ModelBundle
from leadqual.services.effort import StageClock
from leadqual.services.histories import HistorySource, load_history, read_store_history
from leadqual.services.importing import ImportRequest, import_file
from leadqual.services.retraining import retrain
from leadqual.services.training import Trained, TrainingChoices, train, train_loaded
from leadqual.services.tuning import (
    LearnersFound,
    Past,
    follow_champion,
    tune_for,
)
from leadqual.services.workshop import Workshop, call_of_operator
from leadqual.testing import make_bundle

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FEW_SECONDS = 0.05
TUNED = Learners(ridges=(9.0, 30.0, 90.0), n_trees=50)

WriteExport = Callable[..., ImportRequest]
OpenBare = Callable[[Path], AbstractContextManager[Workshop]]


def ignore(_step: str) -> None:
    pass


def make_past(history: History, champion: ModelBundle | None = None) -> Past:
    return Past(history, as_of=None, settings=FitSettings(), champion=champion)


@pytest.fixture(scope="module")
def history(
    tmp_path_factory: pytest.TempPathFactory, write_export: WriteExport, open_bare: OpenBare
) -> History:
    folder = tmp_path_factory.mktemp("tuning")
    with open_bare(folder / "home") as workshop:
        import_file(workshop, write_export(folder / "crm", n_leads=500), now=NOW)
        return read_store_history(workshop.store, as_of=None)


@pytest.mark.parametrize("minutes", [0.0, -1.0, math.nan, math.inf, -math.inf, 1440.1, 1e9])
def test_minutes_that_mean_nothing_are_refused(minutes: float) -> None:
    with pytest.raises(InputError, match="a number of minutes above 0 and at most 1440"):
        tune_for(minutes, home=Path("home"), on_step=ignore)


def tune(
    history: History, home: Path, *, minutes: float = 60, max_trials: int = 0
) -> LearnersFound:
    find = tune_for(minutes, home=home, on_step=ignore, max_trials=max_trials)
    return find(make_past(history))


def n_trials(found: LearnersFound) -> int:
    assert found.record is not None
    n = found.record["n_trials"]
    assert isinstance(n, int)
    return n


def first_of(history: History, share: float) -> History:
    return history.take(np.arange(round(history.n_leads * share)))


def test_trials_are_kept_for_the_next_run_on_the_same_data(
    history: History, tmp_path: Path
) -> None:
    first = tune(history, tmp_path)
    again = tune(history, tmp_path, max_trials=1)
    nothing_new = tune(history, tmp_path, minutes=1e-6)
    other = tune(first_of(history, 0.9), tmp_path, minutes=1e-6)

    assert (tmp_path / "tuning.db").stat().st_mode & 0o077 == 0
    assert [n_trials(found) for found in (first, again, nothing_new, other)] == [0, 1, 1, 0]
    assert other.remark is not None
    assert "give more minutes" in other.remark
    assert first.record is not None
    assert str(first.record["until"]).startswith("2026-")


def test_damaged_database_of_trials_is_an_error_that_says_what_to_do(
    history: History, tmp_path: Path
) -> None:
    (tmp_path / "tuning.db").write_bytes(b"this is no database at all " * 100)

    with pytest.raises(StoreError, match="move it away"):
        tune(history, tmp_path)


def test_database_of_another_optuna_is_an_error_that_says_what_to_do(
    history: History, tmp_path: Path
) -> None:
    tune(history, tmp_path, minutes=1e-6)
    with closing(sqlite3.connect(tmp_path / "tuning.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")

    with pytest.raises(ConfigError, match=r"Move tuning\.db away"):
        tune(history, tmp_path)


def test_without_optuna_tuning_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)

    with pytest.raises(ConfigError, match="pip install"):
        tune_for(FEW_SECONDS, home=tmp_path, on_step=ignore)


def test_too_little_to_judge_by_keeps_the_defaults_and_says_why(
    history: History, tmp_path: Path
) -> None:
    found = tune(first_of(history, 0.2), tmp_path)

    assert found.learners == Learners()
    assert found.remark is not None
    assert found.remark.startswith("not tuned: ")


def test_history_without_order_is_tuned_in_each_fold(history: History, tmp_path: Path) -> None:
    unordered = replace(history, has_times=False, is_ordered=False)

    found = tune(unordered, tmp_path, minutes=1e-6)

    assert len(found.of_folds) == 5
    assert found.remark is not None
    assert "each of 5 judged folds within its own training rows" in found.remark


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {"learners": TUNED.as_dict()},
        {"learners": TUNED.as_dict(), "tuning": {"is_tuned": False, "remark": "nothing better"}},
        {"learners": {"n_trees": "many"}, "tuning": {"is_tuned": True, "remark": "tuned"}},
        {"learners": TUNED.as_dict(), "tuning": "tuned"},
    ],
    ids=["older", "defaults", "nothing better", "unreadable", "no record"],
)
def test_champion_that_was_not_tuned_hands_nothing_on(
    history: History, summary: dict[str, object]
) -> None:
    champion = replace(make_bundle(), summary=summary)

    found = follow_champion(make_past(history, champion))

    assert found == LearnersFound(Learners())


def test_tuned_learners_are_handed_on_with_the_name_of_who_they_were_tuned_for(
    history: History,
) -> None:
    record = {"is_tuned": True, "remark": "tuned in 9 trials", "tuned_for": "2026-01-01-1"}
    champion = replace(make_bundle(), summary={"learners": TUNED.as_dict(), "tuning": record})

    found = follow_champion(make_past(history, champion))

    assert found.learners == TUNED
    assert found.remark == "learners as tuned for model 2026-01-01-1"


def test_training_writes_down_how_its_learners_came_to_be(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    with open_bare(tmp_path / "home") as workshop:
        import_file(workshop, write_export(tmp_path / "crm", n_leads=500), now=NOW)
        trained = train(
            workshop, HistorySource(), now=NOW, tune_minutes=FEW_SECONDS, on_step=ignore
        )
        manifest = workshop.registry.manifest(trained.version)
        summary = workshop.registry.load(trained.version).summary
        card = workshop.registry.document(trained.version, "card.md")

    assert trained.tuning is not None
    remark = str(trained.tuning["remark"])
    assert remark in trained.summary()
    assert f"Learners: {remark}." in card
    assert summary["tuning"] == trained.as_dict()["tuning"] == manifest.metadata["tuning"]
    assert summary["learners"] == manifest.metadata["learners"]


def test_retraining_goes_on_with_the_learners_of_a_tuned_champion(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    def find(_past: Past) -> LearnersFound:
        return LearnersFound(TUNED, record={"is_tuned": True, "remark": "tuned in 9 trials"})

    with open_bare(tmp_path / "home") as workshop:
        first = train_with(workshop, write_export(tmp_path / "crm", n_leads=500, n_known=400), find)
        workshop.models.promote(first.version, call=call_of_operator(NOW), force_reason="first")
        import_file(workshop, write_export(tmp_path / "crm", n_leads=500), now=NOW)
        version = retrain(workshop, now=NOW, on_step=ignore).version
        assert version is not None
        summary = workshop.registry.load(version).summary
        card = workshop.registry.document(version, "card.md")

    assert summary["learners"] == TUNED.as_dict()
    assert f"learners as tuned for model {first.version}" in card


def train_with(
    workshop: Workshop, request: ImportRequest, find: Callable[[Past], LearnersFound]
) -> Trained:
    import_file(workshop, request, now=NOW)
    loaded = load_history(workshop.store, HistorySource(), now=NOW)
    choices = TrainingChoices(find_learners=find)
    return train_loaded(
        workshop, loaded, as_of=None, now=NOW, choices=choices, clock=StageClock(ignore)
    )
