"""The order of a queue: expected value, halved for every half-life of age.

Two leads keep their order while they wait, since both age at the same pace. So the order can be
stored once, as a key that an index serves: `log(value) + created_at / time constant`.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

LEAST_VALUE_USD: Final = 1e-9
"""Leads worth nothing are ordered among themselves by age only."""

_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


def order_key(expected_value_usd: float, created_at: datetime, *, half_life: timedelta) -> float:
    """Return the sort key of a lead, higher first; it never changes while the lead waits.

    Examples
    --------
    A lead that is one half-life younger weighs as much as one of double its value.

    >>> from datetime import UTC, datetime, timedelta
    >>> week, monday = timedelta(days=7), datetime(2026, 11, 16, tzinfo=UTC)
    >>> older = order_key(200.0, monday, half_life=week)
    >>> younger = order_key(100.0, monday + week, half_life=week)
    >>> round(older - younger, 9)
    0.0
    """
    n_half_lives = (created_at - _EPOCH) / half_life
    return math.log(max(expected_value_usd, LEAST_VALUE_USD)) + math.log(2.0) * n_half_lives


def urgency(created_at: datetime, now: datetime, *, half_life: timedelta) -> float:
    """Return how fresh a lead is, in [0, 1]: 1 on arrival, a half after one half-life."""
    return float(2.0 ** -(max(now - created_at, timedelta(0)) / half_life))


def rank_of(expected_value_usd: float, freshness: float, *, typical_value_usd: float) -> float:
    """Return the place of a lead on a scale from 0 to 1.

    Expected value times freshness, against that of a typical lead: 0.5 is worth as much as a
    typical new lead, 0.9 nine times as much. At one moment it sorts leads as `order_key` does.
    """
    worth = expected_value_usd * freshness
    return worth / (worth + typical_value_usd)


def explain_rank(expected_value_usd: float, freshness: float, *, rank: float) -> str:
    """Say in plain words where the rank comes from."""
    return (
        f"Rank {rank:.2f}: expected value {expected_value_usd:,.0f} USD "
        f"x urgency {freshness:.2f} (1 on arrival, less with age)"
    )
