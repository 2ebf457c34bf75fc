"""Which model serves: aliases in the database, which every running server polls.

MLflow's copy of the aliases is made by `services.workshop.mirror_aliases`; nothing here knows
MLflow, so the API may call it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import JsonValue, TypeAdapter

from leadqual.errors import BundleError, ConflictError, PromotionRefusedError
from leadqual.registry.local import LocalRegistry
from leadqual.services.calls import Call, Scope
from leadqual.services.idempotent import Answer, answer_once
from leadqual.services.scoring import CHAMPION
from leadqual.store import Store, Tx

CHALLENGER: Final = "challenger"


@dataclass(frozen=True, slots=True)
class Aliases:
    """Who serves. `previous` is what a rollback returns to; None where there is none."""

    champion: str | None
    challenger: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class ModelView:
    """One version in the registry.

    `alias` is `champion`, `challenger` or None; `problem` says why it could not be served
    (foreign, damaged), and is None for a version whose manifest is sound.
    """

    version: str
    created_at: datetime | None
    alias: str | None
    metadata: dict[str, JsonValue]
    problem: str | None = None


_ALIASES: Final = TypeAdapter(Aliases)


class ModelVersions:
    """List versions, promote one, go back to the one before.

    Methods
    -------
    list(*, call) -> tuple[ModelView, ...]
    aliases() -> Aliases
    promote(version, *, call, force_reason=None) -> Answer[Aliases]
    rollback(*, call) -> Answer[Aliases]
    """

    def __init__(self, store: Store, registry: LocalRegistry) -> None:
        self._store = store
        self._registry = registry

    def list(self, *, call: Call) -> tuple[ModelView, ...]:
        """Return every version, newest first. Needs `reports:read` or `models:promote`.

        Raises
        ------
        PermissionDeniedError
            The caller has neither scope.
        """
        if Scope.MODELS_PROMOTE not in call.principal.scopes:
            call.principal.require(Scope.REPORTS_READ)
        aliases = self.aliases()
        named = {aliases.champion: CHAMPION, aliases.challenger: CHALLENGER}
        return tuple(
            self._view(version, named.get(version))
            for version in reversed(self._registry.versions())
        )

    def aliases(self) -> Aliases:
        """Return who serves now."""
        with self._store.read() as tx:
            return read_aliases(tx)

    def promote(
        self, version: str, *, call: Call, force_reason: str | None = None
    ) -> Answer[Aliases]:
        """Make a version the champion; servers follow within two seconds.

        The bundle passes every check first, so a broken one never becomes champion.

        Parameters
        ----------
        force_reason : str, optional
            Why a version that the gate refused is promoted all the same; kept in the audit log.

        Raises
        ------
        PermissionDeniedError
            The caller lacks `models:promote`.
        BundleError
            There is no such version, or it may not be served.
        PromotionRefusedError
            The gate refused it and no reason was given.
        """
        call.principal.require(Scope.MODELS_PROMOTE)
        self._registry.load(version)
        refusal = self._refusal(version)
        if refusal is not None and not force_reason:
            raise PromotionRefusedError(
                f"the gate refused model {version}: {refusal}; promote another version, or force "
                "it with a reason"
            )
        reason = force_reason or "promoted by the operator"
        return self._switch(version, call=call, reason=reason)

    def rollback(self, *, call: Call) -> Answer[Aliases]:
        """Make the previous champion the champion again.

        A second rollback returns to where the first began.

        Raises
        ------
        PermissionDeniedError
            The caller lacks `models:promote`.
        ConflictError
            There is no previous champion.
        BundleError
            The previous champion may not be served any more.
        """
        call.principal.require(Scope.MODELS_PROMOTE)
        previous = self.aliases().previous
        if previous is None:
            raise ConflictError(
                "there is no previous champion to go back to; `leadqual models` lists versions "
                "and `leadqual promote VERSION` takes any of them"
            )
        self._registry.load(previous)
        return self._switch(previous, call=call, reason="rolled back")

    def _switch(self, version: str, *, call: Call, reason: str) -> Answer[Aliases]:
        """Point the champion alias at a version and write down who did it and why."""
        with self._store.transaction() as tx:
            return answer_once(
                tx,
                call.once,
                lambda: name_champion(tx, version, call=call, reason=reason),
                kind=_ALIASES,
                now=call.now,
            )

    def _view(self, version: str, alias: str | None) -> ModelView:
        try:
            manifest = self._registry.manifest(version)
        except BundleError as error:
            return ModelView(version, None, alias, {}, problem=str(error))
        return ModelView(version, manifest.created_at, alias, dict(manifest.metadata))

    def _refusal(self, version: str) -> str | None:
        """Return why the gate refused a version; None where it did not, or was not asked."""
        gate = self._registry.manifest(version).metadata.get("gate")
        if not isinstance(gate, dict) or gate.get("promote") is not False:
            return None
        reasons = gate.get("reasons")
        listed = reasons if isinstance(reasons, list) else []
        return "; ".join(str(reason) for reason in listed) or "no reason was recorded"


def name_champion(tx: Tx, version: str, *, call: Call, reason: str) -> Aliases:
    """Make a checked version the champion, within the caller's transaction."""
    _set_alias(tx, CHAMPION, version, call=call, reason=reason)
    challenger = tx.aliases.get(CHALLENGER)
    if challenger is not None and challenger.version == version:
        tx.aliases.clear(CHALLENGER)
    return read_aliases(tx)


def name_challenger(tx: Tx, version: str, *, call: Call, reason: str) -> Aliases:
    """Make a checked version the challenger, within the caller's transaction."""
    _set_alias(tx, CHALLENGER, version, call=call, reason=reason)
    return read_aliases(tx)


def read_aliases(tx: Tx) -> Aliases:
    """Return who serves, as this transaction sees it."""
    champion, challenger = tx.aliases.get(CHAMPION), tx.aliases.get(CHALLENGER)
    return Aliases(
        champion=None if champion is None else champion.version,
        challenger=None if challenger is None else challenger.version,
        previous=None if champion is None else champion.previous,
    )


def _set_alias(tx: Tx, alias: str, version: str, *, call: Call, reason: str) -> None:
    current = tx.aliases.get(alias)
    if current is not None and current.version == version:
        return  # naming it again must not make a version its own predecessor
    tx.aliases.set(alias, version, at=call.now, actor=call.principal.name, reason=reason)
    tx.audit.append(
        f"model.{alias}",
        at=call.now,
        actor=call.principal.name,
        subject=version,
        detail={"reason": reason},
    )
