"""The lab book: MLflow runs, registered versions and aliases. The only importer of MLflow.

It is a record, not a trust boundary: nothing is ever loaded back from it into the server.
MLflow is imported inside functions because it takes seconds.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leadqual.config import (
    Settings,
    keep_mlflow_quiet,
    make_private_file,
    make_private_folder,
)
from leadqual.errors import ConfigError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

MODEL_NAME: Final = "leadqual"
EXPERIMENT: Final = "leadqual"
VERSION_TAG: Final = "leadqual_version"
_MAX_PARAM: Final = 500


@dataclass(frozen=True)
class TrainingRecord:
    """Everything worth knowing about one training.

    Parameters
    ----------
    version : str
        Name of the bundle.
    started_at, ended_at : datetime
        When the training ran (aware).
    params : mapping of str to str
        Settings, data hash, counts.
    metrics : mapping of str to float
        Figures with their interval bounds as `<name>.low` and `<name>.high`.
    tags : mapping of str to str
        Git commit, data source and the like.
    documents : mapping of str to str
        File name to text: report, model card.
    bundle_dir : Path
        The signed folder, kept as artifact `bundle`.
    """

    version: str
    started_at: datetime
    ended_at: datetime
    bundle_dir: Path
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)


def is_available() -> bool:
    """Say whether MLflow is installed (extra `train`), without importing it."""
    return find_spec("mlflow") is not None


class LabBook:
    """Write trainings and aliases to MLflow.

    Parameters
    ----------
    tracking_uri : str
        Where MLflow keeps its records, by default `sqlite:///…/mlflow.db`.
    artifacts_dir : Path
        Folder for artifacts of a local tracking store; servers use their own.
    """

    def __init__(self, tracking_uri: str, artifacts_dir: Path) -> None:
        self._uri = tracking_uri
        self._artifacts_dir = artifacts_dir
        self._opened: MlflowClient | None = None

    @property
    def tracking_uri(self) -> str:
        """Return where the records are."""
        return self._uri

    def record(self, training: TrainingRecord) -> str:
        """Write one finished training as a run and a registered version; return the run id.

        Raises
        ------
        ConfigError
            MLflow is not installed or its store cannot be used.
        """
        with _explained(self._uri):
            client = self._client()
            run = client.create_run(
                self._experiment_id(client),
                start_time=_milliseconds(training.started_at),
                tags={VERSION_TAG: training.version, **training.tags},
                run_name=training.version,
            )
            run_id = str(run.info.run_id)
            self._log_figures(client, run_id, training)
            self._log_files(client, run_id, training)
            client.set_terminated(run_id, end_time=_milliseconds(training.ended_at))
            self._register(client, run_id, training.version)
        return run_id

    def mirror_aliases(self, aliases: Mapping[str, str | None]) -> list[str]:
        """Make MLflow's aliases equal to ours; return the versions MLflow does not know.

        Parameters
        ----------
        aliases : mapping of str to str or None
            Alias to version name; None removes the alias.

        Raises
        ------
        ConfigError
            MLflow is not installed or its store cannot be used.
        """
        unknown: list[str] = []
        with _explained(self._uri):
            client = self._client()
            for alias, version in aliases.items():
                known = None if version is None else self._find(client, version)
                if known is not None:
                    client.set_registered_model_alias(MODEL_NAME, alias, known.version)
                elif version is not None:
                    unknown.append(version)
                elif alias in self._aliases(client):
                    client.delete_registered_model_alias(MODEL_NAME, alias)
        return unknown

    def aliases(self) -> dict[str, str]:
        """Return MLflow's aliases as alias to version name.

        Raises
        ------
        ConfigError
            MLflow is not installed or its store cannot be used.
        """
        with _explained(self._uri):
            client = self._client()
            return {
                alias: str(client.get_model_version(MODEL_NAME, number).tags.get(VERSION_TAG, ""))
                for alias, number in self._aliases(client).items()
            }

    def _client(self) -> MlflowClient:
        if self._opened is None:
            from mlflow.tracking import MlflowClient

            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.WARNING)
            _make_sqlite_folder(self._uri)
            self._opened = MlflowClient(self._uri)
        return self._opened

    def _experiment_id(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        is_local = not self._uri.startswith(("http://", "https://", "databricks"))
        location = self._artifacts_dir.resolve().as_uri() if is_local else None
        return str(client.create_experiment(EXPERIMENT, artifact_location=location))

    @staticmethod
    def _log_figures(client: MlflowClient, run_id: str, training: TrainingRecord) -> None:
        from mlflow.entities import Metric, Param

        moment = _milliseconds(training.ended_at)
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, moment, 0) for name, value in training.metrics.items()],
            params=[Param(name, value[:_MAX_PARAM]) for name, value in training.params.items()],
        )

    @staticmethod
    def _log_files(client: MlflowClient, run_id: str, training: TrainingRecord) -> None:
        client.log_artifacts(run_id, str(training.bundle_dir), "bundle")
        with tempfile.TemporaryDirectory() as folder:
            for name, text in training.documents.items():
                path = Path(folder) / name
                path.write_text(text, encoding="utf-8")
                client.log_artifact(run_id, str(path))

    def _register(self, client: MlflowClient, run_id: str, version: str) -> None:
        if not client.search_registered_models(f"name = '{MODEL_NAME}'"):
            client.create_registered_model(
                MODEL_NAME, description="Lead qualification: fit, authority, budget, conversion"
            )
        source = f"{client.get_run(run_id).info.artifact_uri}/bundle"
        client.create_model_version(
            MODEL_NAME, source=source, run_id=run_id, tags={VERSION_TAG: version}
        )

    @staticmethod
    def _find(client: MlflowClient, version: str) -> ModelVersion | None:
        text = version.replace("'", "")
        found = client.search_model_versions(
            f"name = '{MODEL_NAME}' and tags.{VERSION_TAG} = '{text}'"
        )
        return found[0] if found else None

    @staticmethod
    def _aliases(client: MlflowClient) -> dict[str, str]:
        models = client.search_registered_models(f"name = '{MODEL_NAME}'")
        return {str(k): str(v) for k, v in models[0].aliases.items()} if models else {}


def open_lab_book(settings: Settings) -> LabBook | None:
    """Return the lab book of a deployment, or None where MLflow is not installed."""
    if not is_available():
        return None
    return LabBook(settings.resolved_tracking_uri, settings.home / "mlflow-artifacts")


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    """Turn what MLflow and its database raise into one error that says what to do."""
    if not is_available():
        raise ConfigError("MLflow is not installed; install the `train` extra of leadqual")
    keep_mlflow_quiet()
    with warnings.catch_warnings():
        # About MLflow's own use of its libraries: nothing that our user could change.
        warnings.simplefilter("ignore")
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (MlflowException, OSError) as error:
            raise ConfigError(
                f"MLflow at {_without_password(uri)} cannot be used ({type(error).__name__}); "
                "check MLFLOW_TRACKING_URI and that its store is reachable and writable"
            ) from error


def _without_password(uri: str) -> str:
    """Drop user and password from a URI."""
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _make_sqlite_folder(uri: str) -> None:
    """Create folder and file of a SQLite store: MLflow makes no folder, and a file for all."""
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///").partition("?")[0])
        make_private_folder(path.parent)
        make_private_file(path)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
