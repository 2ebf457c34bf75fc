"""People: users with roles, log-in with a throttle, and server-side sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from leadqual.services.calls import Call, Principal, Role

SESSION_IDLE: Final = timedelta(hours=8)
SESSION_ABSOLUTE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class UserView:
    """A user without the password hash."""

    username: str
    role: Role
    is_active: bool


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

    Methods
    -------
    add_user(username, password, *, role, call) -> UserView
    set_password(username, password, *, call) -> UserView
    deactivate(username, *, call) -> UserView
    list(*, call) -> tuple[UserView, ...]
    log_in(username, password, *, client, now) -> NewSession
    session(cookie, *, now) -> Session
    check_csrf(session, presented) -> None
    log_out(cookie, *, now) -> None
    """

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
        raise AssertionError

    def session(self, cookie: str, *, now: datetime) -> Session:
        """Return the session of a cookie. Raises `AuthenticationError` when it is over."""
        raise AssertionError

    def check_csrf(self, session: Session, presented: str) -> None:
        """Raise `PermissionDeniedError` unless a form sent its session's CSRF token."""
        raise AssertionError

    def log_out(self, cookie: str, *, now: datetime) -> None:
        """End a session; nothing happens when it is over already."""
        raise AssertionError
