"""What a rep finds out about a lead, in the order of the usual conversation."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Check(StrEnum):
    """What a rep finds out about a lead, one after the other."""

    FIT = "fit"
    AUTHORITY = "authority"
    NEED = "need"
    BUDGET = "budget"


CHECKS: Final = tuple(Check)
