"""Marks of erased persons: enough to know them again, under a key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from typing import Final

from leadqual.store.lead_rows import FEW_MARKS
from leadqual.store.prepared import Link, Prepared

_FIRST_MARKS: Final = Prepared("erasure.first_marks")
_FIND_MARK: Final = Prepared("erasure.find_mark")


def marked_among(link: Link, identities: Collection[str], key: bytes) -> frozenset[str]:
    """Return the identities that were marked under this key.

    Erased persons are few as a rule, so all marks are read once instead of asking for each
    identity; where they are many, each is looked up in the index.
    """
    first = {bytes(row[0]) for row in link.run(_FIRST_MARKS)}
    if not first:
        return frozenset()
    marks = {identity: mark_of(identity, key) for identity in identities}
    if len(first) > FEW_MARKS:
        return frozenset(i for i, mark in marks.items() if link.first(_FIND_MARK, marked=mark))
    return frozenset(identity for identity, mark in marks.items() if mark in first)


def mark_of(identity: str, key: bytes) -> bytes:
    """Return the keyed mark of an e-mail address or phone number."""
    return hmac.digest(key, identity.strip().lower().encode(), hashlib.sha256)
