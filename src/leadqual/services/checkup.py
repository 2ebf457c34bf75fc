"""What `leadqual doctor` looks at: everything a deployment needs, and what to do about it."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from leadqual.config import Settings
from leadqual.errors import BundleError, LeadqualError
from leadqual.registry.signing import KEY_FILE
from leadqual.registry.tracking import is_available
from leadqual.services.workshop import Workshop, open_workshop, signing_key
from leadqual.store import Store, open_store

MIN_PYTHON: Final = (3, 11)
MIN_FREE_BYTES: Final = 1024**3


class Health(StrEnum):
    """How one thing is: as it should be, worth a look, or broken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what was seen."""

    name: str
    health: Health
    text: str


def examine(settings: Settings) -> tuple[Finding, ...]:
    """Look at Python, signing key, disk, MLflow, database, schema and models of a deployment.

    Nothing is changed but what any command would create: the home folder, a key, a schema.
    Never raises for what is broken: it becomes a finding.
    """
    looks: tuple[Callable[[Settings], Finding], ...] = (_python, _disk, _mlflow)
    findings = [look(settings) for look in looks]
    findings.append(_key(settings))
    findings += _database(settings) if findings[-1].health is Health.FAIL else _workshop(settings)
    findings.append(_privacy(settings))
    return tuple(findings)


def _python(_settings: Settings) -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= MIN_PYTHON:
        return Finding("python", Health.OK, version)
    return Finding("python", Health.FAIL, f"{version}; leadqual needs 3.11 or newer")


def _disk(settings: Settings) -> Finding:
    home = settings.home.resolve()
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 1024**3:.1f} GiB free at {settings.home}"
    if free >= MIN_FREE_BYTES:
        return Finding("disk", Health.OK, text)
    return Finding("disk", Health.WARN, f"{text}; below 1 GiB a training may not fit")


def _privacy(settings: Settings) -> Finding:
    """Look whether others on this machine may read what is about persons."""
    wanted = {settings.home: "700"}
    backend, _, file = settings.resolved_database_url.partition(":///")
    if backend == "sqlite":
        wanted[Path(file)] = "600"
    open_to_others = [
        path for path in wanted if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if not open_to_others:
        return Finding("privacy", Health.OK, f"only this user may read {settings.home}")
    cure = "; ".join(f"chmod {wanted[path]} {path}" for path in open_to_others)
    return Finding(
        "privacy", Health.WARN, f"others on this machine may read personal data; run: {cure}"
    )


def _mlflow(settings: Settings) -> Finding:
    if is_available():
        return Finding("mlflow", Health.OK, f"installed; records go to {_scheme(settings)}")
    text = "not installed: trainings are not recorded; install the `train` extra"
    return Finding("mlflow", Health.WARN, text)


def _scheme(settings: Settings) -> str:
    """Name the tracking store without a password in it."""
    scheme, separator, rest = settings.resolved_tracking_uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _key(settings: Settings) -> Finding:
    try:
        signing_key(settings)
    except LeadqualError as error:
        return Finding("signing key", Health.FAIL, str(error))
    if settings.signing_key is not None and settings.signing_key.get_secret_value():
        return Finding("signing key", Health.OK, "from LEADQUAL_SIGNING_KEY")
    path = settings.home / KEY_FILE
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        text = f"{path} may be read by others (mode {mode:o}); run: chmod 600 {path}"
        return Finding("signing key", Health.WARN, text)
    return Finding("signing key", Health.OK, str(path))


def _workshop(settings: Settings) -> Iterator[Finding]:
    """Look at what needs database and key."""
    try:
        with open_workshop(settings) as workshop:
            yield from _store(workshop.store)
            yield from _models(workshop)
    except LeadqualError as error:
        yield Finding("database", Health.FAIL, str(error))


def _database(settings: Settings) -> Iterator[Finding]:
    """Look at the database of a deployment that has no usable key."""
    try:
        with closing(open_store(settings.resolved_database_url)) as store:
            yield from _store(store)
    except LeadqualError as error:
        yield Finding("database", Health.FAIL, str(error))


def _store(store: Store) -> Iterator[Finding]:
    info = store.info()
    text = f"{info.dialect} {info.version}"
    if info.warnings:
        yield Finding("database", Health.WARN, f"{text}; {'; '.join(info.warnings)}")
    else:
        yield Finding("database", Health.OK, text)
    yield Finding("schema", Health.OK, info.schema or "none yet")


def _models(workshop: Workshop) -> Iterator[Finding]:
    aliases = workshop.models.aliases()
    if aliases.champion is None:
        text = "none promoted: leads are scored by rules; `leadqual train`, then `promote`"
        yield Finding("model", Health.WARN, text)
        return
    try:
        workshop.registry.load(aliases.champion)
    except BundleError as error:
        yield Finding("model", Health.FAIL, str(error))
        return
    yield Finding("model", Health.OK, f"{aliases.champion} passes every check")
