import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadqual.config import Settings
from leadqual.errors import (
    ConflictError,
    InputError,
    LeakageError,
    NotEnoughDataError,
    TrainingError,
)
from leadqual.registry.lock import hold_training_lock
from leadqual.registry.tracking import is_available
from leadqual.services.evaluating import evaluate
from leadqual.services.histories import HistorySource, read_store_history
from leadqual.services.importing import ImportRequest, import_file
from leadqual.services.training import Trained, train
from leadqual.services.workshop import Workshop, open_workshop

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WriteExport = Callable[..., ImportRequest]
OpenBare = Callable[[Path], AbstractContextManager[Workshop]]


def ignore(_step: str) -> None:
    pass


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training") / "home"


@pytest.fixture(scope="module")
def workshop(home: Path, write_export: WriteExport) -> Iterator[Workshop]:
    with open_workshop(Settings(home=home)) as opened:
        import_file(opened, write_export(home / "crm", n_leads=900), now=NOW)
        yield opened


@pytest.fixture(scope="module")
def trained(workshop: Workshop) -> Trained:
    return train(workshop, HistorySource(), now=NOW, on_step=ignore)


def test_trained_version_is_registered_with_figures_and_the_hash_of_its_data(
    workshop: Workshop, trained: Trained
) -> None:
    manifest = workshop.registry.manifest(trained.version)
    assert trained.version == "2026-11-21-1"
    metrics = manifest.metadata["metrics"]
    assert isinstance(metrics, dict)
    low, auc, high = (metrics[f"conversion.auc{end}"] for end in (".low", "", ".high"))
    assert isinstance(low, float)
    assert isinstance(auc, float)
    assert isinstance(high, float)
    assert 0.5 < low < auc < high < 1
    assert "beside.base_rate.log_loss" in metrics
    assert len(str(manifest.metadata["data_hash"])) == 64
    assert workshop.registry.document(trained.version, "card.md").startswith("# Model 2026-11-21-1")
    assert workshop.registry.document(trained.version, "report.html").startswith("<!doctype html>")
    assert workshop.registry.load(trained.version).version == trained.version


def test_training_names_a_challenger_and_promotes_nothing(
    workshop: Workshop, trained: Trained
) -> None:
    aliases = workshop.models.aliases()

    assert aliases.champion is None
    assert aliases.challenger == trained.version


@pytest.mark.skipif(not is_available(), reason="MLflow is not installed (extra `train`)")
def test_lab_book_has_the_run_and_the_alias(workshop: Workshop, trained: Trained) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(workshop.settings.resolved_tracking_uri)
    run = client.get_run(str(trained.run_id))
    version = client.get_model_version_by_alias("leadqual", "challenger")

    assert run.data.metrics["conversion.auc"] == trained.judgement.metrics()["conversion.auc"]
    assert run.data.metrics["effort.peak_memory_mib"] > 0
    assert run.data.metrics["effort.seconds.fitting"] > 0
    assert run.data.params["origin"] == "store"
    assert run.data.params["data_hash"]
    assert version.run_id == trained.run_id


def test_heads_without_labels_are_said_to_be_scored_by_rules(trained: Trained) -> None:
    assert set(trained.not_learnable) == {"fit", "authority", "budget"}
    assert "scored by rules" in trained.summary()


def test_nobody_who_was_learned_from_stands_in_the_bundle(
    workshop: Workshop, trained: Trained
) -> None:
    history = read_store_history(workshop.store, as_of=None)
    text = b"".join(path.read_bytes() for path in trained.bundle_dir.iterdir())

    assert history.n_leads == 900
    assert b"@c1" not in text
    assert not any(f'"c{number}.example"'.encode() in text for number in range(900))


def test_result_is_json_for_machines(trained: Trained) -> None:
    document = json.loads(json.dumps(trained.as_dict(), allow_nan=False))

    assert document["version"] == trained.version
    assert document["gate"]["promote"] in {True, False}


def test_same_data_gives_the_same_model(workshop: Workshop, trained: Trained, home: Path) -> None:
    again = train(workshop, HistorySource(), now=NOW, on_step=ignore)

    one, two = (workshop.registry.manifest(v.version) for v in (trained, again))
    assert again.version == "2026-11-21-2"
    assert one.metadata["data_hash"] == two.metadata["data_hash"]
    assert one.files["conversion.json"].sha256 == two.files["conversion.json"].sha256


def test_export_can_be_learned_from_without_a_store(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    request = write_export(tmp_path / "crm", n_leads=500)
    source = HistorySource(data=request.data, mapping=request.mapping)

    with open_bare(tmp_path / "home") as empty:
        trained = train(empty, source, now=NOW, on_step=ignore)
        origin = empty.registry.manifest(trained.version).metadata["origin"]
        n_stored = read_store_history(empty.store, as_of=None).n_leads

    assert origin == "crm"
    assert n_stored == 0


def test_training_and_evaluation_say_what_of_an_export_they_could_not_use(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    request = write_export(tmp_path / "crm", n_leads=500)
    with (request.data / "leads.csv").open("a", encoding="utf-8") as stream:
        stream.write("900,someday,p900@c900.example,webinar,10\n")
    with (request.data / "deals.csv").open("a", encoding="utf-8") as stream:
        stream.write("900,lost,2026-06-01T00:00:00Z,\n901,lost,2026-06-01T00:00:00Z,\n")
    source = HistorySource(data=request.data, mapping=request.mapping)

    with open_bare(tmp_path / "home") as workshop:
        trained = train(workshop, source, now=NOW, on_step=ignore)
        evaluated = evaluate(workshop, source, now=NOW, version=None, on_step=ignore)

    rejected = trained.as_dict()["rejected"]
    assert isinstance(rejected, dict)
    assert rejected["n_rows"] == {"leads": 1, "deals": 2}
    assert evaluated.document["rejected"] == rejected
    for text in (trained.summary(), evaluated.text):
        assert "could not be used: 1 of leads, 2 of deals" in text
        assert "2 x lead_id: is the id of no lead" in text
        assert "someday" not in text


def test_leaky_column_stops_training_unless_somebody_answers_for_it(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare
) -> None:
    request = write_export(tmp_path / "crm", n_leads=500)
    won = {
        line.split(",")[0]
        for line in (request.data / "deals.csv").read_text(encoding="utf-8").splitlines()
        if ",won," in line
    }
    lines = (request.data / "leads.csv").read_text(encoding="utf-8").splitlines()
    leaky = [f"{lines[0]},stage"] + [
        f"{line},{'closed' if line.split(',')[0] in won else ''}" for line in lines[1:]
    ]
    (request.data / "leads.csv").write_text("\n".join(leaky), encoding="utf-8")
    with request.mapping.open("a", encoding="utf-8") as stream:
        stream.write("attributes: [stage]\n")
    source = HistorySource(data=request.data, mapping=request.mapping)

    with open_bare(tmp_path / "home") as workshop:
        with pytest.raises(LeakageError, match=r"attributes\.stage"):
            train(workshop, source, now=NOW, on_step=ignore)
        with pytest.raises(InputError, match="empty reason"):
            train(workshop, source, now=NOW, leak_reason="  ", on_step=ignore)
        assert workshop.registry.versions() == ()
        trained = train(workshop, source, now=NOW, leak_reason="known at creation", on_step=ignore)
        card = workshop.registry.document(trained.version, "card.md")
        manifest = json.loads((trained.bundle_dir / "manifest.json").read_text(encoding="utf-8"))

    assert "known at creation" in card
    kept = manifest["metadata"]["leaks_let_through"]["attributes.stage"]
    assert kept.endswith("kept because: known at creation")


@pytest.mark.parametrize("n_leads", [0, 1, 60])
def test_too_little_history_is_an_error_that_registers_nothing(
    tmp_path: Path, write_export: WriteExport, open_bare: OpenBare, n_leads: int
) -> None:
    with open_bare(tmp_path / "home") as workshop:
        if n_leads:
            import_file(workshop, write_export(tmp_path / "crm", n_leads=n_leads), now=NOW)
        with pytest.raises((NotEnoughDataError, TrainingError)):
            train(workshop, HistorySource(), now=NOW, on_step=ignore)

        assert workshop.registry.versions() == ()
        assert workshop.models.aliases().challenger is None


def test_second_training_at_once_is_told_to_wait(workshop: Workshop) -> None:
    with hold_training_lock(workshop.registry.models_dir) as is_first:
        assert is_first
        with pytest.raises(ConflictError, match="another training is running"):
            train(workshop, HistorySource(), now=NOW, on_step=ignore)


def test_lock_of_a_killed_training_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path;"
        "from leadqual.registry.lock import hold_training_lock;"
        "lock = hold_training_lock(Path(sys.argv[1])); print(lock.__enter__(), flush=True);"
        "time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"

    with hold_training_lock(tmp_path) as is_first:
        assert not is_first
    holder.kill()
    holder.communicate()
    time.sleep(0.05)

    with hold_training_lock(tmp_path) as is_first:
        assert is_first
