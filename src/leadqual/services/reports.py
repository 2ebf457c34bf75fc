"""Funnel figures, counted from events."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from leadqual.leads.normalise import EARLIEST
from leadqual.outcomes.events import OutcomeType
from leadqual.services.calls import Call, Scope
from leadqual.store import Store

_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FunnelStage:
    """One stage: how many leads got there, and the share of the stage before with its interval.

    The interval is Wilson's at 95 %. `share` and its bounds are None for the first stage, and
    where the stage before is empty.
    """

    name: str
    n_leads: int
    share: float | None
    share_low: float | None
    share_high: float | None


@dataclass(frozen=True, slots=True)
class Funnel:
    """How far leads got, widest stage first; `motion` is `all`."""

    motion: str
    stages: tuple[FunnelStage, ...]
    amount_won_usd: float


STAGES: Final[tuple[tuple[str, frozenset[OutcomeType]], ...]] = (
    ("contacted", frozenset({OutcomeType.CONTACTED, OutcomeType.MEETING_BOOKED})),
    ("handed_off", frozenset({OutcomeType.HANDED_OFF})),
    ("accepted", frozenset({OutcomeType.ACCEPTED})),
    ("won", frozenset({OutcomeType.WON})),
)
"""Stages in order, and the events that prove one; a later stage proves the earlier ones."""

_Z: Final = 1.959964


class Reports:
    """Count what happened.

    Parameters
    ----------
    store : Store
        Where leads and events are read from.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def funnel(
        self, *, call: Call, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[Funnel, ...]:
        """Return how far leads got in a period. Needs `reports:read`.

        Parameters
        ----------
        since, until : datetime, optional
            Leads received and events recorded in [since, until).

        Raises
        ------
        PermissionDeniedError
        """
        call.principal.require(Scope.REPORTS_READ)
        first, last = since or EARLIEST, until or _LATEST
        with self._store.read() as tx:
            n_received = tx.leads.count(since=first) - tx.leads.count(since=last)
            furthest, amount_won_usd = tx.events.count_leads_by_stage(
                tuple(kinds for _, kinds in STAGES), since=first, until=last
            )
        reached = [
            sum(n for place, n in furthest.items() if place >= wanted)
            for wanted in range(1, len(STAGES) + 1)
        ]
        counts = [max(n_received, sum(furthest.values())), *reached]
        names = ["received", *(name for name, _ in STAGES)]
        stages = tuple(
            _stage(name, n_leads, counts[place - 1] if place else None)
            for place, (name, n_leads) in enumerate(zip(names, counts, strict=True))
        )
        return (Funnel("all", stages, amount_won_usd),)


def _stage(name: str, n_leads: int, n_before: int | None) -> FunnelStage:
    if not n_before:
        return FunnelStage(name, n_leads, None, None, None)
    low, high = wilson(n_leads, n_before)
    return FunnelStage(name, n_leads, n_leads / n_before, low, high)


def wilson(n_hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share of `n` > 0 trials; holds for small counts too.

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(7, 10)]
    [0.397, 0.892]
    """
    share, square = n_hits / n, _Z * _Z
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, centre - half), min(1.0, centre + half)
