"""What the command line and the training scripts work with, opened and closed in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from leadqual.config import Settings, load_settings, make_private_folder
from leadqual.errors import ConfigError
from leadqual.registry.local import LocalRegistry
from leadqual.registry.signing import load_or_create_key
from leadqual.registry.tracking import LabBook, open_lab_book
from leadqual.routing.standard import Standard, default_standard, parse_standard
from leadqual.services.calls import Call, Principal, PrincipalKind, Scope
from leadqual.services.promotion import CHALLENGER, ModelVersions
from leadqual.services.scoring import CHAMPION
from leadqual.services.serving import suppression_key
from leadqual.store import Store, open_store

OPERATOR: Final = Principal(
    kind=PrincipalKind.SYSTEM, name="operator", scopes=frozenset(Scope), role=None
)
"""Whoever may run commands on the machine; the audit log names them so."""


@dataclass(frozen=True)
class Workshop:
    """One deployment as the command line sees it.

    `lab_book` is None without MLflow; `suppression_key` finds the marks of erased persons.
    """

    settings: Settings
    store: Store
    registry: LocalRegistry
    models: ModelVersions
    lab_book: LabBook | None
    suppression_key: bytes


@contextmanager
def open_workshop(settings: Settings) -> Iterator[Workshop]:
    """Open a deployment's store and registry; a database without a schema gets one.

    Raises
    ------
    SchemaVersionError
        The database has an older, newer or foreign schema.
    StoreError, ConfigError
        Store or signing key cannot be used.
    """
    make_private_folder(settings.home)
    store = open_store(settings.resolved_database_url)
    try:
        if store.info().schema is None:
            store.upgrade()
        store.check_schema()
        key = signing_key(settings)
        registry = LocalRegistry(settings.resolved_models_dir, key)
        yield Workshop(
            settings=settings,
            store=store,
            registry=registry,
            models=ModelVersions(store, registry),
            lab_book=open_lab_book(settings),
            suppression_key=suppression_key(key),
        )
    finally:
        store.close()


@contextmanager
def open_workshop_from_environment() -> Iterator[Workshop]:
    """Open the deployment that the environment describes; see `open_workshop`."""
    with open_workshop(load_settings()) as workshop:
        yield workshop


@contextmanager
def open_store_only() -> Iterator[Store]:
    """Open the store that the environment describes, whatever its schema is.

    Raises
    ------
    StoreError
        The database cannot be reached.
    """
    settings = load_settings()
    if settings.database_url is None:
        make_private_folder(settings.home)
    store = open_store(settings.resolved_database_url)
    try:
        yield store
    finally:
        store.close()


def active_standard(workshop: Workshop) -> Standard:
    """Return the standard that counts: the active one, else the packaged one."""
    with workshop.store.read() as tx:
        active = tx.standards.active()
    if active is None:
        return default_standard()
    return parse_standard(active.yaml, version=active.version)


def signing_key(settings: Settings) -> bytes:
    """Return the key of a deployment, made on first use.

    Raises
    ------
    ConfigError
        It is too short or its file cannot be read.
    """
    configured = settings.signing_key
    return load_or_create_key(
        settings.home, None if configured is None else configured.get_secret_value()
    )


def call_of_operator(now: datetime) -> Call:
    """Return the call of whoever runs a command here."""
    return Call(principal=OPERATOR, now=now)


def mirror_aliases(workshop: Workshop) -> str | None:
    """Copy the aliases to MLflow; return why that was not possible, None when it was.

    What serves is the database row. A copy that fails is made up for by the next one.
    """
    if workshop.lab_book is None:
        return "MLflow is not installed, so its aliases were not changed"
    aliases = workshop.models.aliases()
    wanted = {CHAMPION: aliases.champion, CHALLENGER: aliases.challenger}
    try:
        unknown = workshop.lab_book.mirror_aliases(wanted)
    except ConfigError as error:
        return str(error)
    return f"MLflow does not know version {', '.join(unknown)}" if unknown else None
