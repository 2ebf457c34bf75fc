"""API keys, people and their logins."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Text, bindparam, delete, func, select, update

from leadqual.store.statements.definitions import Statements
from leadqual.store.statements.inserts import insertion
from leadqual.store.tables_operations import KEYS, SESSIONS, USERS
from leadqual.store.types import BigId, Flag, UtcTime

_AT: Final = bindparam("at", type_=UtcTime)
_KEY: Final = select(*KEYS.c)
_OF_KEY: Final = KEYS.c.key_id == bindparam("id", type_=BigId)
_OF_SECRET: Final = KEYS.c.key_hash == bindparam("hash", type_=Text)
_KEYS: Final[Statements] = {
    "insert_key": insertion(KEYS, returning=[KEYS.c.key_id]),
    "find_key": _KEY.where(_OF_SECRET),
    "get_key": _KEY.where(_OF_KEY),
    "list_keys": _KEY.order_by(KEYS.c.key_id),
    "revoke_key": update(KEYS).where(_OF_KEY).values(revoked_at=_AT),
    "use_key": update(KEYS).where(_OF_KEY).values(last_used_at=_AT),
}

_NAME: Final = bindparam("user", type_=Text)
_USER: Final = select(*USERS.c)
_OF_NAME: Final = USERS.c.username == _NAME
_NEW_HASH: Final = bindparam("new_hash", type_=Text)
_NEW_ROLE: Final = bindparam("new_role", type_=Text)
_ACTIVE: Final = bindparam("active", type_=Flag)
_USERS: Final[Statements] = {
    "insert_user": insertion(USERS, is_idempotent=True),
    "find_user": _USER.where(_OF_NAME),
    "list_users": _USER.order_by(USERS.c.username),
    "update_user": (
        update(USERS)
        .where(_OF_NAME)
        .values(
            updated_at=_AT,
            password_hash=func.coalesce(_NEW_HASH, USERS.c.password_hash, type_=Text),
            role=func.coalesce(_NEW_ROLE, USERS.c.role, type_=Text),
            is_active=func.coalesce(_ACTIVE, USERS.c.is_active, type_=Flag),
        )
    ),
}

_OF_COOKIE: Final = SESSIONS.c.session_hash == bindparam("hash", type_=Text)
_SESSIONS: Final[Statements] = {
    "insert_session": insertion(SESSIONS),
    "find_session": select(*SESSIONS.c).where(_OF_COOKIE),
    "see_session": update(SESSIONS).where(_OF_COOKIE).values(seen_at=_AT),
    "delete_session": delete(SESSIONS).where(_OF_COOKIE),
    "delete_sessions_of": delete(SESSIONS).where(SESSIONS.c.username == _NAME),
    "prune_sessions": delete(SESSIONS).where(SESSIONS.c.expires_at <= _AT),
}

STATEMENTS: Final[Statements] = {**_KEYS, **_USERS, **_SESSIONS}
