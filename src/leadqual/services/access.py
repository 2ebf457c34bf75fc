"""API keys: random, hashed, scoped, with an end, rotated with overlap."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from leadqual.errors import AuthenticationError, BusyError, ConflictError, InputError
from leadqual.services.calls import Call, Principal, PrincipalKind, Scope
from leadqual.services.writer import GroupWriter
from leadqual.store import KeyDraft, KeyKind, KeyRecord, Store, Tx

SEEN_FOR: Final = timedelta(seconds=2)
"""How long a checked key is trusted without asking the database: as fast as a revocation bites."""

USE_NOTED_EVERY: Final = timedelta(minutes=10)
OVERLAP: Final = timedelta(days=1)
"""How long a rotated key goes on working beside its successor."""

MAX_NAME: Final = 100
_MAX_SEEN: Final = 1000
_SHAPE: Final = re.compile(r"lq_(?:sk|pk)_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
_ORIGIN: Final = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?|https?://\[[0-9a-f:]+\](?::\d{1,5})?"
)


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
    """Make, check and end API keys; all but `verify` need the scope `admin`.

    Parameters
    ----------
    store : Store
        Where keys are looked up.
    writer : GroupWriter
        Where changes are written.
    """

    def __init__(self, store: Store, writer: GroupWriter) -> None:
        self._store = store
        self._writer = writer
        self._seen: dict[str, _Seen] = {}
        self._noted: dict[int, datetime] = {}

    def create_secret(
        self,
        name: str,
        scopes: Iterable[Scope],
        *,
        call: Call,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Make a key for a server.

        Raises
        ------
        PermissionDeniedError
            When the caller is no administrator.
        InputError
            When no scope is given, the name is empty, or the end lies in the past.
        """
        granted = tuple(sorted(frozenset(scopes)))
        if not granted:
            raise InputError("a secret key needs at least one scope")
        wish = _Wish(KeyKind.SECRET, name, scopes=granted, expires_at=expires_at)
        return self._create(wish, call)

    def create_form(
        self,
        name: str,
        origins: Sequence[str],
        *,
        call: Call,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Make a key for a public page; it may create leads and nothing else.

        Parameters
        ----------
        origins : sequence of str
            Pages it may be used from, as browsers send them (`https://www.example.com`); empty:
            anywhere.

        Raises
        ------
        PermissionDeniedError
            When the caller is no administrator.
        InputError
            When an origin is not of that form, the name is empty, or the end lies in the past.
        """
        if not all(_ORIGIN.fullmatch(origin) for origin in origins):
            raise InputError(
                "an origin is a scheme and a host without a path, such as https://www.example.com"
            )
        wish = _Wish(KeyKind.FORM, name, origins=tuple(origins), expires_at=expires_at)
        return self._create(wish, call)

    def verify(self, presented: str, *, now: datetime) -> Principal:
        """Return whose key this is (`kind` SECRET_KEY or FORM_KEY).

        Raises
        ------
        AuthenticationError
            When it is unknown, malformed, expired or revoked; which of these is not said.
        """
        record = self._find(presented, now) if _SHAPE.fullmatch(presented) else None
        if record is None or not record.is_valid(now):
            raise AuthenticationError(
                "the API key is unknown, expired or revoked; send `Authorization: Bearer KEY`"
            )
        self._note_use(record, now)
        return _principal(record)

    def recall(self, presented: str, *, now: datetime) -> Principal | None:
        """Return whose key this is if that was looked up a moment ago, else None; never waits.

        For callers that must not block, such as an event loop; `verify` answers the rest.
        """
        seen = self._recent(_digest(presented), now)
        return seen.principal if seen is not None and seen.record.is_valid(now) else None

    def revoke(self, key_id: str, *, call: Call) -> KeyView:
        """End a key now; every process refuses it within two seconds.

        Raises
        ------
        PermissionDeniedError
            When the caller is no administrator.
        NotFoundError
            When there is no such key.
        """
        call.principal.require(Scope.ADMIN)
        number = _number(key_id)

        def work(tx: Tx) -> KeyView:
            tx.keys.revoke(number, at=call.now)
            _audit(tx, call, action="key.revoked", key_id=number)
            return _view(tx.keys.get(number))

        view = self._writer.run(work)
        self._seen.clear()
        return view

    def rotate(self, key_id: str, *, call: Call, overlap: timedelta = OVERLAP) -> NewKey:
        """Make a successor with the same rights; the old key works on for `overlap`.

        Raises
        ------
        PermissionDeniedError
            When the caller is no administrator.
        NotFoundError
            When there is no such key.
        ConflictError
            When it is over already.
        """
        call.principal.require(Scope.ADMIN)
        number = _number(key_id)

        def work(tx: Tx) -> NewKey:
            old = tx.keys.get(number)
            if not old.is_valid(call.now):
                raise ConflictError("this key is over already; make a new one")
            wish = _Wish(old.kind, old.name, scopes=old.scopes, origins=old.origins)
            made = _make(tx, wish, call)
            end = call.now + overlap
            if old.expires_at is None or old.expires_at > end:
                tx.keys.revoke(number, at=end)
            _audit(tx, call, action="key.rotated", key_id=number)
            return made

        made = self._writer.run(work)
        self._seen.clear()
        return made

    def list(self, *, call: Call) -> tuple[KeyView, ...]:
        """Return every key, oldest first; the keys themselves are not kept."""
        call.principal.require(Scope.ADMIN)
        with self._store.read() as tx:
            return tuple(_view(record) for record in tx.keys.list())

    def _create(self, wish: _Wish, call: Call) -> NewKey:
        call.principal.require(Scope.ADMIN)
        if not 1 <= len(wish.name.strip()) <= MAX_NAME:
            raise InputError(f"a key needs a name of 1 to {MAX_NAME} characters")
        if wish.expires_at is not None and wish.expires_at <= call.now:
            raise InputError("the end of a key must lie in the future")
        return self._writer.run(lambda tx: _make(tx, wish, call))

    def _find(self, presented: str, now: datetime) -> KeyRecord | None:
        """Look a key up by its hash; what was just seen is not looked up again."""
        key_hash = _digest(presented)
        recent = self._recent(key_hash, now)
        if recent is not None:
            return recent.record
        with self._store.read() as tx:
            record = tx.keys.find(key_hash)
        if record is not None:
            if len(self._seen) >= _MAX_SEEN:
                self._seen.clear()
            self._seen[key_hash] = _Seen(record, _principal(record), now)
        return record

    def _recent(self, key_hash: str, now: datetime) -> _Seen | None:
        seen = self._seen.get(key_hash)
        return seen if seen is not None and timedelta(0) <= now - seen.at < SEEN_FOR else None

    def _note_use(self, record: KeyRecord, now: datetime) -> None:
        """Write down now and then that a key is in use; a request never waits or fails for it."""
        last = self._noted.get(record.key_id, record.last_used_at)
        if last is not None and now - last < USE_NOTED_EVERY:
            return
        self._noted[record.key_id] = now
        with contextlib.suppress(BusyError):
            self._writer.submit(lambda tx: tx.keys.note_use(record.key_id, at=now))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A key that was looked up, and when."""

    record: KeyRecord
    principal: Principal
    at: datetime


@dataclass(frozen=True, slots=True)
class _Wish:
    """A key to be made."""

    kind: KeyKind
    name: str
    scopes: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    expires_at: datetime | None = None


def _make(tx: Tx, wish: _Wish, call: Call) -> NewKey:
    """Draw a random key and keep its hash."""
    letter = "p" if wish.kind is KeyKind.FORM else "s"
    prefix = f"lq_{letter}k_{secrets.token_hex(6)}"
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    record = tx.keys.insert(
        KeyDraft(
            name=wish.name,
            kind=wish.kind,
            prefix=prefix,
            key_hash=_digest(secret),
            scopes=wish.scopes,
            origins=wish.origins,
            form_id=prefix if wish.kind is KeyKind.FORM else None,
            created_at=call.now,
            created_by=call.principal.name,
            expires_at=wish.expires_at,
        )
    )
    _audit(tx, call, action="key.created", key_id=record.key_id)
    return NewKey(secret, _view(record))


def _principal(record: KeyRecord) -> Principal:
    is_form = record.kind is KeyKind.FORM
    return Principal(
        kind=PrincipalKind.FORM_KEY if is_form else PrincipalKind.SECRET_KEY,
        name=f"key:{record.key_id}",
        scopes=frozenset(Scope(scope) for scope in record.scopes),
        origins=record.origins,
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _number(key_id: str) -> int:
    """Return the number of a key, one that no key has where the text is none."""
    return int(key_id) if key_id.isascii() and key_id.isdigit() and len(key_id) < 19 else -1


def _audit(tx: Tx, call: Call, *, action: str, key_id: int) -> None:
    tx.audit.append(action, actor=call.principal.name, subject=f"key:{key_id}", at=call.now)


def _view(record: KeyRecord) -> KeyView:
    return KeyView(
        key_id=str(record.key_id),
        prefix=record.prefix,
        kind=record.kind,
        name=record.name,
        scopes=frozenset(Scope(scope) for scope in record.scopes),
        origins=record.origins,
        created_at=record.created_at,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
        last_used_at=record.last_used_at,
    )
