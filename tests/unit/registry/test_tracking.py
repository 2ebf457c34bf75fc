from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leadqual.errors import ConfigError
from leadqual.registry.tracking import MODEL_NAME, LabBook, TrainingRecord, is_available

pytestmark = pytest.mark.skipif(
    not is_available(), reason="MLflow is not installed; install the extra `train`"
)
MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('book') / 'home' / 'mlflow.db'}"


def record(book: LabBook, version: str, folder: Path) -> str:
    bundle = folder / version
    bundle.mkdir()
    (bundle / "manifest.json").write_text("{}", encoding="utf-8")
    return book.record(
        TrainingRecord(
            version=version,
            started_at=MOMENT,
            ended_at=MOMENT + timedelta(seconds=90),
            bundle_dir=bundle,
            params={"data_hash": "abc", "long": "x" * 10_000},
            metrics={"auc": 0.7, "auc.low": 0.66, "auc.high": 0.74},
            tags={"git_commit": "c0ffee"},
            documents={"report.html": "<p>report</p>", "card.md": "# card"},
        )
    )


def test_training_is_recorded_with_figures_files_and_a_registered_version(
    uri: str, tmp_path: Path
) -> None:
    from mlflow.tracking import MlflowClient

    run_id = record(LabBook(uri, tmp_path / "artifacts"), "2026-11-21-1", tmp_path)

    client = MlflowClient(uri)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 90_000
    assert run.data.metrics == {"auc": 0.7, "auc.low": 0.66, "auc.high": 0.74}
    assert run.data.params["data_hash"] == "abc"
    assert run.data.tags["git_commit"] == "c0ffee"
    names = {item.path for item in client.list_artifacts(run_id)}
    assert names == {"bundle", "card.md", "report.html"}
    versions = client.search_model_versions(f"run_id = '{run_id}'")
    assert [version.name for version in versions] == [MODEL_NAME]


def test_aliases_follow_ours_and_unknown_versions_are_named(uri: str, tmp_path: Path) -> None:
    book = LabBook(uri, tmp_path / "artifacts")
    record(book, "2026-11-22-1", tmp_path)
    record(book, "2026-11-22-2", tmp_path)

    assert book.mirror_aliases({"champion": "2026-11-22-1", "challenger": "2026-11-22-2"}) == []
    assert book.aliases() == {"champion": "2026-11-22-1", "challenger": "2026-11-22-2"}
    assert book.mirror_aliases({"champion": "1999-01-01-1", "challenger": None}) == ["1999-01-01-1"]
    assert book.aliases() == {"champion": "2026-11-22-1"}


def test_unusable_tracking_store_is_explained_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    broken = LabBook(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}", tmp_path)

    with pytest.raises(ConfigError, match="check MLFLOW_TRACKING_URI"):
        broken.aliases()
    with pytest.raises(ConfigError) as caught:
        LabBook("gopher://ada:secret@127.0.0.1/book", tmp_path).aliases()
    assert "secret" not in str(caught.value)
