"""Funnel figures, counted from events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadqual.services.calls import Call


@dataclass(frozen=True, slots=True)
class FunnelStage:
    """One stage: how many leads got there, and the share of the stage before, with a 95 % interval.

    `share` and its bounds are None for the first stage and where the stage before is empty.
    """

    name: str
    n_leads: int
    share: float | None
    share_low: float | None
    share_high: float | None


@dataclass(frozen=True, slots=True)
class Funnel:
    """The funnel of one motion (`all`, `inbound`, `outbound`), widest stage first."""

    motion: str
    stages: tuple[FunnelStage, ...]
    amount_won_usd: float


class Reports:
    """Count what happened.

    Methods
    -------
    funnel(*, call, since=None, until=None) -> tuple[Funnel, ...]
    """

    def funnel(
        self, *, call: Call, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[Funnel, ...]:
        """Return the funnel of leads received in a period. Needs `reports:read`."""
        raise AssertionError
