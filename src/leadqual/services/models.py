"""Which model versions the store names, and which one answers here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadqual.services.calls import Call, Scope
from leadqual.services.scoring import LiveScorer
from leadqual.store import Store


@dataclass(frozen=True, slots=True)
class AliasView:
    """One alias (`champion`, `challenger`): its version and the one before it."""

    alias: str
    version: str
    previous: str | None
    set_at: datetime
    set_by: str


@dataclass(frozen=True, slots=True)
class LiveModel:
    """The aliases, and what this process scores with; `problem` says why they differ."""

    aliases: tuple[AliasView, ...]
    serving_version: str
    problem: str | None


class Models:
    """Say which models are live. Promotion is `services.promotion`.

    Parameters
    ----------
    store : Store
        Holds the aliases.
    scorer : LiveScorer
        Knows what serves here.
    """

    def __init__(self, store: Store, scorer: LiveScorer) -> None:
        self._store = store
        self._scorer = scorer

    def live(self, *, call: Call) -> LiveModel:
        """Return aliases and the serving version. Needs `models:promote` or `reports:read`.

        Raises
        ------
        PermissionDeniedError
        """
        if Scope.MODELS_PROMOTE not in call.principal.scopes:
            call.principal.require(Scope.REPORTS_READ)
        with self._store.read() as tx:
            aliases = tx.aliases.list()
        live = self._scorer.live
        return LiveModel(
            aliases=tuple(
                AliasView(row.alias, row.version, row.previous, row.set_at, row.set_by)
                for row in aliases
            ),
            serving_version=live.model_version,
            problem="; ".join(live.problems) or None,
        )
