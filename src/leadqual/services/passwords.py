"""Passwords: hashed with argon2id, compared as slowly for unknown users as for known ones."""

from __future__ import annotations

import secrets
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher


class Passwords:
    """Hash and compare passwords; what that needs is loaded with the first one.

    Parameters
    ----------
    hasher : PasswordHasher, optional
        argon2id with its own defaults, unless a test wants it cheap.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._given = hasher

    def hash(self, password: str) -> str:
        """Return what is stored of a password."""
        return self._hasher.hash(password)

    def is_right(self, password: str, stored: str | None) -> bool:
        """Say whether a password is the one of a hash; None is nobody's, and takes as long."""
        from argon2.exceptions import InvalidHashError, VerificationError

        nobody = self._nobody  # made before it is known who asks: the first time it takes a moment
        try:
            self._hasher.verify(nobody if stored is None else stored, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    @cached_property
    def _hasher(self) -> PasswordHasher:
        # A service that only keys talk to never needs it.
        from argon2 import PasswordHasher

        return self._given or PasswordHasher()

    @cached_property
    def _nobody(self) -> str:
        """The hash of a password that nobody knows: 64 MiB and a tenth of a second to make."""
        return self._hasher.hash(secrets.token_urlsafe())
