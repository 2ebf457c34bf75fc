"""How a deal is typed in: its amount, and the reason why it was lost."""

from __future__ import annotations

import math
from typing import Final

from leadqual.outcomes.events import Reason

MAX_USD: Final = 1e9
ASK_AMOUNT: Final = "Enter the amount in US dollars, such as 24000."
ASK_REASON: Final = "Choose a reason: the rep and the next model learn from it."


def amount_of(given: str | None) -> float | None:
    """Return an amount as typed, also with thousands separators; None when it is none.

    Examples
    --------
    >>> amount_of("$24,000"), amount_of("a lot")
    (24000.0, None)
    """
    try:
        amount = float((given or "").replace(",", "").replace(" ", "").lstrip("$"))
    except ValueError:
        return None
    return amount if math.isfinite(amount) and 0 <= amount <= MAX_USD else None


def reason_of(given: str | None) -> Reason | None:
    """Return the reason that was chosen; None when none was."""
    return next((reason for reason in Reason if reason.value == given), None)
