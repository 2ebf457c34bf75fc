"""From settings to a running service: the only library module that reads the clock."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from leadqual.config import Settings, make_private_folder
from leadqual.errors import ConfigError
from leadqual.registry.local import LocalRegistry
from leadqual.registry.signing import load_or_create_key
from leadqual.routing.standard import default_standard_text
from leadqual.services.calls import SYSTEM, Call
from leadqual.services.serving import Edges, Serving, assemble
from leadqual.store import Store, open_store


def now_utc() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def build_serving(settings: Settings) -> Serving:
    """Open a deployment and start serving from it; `Serving.close` ends it.

    An empty database gets its schema, and a first standard: that of `settings.standard_file`,
    or the packaged one.

    Raises
    ------
    ConfigError
        When the key or the file of the standard cannot be read.
    StandardError
        When that file is no standard.
    SchemaVersionError, StoreError
        When the database cannot be used; the message says what to do.
    """
    make_private_folder(settings.home)
    configured = settings.signing_key
    key = load_or_create_key(
        settings.home, None if configured is None else configured.get_secret_value()
    )
    text = _first_standard(settings)
    store = _open(settings)
    serving = assemble(
        Edges(
            settings=settings,
            store=store,
            registry=LocalRegistry(settings.resolved_models_dir, key),
            key=key,
            clock=now_utc,
            draw=random.Random().random,
        )
    )
    try:
        if _lacks_standard(store):
            serving.standards.ensure_one(text, call=Call(SYSTEM, now_utc()))
            serving.scorer.refresh(now_utc())
        serving.warm_up()
    except BaseException:
        serving.close()
        raise
    serving.start()
    return serving


def _first_standard(settings: Settings) -> str:
    """Return the text of the standard that counts where none was activated yet."""
    if settings.standard_file is None:
        return default_standard_text()
    try:
        return settings.standard_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "LEADQUAL_STANDARD_FILE cannot be read as a UTF-8 text file "
            f"({type(error).__name__}); correct the path or leave it out"
        ) from error


def _lacks_standard(store: Store) -> bool:
    with store.read() as tx:
        return tx.standards.active() is None


def _open(settings: Settings) -> Store:
    """Return the store; an empty database is set up, an older one is left to the operator."""
    store = open_store(settings.resolved_database_url)
    try:
        if store.info().schema is None:
            store.upgrade()
        store.check_schema()
    except BaseException:
        store.close()
        raise
    return store
