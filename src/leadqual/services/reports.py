"""Funnel figures, counted from events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from leadqual.leads.normalise import EARLIEST
from leadqual.leads.schema import Motion
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
    """How far leads got, widest stage first; `motion` is `all`, `inbound` or `outbound`."""

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

_FUNNELS: Final = (
    ("all", tuple(Motion)),
    *((motion.value, (motion,)) for motion in (Motion.INBOUND, Motion.OUTBOUND)),
)
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
        """Return how far leads got in a period: all, then by motion. Needs `reports:read`.

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
            received = tx.leads.count_by_motion(since=first, until=last)
            furthest = tx.events.count_leads_by_stage(
                tuple(kinds for _, kinds in STAGES), since=first, until=last
            )
        return tuple(
            _funnel(name, among, received=received, furthest=furthest) for name, among in _FUNNELS
        )


def _funnel(
    name: str,
    among: tuple[Motion, ...],
    *,
    received: Mapping[Motion, int],
    furthest: Mapping[tuple[Motion, int], tuple[int, float]],
) -> Funnel:
    """Return the funnel of the leads of some motions."""
    found = [(place, *counted) for (motion, place), counted in furthest.items() if motion in among]
    n_received = sum(received.get(motion, 0) for motion in among)
    reached = [
        sum(n for place, n, _ in found if place >= wanted) for wanted in range(1, len(STAGES) + 1)
    ]
    counts = [max(n_received, sum(n for _, n, _ in found)), *reached]
    names = ["received", *(stage for stage, _ in STAGES)]
    stages = tuple(
        _stage(stage, n_leads, counts[place - 1] if place else None)
        for place, (stage, n_leads) in enumerate(zip(names, counts, strict=True))
    )
    return Funnel(name, stages, sum(amount for _, _, amount in found))


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
