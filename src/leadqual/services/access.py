"""API keys: random, hashed, scoped, with an end, rotated with overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from leadqual.services.calls import Call, Principal, Scope


class KeyKind(StrEnum):
    """A form key stands in a public page and may only create leads; a secret key has scopes."""

    SECRET = "secret"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class KeyView:
    """What is known of a key; the key itself is not kept."""

    key_id: str
    prefix: str
    kind: KeyKind
    name: str
    scopes: frozenset[Scope]
    origins: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `secret` is shown once and cannot be had again."""

    secret: str
    key: KeyView


class Keys:
    """Make, check and end API keys.

    Methods
    -------
    create_secret(name, scopes, *, call, expires_at=None) -> NewKey
    create_form(name, origins, *, call, expires_at=None) -> NewKey
    verify(presented, *, now) -> Principal
    revoke(key_id, *, call) -> KeyView
    rotate(key_id, *, call, overlap=timedelta(days=1)) -> NewKey
    list(*, call) -> tuple[KeyView, ...]
    """

    def verify(self, presented: str, *, now: datetime) -> Principal:
        """Return whose key this is (`kind` SECRET_KEY or FORM_KEY).

        Raises
        ------
        AuthenticationError
            When it is unknown, malformed, expired or revoked; which of these is not said.
        """
        raise AssertionError
