"""Who looks at a page: session cookie, roles, CSRF token, messages shown once."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from api.auth import FORM_TYPE, Guard, media_type_of, serving_of
from api.errors import WRONG_TYPE, ProblemError
from api.rendering import Flash, Link, Viewer, render
from leadqual.errors import AuthenticationError, PermissionDeniedError
from leadqual.routing.decision import Queue
from leadqual.services.calls import Call, Principal, Role
from leadqual.services.idempotent import Once
from leadqual.services.people import Session

REPS: Final = frozenset({Role.MRR, Role.SDR, Role.AM, Role.LEADER, Role.OPS, Role.ADMIN})
CLOSERS: Final = frozenset({Role.AE, Role.AM, Role.LEADER, Role.OPS, Role.ADMIN})
LEADERS: Final = frozenset({Role.LEADER, Role.OPS, Role.SCIENTIST, Role.ADMIN})
EVERYONE: Final = frozenset(Role)

_FLASH_COOKIE: Final = "leadqual_flash"
_MAX_FIELDS: Final = 60

FLASHES: Final[Mapping[str, Flash]] = {
    "claimed": Flash("It is yours now. Nobody else can take it while you work on it."),
    "released": Flash("Given back: a colleague can take it now."),
    "snoozed": Flash("Put off. It comes back by itself."),
    "recorded": Flash("Noted."),
    "closed": Flash("Closed and out of the queue."),
    "handed-off": Flash("Handed off. The account executive sees it with your brief."),
    "accepted": Flash("Accepted: it is an opportunity now."),
    "rejected": Flash("Sent back to the rep with your reason."),
    "won": Flash("Won. Congratulations!"),
    "lost": Flash("Closed as lost."),
    "empty": Flash("Nothing is free in this queue right now.", "bad"),
    "taken": Flash("A colleague was faster: that lead is taken.", "bad"),
    "logged-out": Flash("You are logged out."),
    "session-over": Flash("Your session has ended and nothing was saved. Log in again.", "bad"),
}

_ROLE_WORDS: Final[Mapping[Role, str]] = {
    Role.MRR: "Market response",
    Role.SDR: "Sales development",
    Role.AE: "Account executive",
    Role.AM: "Account manager",
    Role.LEADER: "Sales leader",
    Role.OPS: "Operations",
    Role.SCIENTIST: "Data science",
    Role.ADMIN: "Administrator",
}
_QUEUE_LINKS: Final = (
    (Queue.MRR, "Inbound"),
    (Queue.SDR, "Outbound"),
    (Queue.ACCOUNT_MANAGER, "Customers"),
)


def cookie_name(request: Request) -> str:
    """Return the name of the session cookie; `__Host-` binds it to HTTPS and this host."""
    is_secure = serving_of(request).settings.secure_cookies
    return "__Host-leadqual" if is_secure else "leadqual"


def set_cookie(request: Request, response: Response, value: str, *, name: str) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send along with a post."""
    response.set_cookie(
        name,
        value,
        httponly=True,
        samesite="lax",
        path="/",
        secure=serving_of(request).settings.secure_cookies,
    )


def go(request: Request, href: str, *, flash: str | None = None) -> RedirectResponse:
    """Send the browser on after a post, so that reloading repeats nothing."""
    response = RedirectResponse(href, status_code=HTTPStatus.SEE_OTHER)
    if flash is not None:
        set_cookie(request, response, flash, name=_FLASH_COOKIE)
    return response


def local_path(given: str | None, *, default: str = "/") -> str:
    """Return a path on this site; anything that leads elsewhere becomes the default."""
    if not given or not given.startswith("/") or given.startswith(("//", "/\\")):
        return default
    parts = urlsplit(given)
    return default if parts.scheme or parts.netloc or "\\" in given else given


def refuse_cross_site(request: Request) -> None:
    """Refuse a post that a page of another site sent.

    Raises
    ------
    PermissionDeniedError
        When the browser says so (`Sec-Fetch-Site`, or an `Origin` that is not this host).
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if site not in {"same-origin", "none"} or not is_ours:
        raise PermissionDeniedError("this form was sent from another site; open the page here")


async def read_form(request: Request) -> FormData:
    """Return a posted form.

    Raises
    ------
    ProblemError
        When the body is anything but an urlencoded form.
    """
    if media_type_of(request) != FORM_TYPE:
        raise ProblemError(WRONG_TYPE, f"send {FORM_TYPE}")
    return await request.form(max_fields=_MAX_FIELDS)


class SessionGuard(Guard):
    """Ask for a logged-in person with one of the roles, and for the CSRF token of each post.

    Parameters
    ----------
    roles : frozenset of Role
        Who may see the page.
    """

    def __init__(self, roles: frozenset[Role]) -> None:
        self.roles = roles

    async def admit(self, request: Request) -> None:
        """Put principal, viewer, flash and form into `request.state`.

        Raises
        ------
        HTTPException
            303 to the log-in page when nobody is logged in.
        PermissionDeniedError
            When the role may not, or a post lacks the session's token.
        """
        session = await self._session(request)
        principal = session.principal
        request.state.principal = principal
        request.state.viewer = viewer_of(session)
        request.state.flash = FLASHES.get(request.cookies.get(_FLASH_COOKIE, ""))
        if principal.role not in self.roles:
            raise PermissionDeniedError("this page belongs to another role")
        if request.method == "POST":
            refuse_cross_site(request)
            form = await read_form(request)
            token = form.get("csrf")
            serving_of(request).people.check_csrf(session, token if isinstance(token, str) else "")
            request.state.form = form

    async def _session(self, request: Request) -> Session:
        serving = serving_of(request)
        cookie = request.cookies.get(cookie_name(request), "")
        try:
            return await run_in_threadpool(serving.people.session, cookie, now=serving.clock())
        except AuthenticationError as error:
            raise _to_login(request, had_session=bool(cookie)) from error


def _to_login(request: Request, *, had_session: bool) -> HTTPException:
    back = request.url.path if request.method in {"GET", "HEAD"} else "/"
    headers = {"Location": f"/login?next={quote(back)}" if back != "/" else "/login"}
    if had_session:
        flash = f"{_FLASH_COOKIE}=session-over; HttpOnly; SameSite=Lax; Path=/"
        headers["Set-Cookie"] = flash
    return HTTPException(HTTPStatus.SEE_OTHER, headers=headers)


def flash_of(request: Request) -> Flash | None:
    """Return the message that the last action left for this browser."""
    return FLASHES.get(request.cookies.get(_FLASH_COOKIE, ""))


def page(request: Request, template: str, *, status: int = 200, **values: object) -> Response:
    """Return a page; a message that it shows disappears with the next one."""
    response = render(request, template, status=status, **values)
    if _FLASH_COOKIE in request.cookies:
        response.delete_cookie(_FLASH_COOKIE, path="/")
    return response


def viewer_of(session: Session) -> Viewer:
    """Return what the frame of a page shows of a person: name, role, where to go."""
    role = session.principal.role or Role.SCIENTIST
    return Viewer(
        name=session.principal.name,
        role=role.value,
        role_words=_ROLE_WORDS[role],
        csrf=session.csrf_token,
        links=_links(session.principal, role),
    )


def _links(principal: Principal, role: Role) -> tuple[Link, ...]:
    queues = principal.queues
    links = [Link(text, f"/queue/{q.value}") for q, text in _QUEUE_LINKS if q in queues]
    if role in CLOSERS:
        links += [Link("Hand-offs", "/handoffs"), Link("Finished", "/handoffs/finished")]
    if role in LEADERS:
        links.append(Link("Overview", "/overview"))
    return tuple(links)


def page_call(request: Request) -> Call:
    """Return who acts and when; the form's hidden `once` makes a double click harmless."""
    principal: Principal = request.state.principal
    form: FormData | None = getattr(request.state, "form", None)
    key = form.get("once") if form is not None else None
    once = None
    if form is not None and isinstance(key, str) and 1 <= len(key) <= 100 and key.isascii():
        body = "\x00".join(f"{name}={value}" for name, value in sorted(form.multi_items(), key=str))
        once = Once.of(key, scope=f"{principal.name}:page {request.url.path}", body=body.encode())
    return Call(principal=principal, now=serving_of(request).clock(), once=once)


def field(request: Request, name: str) -> str | None:
    """Return one field of a posted form, trimmed; None when it is absent or empty."""
    form: FormData = request.state.form
    value = form.get(name)
    return value.strip() or None if isinstance(value, str) else None
