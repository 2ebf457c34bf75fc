"""API keys, people and their logins: hashes only."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Text, bindparam, delete, func, select, update

from leadqual.errors import ConflictError, NotFoundError
from leadqual.store.phrases import dump, load
from leadqual.store.prepared import Link, Prepared, Row, insertion
from leadqual.store.records import KeyDraft, KeyKind, KeyRecord, SessionRecord, UserRecord
from leadqual.store.tables_operations import KEYS, SESSIONS, USERS
from leadqual.store.types import BigId, Flag, UtcTime

_AT: Final = bindparam("at", type_=UtcTime)
_KEY_ROW: Final = select(*KEYS.c)
_ID: Final = bindparam("id", type_=BigId)
_INSERT_KEY: Final = insertion(KEYS, returning=[KEYS.c.key_id])
_FIND_KEY: Final = Prepared(_KEY_ROW.where(KEYS.c.key_hash == bindparam("hash", type_=Text)))
_GET_KEY: Final = Prepared(_KEY_ROW.where(KEYS.c.key_id == _ID))
_LIST_KEYS: Final = Prepared(_KEY_ROW.order_by(KEYS.c.key_id))
_REVOKE_KEY: Final = Prepared(update(KEYS).where(KEYS.c.key_id == _ID).values(revoked_at=_AT))
_USE_KEY: Final = Prepared(update(KEYS).where(KEYS.c.key_id == _ID).values(last_used_at=_AT))


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


_USER: Final = bindparam("user", type_=Text)
_USER_ROW: Final = select(*USERS.c)
_INSERT_USER: Final = insertion(USERS, is_idempotent=True)
_FIND_USER: Final = Prepared(_USER_ROW.where(USERS.c.username == _USER))
_LIST_USERS: Final = Prepared(_USER_ROW.order_by(USERS.c.username))
_UPDATE_USER: Final = Prepared(
    update(USERS)
    .where(USERS.c.username == _USER)
    .values(
        updated_at=_AT,
        password_hash=func.coalesce(
            bindparam("new_hash", type_=Text), USERS.c.password_hash, type_=Text
        ),
        role=func.coalesce(bindparam("new_role", type_=Text), USERS.c.role, type_=Text),
        is_active=func.coalesce(bindparam("active", type_=Flag), USERS.c.is_active, type_=Flag),
    )
)


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


_HASH: Final = bindparam("hash", type_=Text)
_INSERT_SESSION: Final = insertion(SESSIONS)
_FIND_SESSION: Final = Prepared(select(*SESSIONS.c).where(SESSIONS.c.session_hash == _HASH))
_SEE: Final = Prepared(update(SESSIONS).where(SESSIONS.c.session_hash == _HASH).values(seen_at=_AT))
_DELETE: Final = Prepared(delete(SESSIONS).where(SESSIONS.c.session_hash == _HASH))
_DELETE_OF: Final = Prepared(delete(SESSIONS).where(SESSIONS.c.username == _USER))
_PRUNE: Final = Prepared(delete(SESSIONS).where(SESSIONS.c.expires_at <= _AT))


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
