"""Settings: the only module that reads the environment."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Hold every setting of one deployment; each has a default that works.

    Read from the environment (`LEADQUAL_*`, and `MLFLOW_TRACKING_URI`). Paths that are
    not set lie under `home`.
    """

    model_config = SettingsConfigDict(
        env_prefix="LEADQUAL_", frozen=True, extra="ignore", populate_by_name=True
    )

    home: Path = Path(".leadqual")
    database_url: str | None = None
    models_dir: Path | None = None
    mlflow_tracking_uri: str | None = Field(default=None, validation_alias="MLFLOW_TRACKING_URI")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=64)
    signing_key: SecretStr | None = None
    standard_file: Path | None = None
    max_body_bytes: int = Field(default=64 * 1024, ge=1024)
    max_batch_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    key_rate: str = "2000/second"
    form_rate: str = "120/minute"
    secure_cookies: bool = False
    log_level: str = "INFO"

    @property
    def resolved_database_url(self) -> str:
        """Return the SQLAlchemy URL, by default a SQLite file under `home`."""
        if self.database_url is not None:
            return self.database_url
        return f"sqlite:///{self.home / 'leadqual.db'}"

    @property
    def resolved_models_dir(self) -> Path:
        """Return the folder that holds one sub-folder per model version."""
        return self.models_dir if self.models_dir is not None else self.home / "models"

    @property
    def resolved_tracking_uri(self) -> str:
        """Return the MLflow tracking URI, by default a SQLite file under `home`."""
        if self.mlflow_tracking_uri is not None:
            return self.mlflow_tracking_uri
        return f"sqlite:///{self.home / 'mlflow.db'}"


def load_settings() -> Settings:
    """Read the settings of this process from its environment."""
    return Settings()


def keep_mlflow_quiet() -> None:
    """Set what MLflow reads from the environment: no calls home, few retries, few words.

    A choice that the operator has made already stays.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
