"""Ids that sort by time."""

from __future__ import annotations

import secrets
from datetime import datetime

_RANDOM_BYTES = 10


def new_lead_id(now: datetime) -> str:
    """Return 32 hex digits: 48 bits of milliseconds since 1970, then 80 random bits.

    New rows land at the end of an index, as with UUIDv7, and no coordination is needed.

    Examples
    --------
    >>> from datetime import UTC
    >>> new_lead_id(datetime(2026, 11, 21, tzinfo=UTC))[:12]
    '01a1fb671800'
    """
    milliseconds = int(now.timestamp() * 1000)
    return f"{milliseconds:012x}{secrets.token_hex(_RANDOM_BYTES)}"
