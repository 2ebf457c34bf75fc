import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from leadqual.config import Settings
from leadqual.leads.schema import RawLead
from leadqual.outcomes.events import OutcomeType
from leadqual.registry.lock import hold_training_lock
from leadqual.services.histories import HistorySource, hash_history, read_store_history
from leadqual.services.importing import ImportRequest, import_file
from leadqual.services.intake import IntakeResult
from leadqual.services.outcomes import Outcome
from leadqual.services.retraining import Ending, retrain
from leadqual.services.serving import Serving
from leadqual.services.training import train
from leadqual.services.workshop import Workshop, call_of_operator, open_workshop
from leadqual.testing import START, make_call, make_raw_lead, make_serving

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
COMMAND = str(Path(sys.executable).with_name("leadqual"))
N_LEADS = 1200

WriteExport = Callable[..., ImportRequest]
OpenBare = Callable[[Path], AbstractContextManager[Workshop]]


def ignore(_step: str) -> None:
    pass


def take_in(serving: Serving, raw: RawLead, *, quarantine: str | None = None) -> IntakeResult:
    future = serving.intake.accept(raw, call=make_call(serving), quarantine=quarantine)
    result = future.result()
    assert isinstance(result, IntakeResult)
    return result


def make_champion(workshop: Workshop, request: ImportRequest) -> str:
    """Let a model serve that has learned from the first half of the history."""
    import_file(workshop, request, now=NOW)
    version = train(workshop, HistorySource(), now=NOW, on_step=ignore).version
    workshop.models.promote(version, call=call_of_operator(NOW), force_reason="the first model")
    return version


def test_first_model_with_skill_is_promoted(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    with open_bare(tmp_path / "home") as workshop:
        import_file(workshop, write_export(tmp_path / "crm", n_leads=N_LEADS), now=NOW)

        done = retrain(workshop, now=NOW, on_step=ignore)

        assert done.ending is Ending.PROMOTED
        assert done.champion == done.version == "2026-11-21-1"
        assert workshop.models.aliases().champion == done.version
        assert any("AUC" in reason for reason in done.reasons)


def test_challenger_that_learned_from_more_outcomes_stands_beside_the_champion(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    with open_bare(tmp_path / "home") as workshop:
        first = write_export(tmp_path / "crm", n_leads=N_LEADS, n_known=N_LEADS // 2)
        champion = make_champion(workshop, first)
        import_file(workshop, write_export(tmp_path / "crm", n_leads=N_LEADS), now=NOW)

        done = retrain(workshop, now=NOW + timedelta(days=1), on_step=ignore)

        assert done.ending is Ending.PROMOTED, done
        assert any("champion" in reason for reason in done.reasons)
        assert workshop.models.aliases().previous == champion


def test_challenger_taught_by_turned_labels_is_refused_with_the_numbers(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    with open_bare(tmp_path / "home") as workshop:
        first = write_export(tmp_path / "crm", n_leads=N_LEADS, n_known=N_LEADS // 2)
        champion = make_champion(workshop, first)
        # Somebody floods the service for two months with outcomes that are the wrong way round.
        flood = range(int(N_LEADS * 0.45), int(N_LEADS * 0.7))
        import_file(
            workshop, write_export(tmp_path / "crm", n_leads=N_LEADS, flipped=flood), now=NOW
        )

        done = retrain(workshop, now=NOW + timedelta(days=1), on_step=ignore)

        aliases = workshop.models.aliases()
        assert done.ending is Ending.REFUSED, done
        assert aliases.champion == done.champion == champion
        assert aliases.challenger == done.version
        assert done.reasons
        assert done.numbers


def test_nothing_new_is_not_learned_twice(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    with open_bare(tmp_path / "home") as workshop:
        import_file(workshop, write_export(tmp_path / "crm", n_leads=N_LEADS), now=NOW)
        first = retrain(workshop, now=NOW, on_step=ignore)

        again = retrain(workshop, now=NOW + timedelta(days=1), on_step=ignore)

        assert again.ending is Ending.UNCHANGED
        assert again.champion == first.version
        assert workshop.registry.versions() == (str(first.version),)


def test_champion_is_not_judged_on_leads_it_has_learned_from(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    with open_bare(tmp_path / "home") as workshop:
        request = write_export(tmp_path / "crm", n_leads=N_LEADS, n_known=N_LEADS - 40)
        champion = make_champion(workshop, request)
        import_file(workshop, write_export(tmp_path / "crm", n_leads=N_LEADS), now=NOW)

        done = retrain(workshop, now=NOW + timedelta(days=1), on_step=ignore)

        assert any(f"compare with model {champion}" in reason for reason in done.reasons)


def test_retraining_that_finds_another_at_work_says_so_and_does_nothing(
    tmp_path: Path, open_bare: OpenBare
) -> None:
    with (
        open_bare(tmp_path / "home") as workshop,
        hold_training_lock(workshop.registry.models_dir) as is_first,
    ):
        done = retrain(workshop, now=NOW, on_step=ignore)

        assert is_first
        assert done.ending is Ending.BUSY
        assert "nothing was done" in done.summary()


def test_later_changes_of_a_lead_do_not_change_what_is_learned(tmp_path: Path) -> None:
    serving = make_serving(tmp_path)
    try:
        accepted = take_in(serving, make_raw_lead(1))
        before = read_store_history(serving.store, as_of=None)

        later = make_raw_lead(1, interest={"budget_usd": 999_999, "product": "enterprise"})
        touched = take_in(serving, later)

        after = read_store_history(serving.store, as_of=None)
        with serving.store.read() as tx:
            now_known = tx.leads.get(accepted.lead_id).lead
        assert touched.lead_id == accepted.lead_id
        assert now_known.interest.budget_usd == 999_999
        assert hash_history(after) == hash_history(before)
        assert "interest.budget_usd" not in after.columns
    finally:
        serving.close()


def test_outcomes_of_worked_leads_and_imported_history_are_learned_from_together(
    tmp_path: Path, write_export: WriteExport
) -> None:
    serving = make_serving(tmp_path, settings=Settings(home=tmp_path))
    try:
        lead = take_in(serving, make_raw_lead(1))
        contacted = Outcome(type=OutcomeType.CONTACTED)
        serving.outcomes.record(lead.lead_id, contacted, call=make_call(serving))
        with open_workshop(Settings(home=tmp_path)) as workshop:
            import_file(workshop, write_export(tmp_path / "crm", n_leads=50), now=NOW)
            history = read_store_history(workshop.store, as_of=None)
    finally:
        serving.close()

    row = list(history.lead_ids).index(lead.lead_id)
    assert history.n_leads == 51
    assert history.moments[row] == np.datetime64(START.replace(tzinfo=None), "us")
    assert history.columns["company.n_employees"][row] == 57
    assert [event.type for event in history.events if event.lead_id == lead.lead_id] == [
        OutcomeType.CONTACTED
    ]


def test_quarantined_leads_never_teach(tmp_path: Path) -> None:
    serving = make_serving(tmp_path)
    try:
        take_in(serving, make_raw_lead(1), quarantine="filled the trap")
        kept = take_in(serving, make_raw_lead(2))

        history = read_store_history(serving.store, as_of=None)
    finally:
        serving.close()

    assert list(history.lead_ids) == [kept.lead_id]


@pytest.fixture
def home(tmp_path: Path, write_export: WriteExport, open_bare: OpenBare) -> Path:
    """Return a deployment with a champion and outcomes that it has not seen."""
    with open_bare(tmp_path / "home") as workshop:
        first = write_export(tmp_path / "crm", n_leads=N_LEADS, n_known=N_LEADS // 2)
        make_champion(workshop, first)
        import_file(workshop, write_export(tmp_path / "crm", n_leads=N_LEADS), now=NOW)
    return tmp_path / "home"


def start_retraining(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, "retrain", "--json"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LEADQUAL_HOME": str(home), "LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_at_once_are_safe_and_the_second_says_so(home: Path) -> None:
    both = [start_retraining(home), start_retraining(home)]

    said = [process.communicate(timeout=200) for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    endings = sorted(json.loads(out)["ending"] for out, _ in said)
    assert endings in (["busy", "promoted"], ["promoted", "unchanged"])
    with open_workshop(Settings(home=home)) as workshop:
        assert len(workshop.registry.versions()) == 2
        champion = workshop.models.aliases().champion
        assert champion is not None
        workshop.registry.load(champion)


def test_retraining_killed_at_any_time_leaves_the_old_champion_and_no_half_version(
    home: Path, open_bare: OpenBare
) -> None:
    with open_bare(home) as workshop:
        champion = workshop.models.aliases().champion
    for seconds in (0.8, 2.0, 3.5, 5.0):
        process = start_retraining(home)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()

        with open_bare(home) as workshop:
            aliases = workshop.models.aliases()
            for version in workshop.registry.versions():
                workshop.registry.load(version)
            # Either it had not come to promoting, or it had done so with a whole version.
            assert aliases.champion is not None
            assert aliases.champion == champion or aliases.previous == champion

    with open_bare(home) as workshop:
        done = retrain(workshop, now=NOW + timedelta(days=1), on_step=ignore)

    assert done.ending in {Ending.PROMOTED, Ending.UNCHANGED}
