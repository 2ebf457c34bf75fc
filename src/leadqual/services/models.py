"""Which model versions the store names, and which one answers here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadqual.services.calls import Call


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

    Methods
    -------
    live(*, call) -> LiveModel
    """

    def live(self, *, call: Call) -> LiveModel:
        """Return aliases and the serving version. Needs `models:promote` or `reports:read`."""
        raise AssertionError
