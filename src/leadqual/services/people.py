"""People: users with roles, log-in with a throttle, and server-side sessions."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from leadqual.errors import (
    AuthenticationError,
    BusyError,
    InputError,
    PermissionDeniedError,
)
from leadqual.services.calls import ROLE_SCOPES, Call, Principal, PrincipalKind, Role, Scope
from leadqual.services.passwords import Passwords
from leadqual.services.throttle import Throttle
from leadqual.services.writer import GroupWriter
from leadqual.store import SessionRecord, Store, Tx, UserRecord

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SESSION_IDLE: Final = timedelta(hours=8)
SESSION_ABSOLUTE: Final = timedelta(hours=24)
USE_NOTED_EVERY: Final = timedelta(minutes=5)
MIN_PASSWORD: Final = 10
MAX_PASSWORD: Final = 200
_RESERVED: Final = frozenset({"system", "operator"})
"""Actors of the audit log that are no persons."""

_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True)
class UserView:
    """A user without the password hash."""

    username: str
    role: Role
    is_active: bool
    full_name: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A live session: who it is and the CSRF token its forms must send."""

    principal: Principal
    csrf_token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just opened; `cookie` is the secret for the browser, kept only as a hash."""

    cookie: str
    session: Session


class People:
    """Add users, log them in and out, and recognise their sessions.

    Parameters
    ----------
    store : Store
        Where users and sessions are looked up.
    writer : GroupWriter
        Where changes are written.
    hasher : PasswordHasher
        argon2id with its own defaults, unless a test wants it cheap.
    """

    def __init__(
        self, store: Store, writer: GroupWriter, *, hasher: PasswordHasher | None = None
    ) -> None:
        self._store = store
        self._writer = writer
        self._passwords = Passwords(hasher)
        self._by_name = Throttle(n_allowed=5)
        self._by_client = Throttle(n_allowed=20)

    def add_user(
        self,
        username: str,
        password: str,
        *,
        role: Role,
        call: Call,
        full_name: str | None = None,
    ) -> UserView:
        """Add a person who can log in.

        Raises
        ------
        PermissionDeniedError
            When the caller is no administrator.
        InputError
            When the name or the password is not usable.
        ConflictError
            When the name is taken.
        """
        call.principal.require(Scope.ADMIN)
        if not _USERNAME.fullmatch(username) or username in _RESERVED:
            raise InputError(
                "a user name has up to 64 characters: a-z, 0-9, and . _ @ + - after the first; "
                "system and operator are taken"
            )
        password_hash = self._hashed(password)

        def work(tx: Tx) -> UserView:
            tx.users.insert(
                UserRecord(
                    username=username,
                    password_hash=password_hash,
                    role=role.value,
                    is_active=True,
                    full_name=full_name,
                    created_at=call.now,
                    updated_at=call.now,
                )
            )
            return _changed(tx, call, username=username, action="user.added")

        return self._writer.run(work)

    def set_password(self, username: str, password: str, *, call: Call) -> UserView:
        """Give a user a new password and end their sessions.

        Raises
        ------
        PermissionDeniedError, InputError
        NotFoundError
            When there is no such user.
        """
        call.principal.require(Scope.ADMIN)
        password_hash = self._hashed(password)

        def work(tx: Tx) -> UserView:
            tx.users.update(username, password_hash=password_hash, at=call.now)
            tx.sessions.delete_of(username)
            return _changed(tx, call, username=username, action="user.password_set")

        return self._writer.run(work)

    def deactivate(self, username: str, *, call: Call) -> UserView:
        """Lock a user out and end their sessions; what they did stays.

        Raises
        ------
        PermissionDeniedError
        NotFoundError
            When there is no such user.
        """
        call.principal.require(Scope.ADMIN)

        def work(tx: Tx) -> UserView:
            tx.users.update(username, is_active=False, at=call.now)
            tx.sessions.delete_of(username)
            return _changed(tx, call, username=username, action="user.deactivated")

        return self._writer.run(work)

    def list(self, *, call: Call) -> tuple[UserView, ...]:
        """Return every user by name. Needs `admin`."""
        call.principal.require(Scope.ADMIN)
        with self._store.read() as tx:
            return tuple(_view(record) for record in tx.users.list())

    def closers(self, *, call: Call) -> tuple[str, ...]:
        """Return the names of the AEs that a hand-off can go to. Needs `queue:work`."""
        call.principal.require(Scope.QUEUE_WORK)
        with self._store.read() as tx:
            users = tx.users.list()
        return tuple(user.username for user in users if user.is_active and user.role == Role.AE)

    def log_in(self, username: str, password: str, *, client: str, now: datetime) -> NewSession:
        """Open a session.

        Parameters
        ----------
        client : str
            Network address of the caller; counts, with the user name, for the throttle.

        Raises
        ------
        AuthenticationError
            When the pair is wrong; whether the user exists is not said.
        ThrottledError
            After 5 wrong passwords for one name, or 20 from one client, within 15 minutes.
        """
        self._by_name.check(username, now=now)
        self._by_client.check(client, now=now)
        user = self._checked(username, password)
        if user is None:
            self._by_name.fail(username, now=now)
            self._by_client.fail(client, now=now)
            raise AuthenticationError("user name or password is wrong")
        self._by_name.forget(username)
        return self._opened(user, now)

    def session(self, cookie: str, *, now: datetime) -> Session:
        """Return the session of a cookie.

        Raises
        ------
        AuthenticationError
            When it is over: logged out, idle for 8 hours, a day old, or the user was locked out.
        """
        with self._store.read() as tx:
            record = tx.sessions.find(_digest(cookie))
            user = None if record is None else tx.users.find(record.username)
        is_live = record is not None and now < min(record.expires_at, record.seen_at + SESSION_IDLE)
        if record is None or user is None or not is_live or not user.is_active:
            raise AuthenticationError("the session is over; log in again")
        if now - record.seen_at >= USE_NOTED_EVERY:
            with contextlib.suppress(BusyError):
                self._writer.submit(lambda tx: tx.sessions.note_use(record.session_hash, at=now))
        return Session(_principal(user), record.csrf_token, record.expires_at)

    def check_csrf(self, session: Session, presented: str) -> None:
        """Do nothing when a form sent the CSRF token of its session.

        Raises
        ------
        PermissionDeniedError
            When it did not.
        """
        if not hmac.compare_digest(session.csrf_token.encode(), presented.encode()):
            raise PermissionDeniedError("this page is out of date; reload it and try again")

    def log_out(self, cookie: str, *, now: datetime) -> None:
        """End a session, and forget those that ran out; nothing happens when it is over already."""

        def work(tx: Tx) -> None:
            tx.sessions.delete(_digest(cookie))
            tx.sessions.prune(now)

        self._writer.run(work)

    def _hashed(self, password: str) -> str:
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise InputError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        return self._passwords.hash(password)

    def _checked(self, username: str, password: str) -> UserRecord | None:
        """Return the user when the password is right; as slow for unknown names as for known."""
        with self._store.read() as tx:
            user = tx.users.find(username)
        is_right = self._passwords.is_right(password, None if user is None else user.password_hash)
        return user if is_right and user is not None and user.is_active else None

    def _opened(self, user: UserRecord, now: datetime) -> NewSession:
        cookie = secrets.token_urlsafe(32)
        record = SessionRecord(
            session_hash=_digest(cookie),
            username=user.username,
            csrf_token=secrets.token_urlsafe(32),
            created_at=now,
            seen_at=now,
            expires_at=now + SESSION_ABSOLUTE,
        )

        self._writer.run(lambda tx: tx.sessions.insert(record))
        return NewSession(cookie, Session(_principal(user), record.csrf_token, record.expires_at))


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _principal(user: UserRecord) -> Principal:
    role = Role(user.role)
    return Principal(PrincipalKind.USER, user.username, ROLE_SCOPES[role], role=role)


def _changed(tx: Tx, call: Call, *, username: str, action: str) -> UserView:
    """Write down who changed a user, and return the user as it is now."""
    tx.audit.append(action, actor=call.principal.name, subject=f"user:{username}", at=call.now)
    return _view(tx.users.get(username))


def _view(record: UserRecord) -> UserView:
    return UserView(record.username, Role(record.role), record.is_active, record.full_name)
