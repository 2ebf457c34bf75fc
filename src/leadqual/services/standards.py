"""Versions of the written standard: propose, list, activate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadqual.services.calls import Call
from leadqual.services.idempotent import Answer


@dataclass(frozen=True, slots=True)
class StandardView:
    """One version of the standard, as YAML text, and who agreed to it."""

    version: int
    text: str
    proposed_by: str
    proposed_at: datetime
    is_active: bool


class Standards:
    """Keep the versions of the standard; needs `policy:write` (`list`: any principal).

    Methods
    -------
    list(*, call) -> tuple[StandardView, ...]
    propose(text, *, call) -> Answer[StandardView]
    activate(version, *, call) -> Answer[StandardView]
    """

    def list(self, *, call: Call) -> tuple[StandardView, ...]:
        """Return every version, newest first."""
        raise AssertionError

    def propose(self, text: str, *, call: Call) -> Answer[StandardView]:
        """Store a new version, not yet active. Raises `StandardError`, with every problem."""
        raise AssertionError

    def activate(self, version: int, *, call: Call) -> Answer[StandardView]:
        """Make a version the one that counts; servers follow within two seconds.

        Raises
        ------
        NotFoundError
            When there is no such version.
        """
        raise AssertionError
