"""API keys, people and their logins: hashes only."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from leadqual.errors import ConflictError, NotFoundError
from leadqual.store.json_text import dump, load
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import KeyDraft, KeyKind, KeyRecord, SessionRecord, UserRecord

_INSERT_KEY: Final = Prepared("access.insert_key")
_FIND_KEY: Final = Prepared("access.find_key")
_GET_KEY: Final = Prepared("access.get_key")
_LIST_KEYS: Final = Prepared("access.list_keys")
_REVOKE_KEY: Final = Prepared("access.revoke_key")
_USE_KEY: Final = Prepared("access.use_key")


class KeyRepository:
    """Store and find API keys by the SHA-256 of their secret."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def insert(self, draft: KeyDraft) -> KeyRecord:
        """Store a new key. Raises `ConflictError` when its hash is there already."""
        row = self._link.run(
            _INSERT_KEY,
            name=draft.name,
            kind=draft.kind.value,
            prefix=draft.prefix,
            key_hash=draft.key_hash,
            scopes_json=dump(list(draft.scopes)),
            origins_json=dump(list(draft.origins)),
            form_id=draft.form_id,
            created_at=draft.created_at,
            created_by=draft.created_by,
            expires_at=draft.expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        return self.get(row[0][0])

    def find(self, key_hash: str) -> KeyRecord | None:
        """Return the key with this SHA-256 (hex), also one that is over."""
        row = self._link.first(_FIND_KEY, hash=key_hash)
        return None if row is None else _key(row)

    def get(self, key_id: int) -> KeyRecord:
        """Return one key. Raises `NotFoundError`."""
        row = self._link.first(_GET_KEY, id=key_id)
        if row is None:
            raise NotFoundError("there is no API key with this id; see `leadqual keys list`")
        return _key(row)

    def list(self) -> tuple[KeyRecord, ...]:
        """Return every key, oldest first."""
        return tuple(_key(row) for row in self._link.run(_LIST_KEYS))

    def revoke(self, key_id: int, *, at: datetime) -> None:
        """End a key at a time, now or later. Raises `NotFoundError`."""
        if self._link.count(_REVOKE_KEY, id=key_id, at=at) == 0:
            raise NotFoundError("there is no API key with this id; see `leadqual keys list`")

    def note_use(self, key_id: int, *, at: datetime) -> None:
        """Write down that a key was used."""
        self._link.run(_USE_KEY, id=key_id, at=at)


_INSERT_USER: Final = Prepared("access.insert_user")
_FIND_USER: Final = Prepared("access.find_user")
_LIST_USERS: Final = Prepared("access.list_users")
_UPDATE_USER: Final = Prepared("access.update_user")


class UserRepository:
    """Store and find people who can log in."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def insert(self, user: UserRecord) -> None:
        """Store a new user. Raises `ConflictError` when the name is taken."""
        n_new = self._link.count(
            _INSERT_USER,
            username=user.username,
            password_hash=user.password_hash,
            role=user.role,
            is_active=user.is_active,
            full_name=user.full_name,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )
        if n_new == 0:
            raise ConflictError("this user name is taken; choose another")

    def find(self, username: str) -> UserRecord | None:
        """Return a user, None when there is none with this name."""
        row = self._link.first(_FIND_USER, user=username)
        return None if row is None else UserRecord(*row)

    def get(self, username: str) -> UserRecord:
        """Return a user. Raises `NotFoundError`."""
        user = self.find(username)
        if user is None:
            raise _no_user()
        return user

    def list(self) -> tuple[UserRecord, ...]:
        """Return every user by name."""
        return tuple(UserRecord(*row) for row in self._link.run(_LIST_USERS))

    def update(
        self,
        username: str,
        *,
        at: datetime,
        password_hash: str | None = None,
        role: str | None = None,
        is_active: bool | None = None,
    ) -> None:
        """Change what is given and leave the rest. Raises `NotFoundError`."""
        n_changed = self._link.count(
            _UPDATE_USER,
            user=username,
            at=at,
            new_hash=password_hash,
            new_role=role,
            active=is_active,
        )
        if n_changed == 0:
            raise _no_user()


_INSERT_SESSION: Final = Prepared("access.insert_session")
_FIND_SESSION: Final = Prepared("access.find_session")
_SEE: Final = Prepared("access.see_session")
_DELETE: Final = Prepared("access.delete_session")
_DELETE_OF: Final = Prepared("access.delete_sessions_of")
_PRUNE: Final = Prepared("access.prune_sessions")


class SessionRepository:
    """Store and find logins by the SHA-256 of their cookie."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def insert(self, session: SessionRecord) -> None:
        """Store a new login. Raises `ConflictError` for an unknown user."""
        self._link.run(
            _INSERT_SESSION,
            session_hash=session.session_hash,
            username=session.username,
            csrf_token=session.csrf_token,
            created_at=session.created_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
        )

    def find(self, session_hash: str) -> SessionRecord | None:
        """Return a login, also one that is over."""
        row = self._link.first(_FIND_SESSION, hash=session_hash)
        return None if row is None else SessionRecord(*row)

    def note_use(self, session_hash: str, *, at: datetime) -> None:
        """Write down that a login was used."""
        self._link.run(_SEE, hash=session_hash, at=at)

    def delete(self, session_hash: str) -> None:
        """End one login; nothing happens when it is over already."""
        self._link.run(_DELETE, hash=session_hash)

    def delete_of(self, username: str) -> int:
        """End every login of a user; return how many."""
        return self._link.count(_DELETE_OF, user=username)

    def prune(self, now: datetime) -> int:
        """Forget logins that have run out; return how many."""
        return self._link.count(_PRUNE, at=now)


def _key(row: Row) -> KeyRecord:
    key_id, name, kind, prefix, key_hash, scopes, origins, *rest = row
    return KeyRecord(
        key_id,
        name,
        KeyKind(kind),
        prefix,
        key_hash,
        tuple(load(scopes)),
        tuple(load(origins)),
        *rest,
    )


def _no_user() -> NotFoundError:
    return NotFoundError("there is no user with this name; see `leadqual users list`")
