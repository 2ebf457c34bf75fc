"""Which keys may call what, and whose key it is."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from leadqual.errors import PermissionDeniedError
from leadqual.services.calls import Principal, PrincipalKind, Scope
from leadqual.services.serving import Serving

_BEARER: Final = re.compile(r"bearer +(\S{1,200})\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeyRule:
    """Keys with any of the scopes may call.

    With `takes_form_key` a publishable form key may as well; its limits are the route's business.
    """

    scopes: frozenset[Scope]
    takes_form_key: bool = False

    def check(self, principal: Principal) -> None:
        """Do nothing when this caller may.

        Raises
        ------
        PermissionDeniedError
        """
        if principal.kind is PrincipalKind.FORM_KEY:
            if not self.takes_form_key:
                raise PermissionDeniedError("a form key may only create leads; use a secret key")
        elif self.scopes.isdisjoint(principal.scopes):
            wanted = " or ".join(sorted(scope.value for scope in self.scopes))
            raise PermissionDeniedError(f"this call needs a key with the scope {wanted}")


def presented_key(authorization: bytes | None) -> str | None:
    """Return the key of an `Authorization` header, None where it has none."""
    found = _BEARER.match((authorization or b"").decode("latin-1"))
    return None if found is None else found[1]


async def verify_key(serving: Serving, presented: str) -> Principal:
    """Return whose key this is, without blocking the event loop.

    Raises
    ------
    AuthenticationError
        When it is unknown, expired or revoked.
    """
    now = serving.clock()
    known = serving.keys.recall(presented, now=now)
    if known is not None:
        return known
    return await asyncio.to_thread(serving.keys.verify, presented, now=now)
