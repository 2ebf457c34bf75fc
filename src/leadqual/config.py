"""Settings: the only module that reads the environment."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from leadqual.errors import ConfigError

LOG_LEVELS: Final = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
_RATE: Final = re.compile(r"[1-9]\d*\s*(?:/|per)\s*(?:[1-9]\d*\s*)?(?:second|minute|hour|day)s?")


class Settings(BaseModel):
    """Hold every setting of one deployment; each has a default that works.

    `load_settings` reads them from the environment (`LEADQUAL_*`, and `MLFLOW_TRACKING_URI`).
    Paths that are not set lie under `home`.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

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

    @field_validator("log_level")
    @classmethod
    def _is_log_level(cls, given: str) -> str:
        if given.upper() not in LOG_LEVELS:
            raise ValueError(f"one of {', '.join(LOG_LEVELS)} is expected")
        return given.upper()

    @field_validator("key_rate", "form_rate")
    @classmethod
    def _is_rate(cls, given: str) -> str:
        if not _RATE.fullmatch(given):
            raise ValueError(
                "a number per second, minute, hour or day is expected, such as 120/minute"
            )
        return given

    @property
    def resolved_database_url(self) -> str:
        """Return the URL of the database, by default a SQLite file under `home`."""
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
    """Read the settings of this process from its environment.

    Raises
    ------
    ConfigError
        Settings cannot be used; each is named with what is expected, never with its value.
    """
    present = {name.upper(): value for name, value in os.environ.items()}
    given = {
        name: present[variable]
        for name, field in Settings.model_fields.items()
        if (variable := str(field.validation_alias or _variable(name))) in present
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        found = "; ".join(
            f"{_variable(str(problem['loc'][0]))}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False, include_context=False)
        )
        raise ConfigError(
            f"the environment holds settings that cannot be used: {found}. Correct them, or leave "
            "them out: each has a default"
        ) from None


def _variable(field: str) -> str:
    """Return the environment variable that a field is read from."""
    return field if field.isupper() else f"LEADQUAL_{field.upper()}"


def make_private_folder(folder: Path) -> None:
    """Create a folder that only this user may enter; one that exists keeps its permissions.

    What lies in it is about persons: with the usual umask everybody on the machine could read it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Create an empty file that only this user may read; one that exists keeps its permissions.

    For SQLite, which would let everybody read a database that it creates itself. Its log and
    shared memory get the permissions of the database.
    """
    with suppress(OSError):  # it is there, or SQLite says better what is wrong with the path
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def keep_mlflow_quiet() -> None:
    """Set what MLflow reads from the environment: no calls home, few retries, few words.

    A choice that the operator has made already stays.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
