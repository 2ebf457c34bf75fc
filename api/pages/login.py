"""Log in and out, and the way to one's own first page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import GuardedRoute, Public, serving_of
from api.pages.session import (
    EVERYONE,
    SessionGuard,
    cookie_name,
    flash_of,
    go,
    local_path,
    page,
    read_form,
    refuse_cross_site,
    set_cookie,
)
from leadqual.errors import AuthenticationError, ThrottledError
from leadqual.services.calls import Principal, Role

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

_HOME: Final[Mapping[Role, str]] = {
    Role.MRR: "/queue/mrr",
    Role.SDR: "/queue/sdr",
    Role.AM: "/queue/account_manager",
    Role.AE: "/handoffs",
}


@router.get("/", dependencies=[Depends(SessionGuard(EVERYONE))])
async def home(request: Request) -> Response:
    """Send everybody to the page they work on."""
    principal: Principal = request.state.principal
    home = _HOME.get(principal.role, "/overview") if principal.role else "/overview"
    return go(request, home)


@router.get("/login", dependencies=[Depends(Public("this is where people log in"))])
async def show_login(request: Request) -> Response:
    """Show the log-in form."""
    request.state.flash = flash_of(request)
    back = local_path(request.query_params.get("next"))
    return page(request, "login.html", back=back, error=None, username="")


@router.post("/login", dependencies=[Depends(Public("this is where people log in"))])
async def log_in(request: Request) -> Response:
    """Open a session and go to the page that was asked for."""
    refuse_cross_site(request)
    form = await read_form(request)
    given = {name: value for name, value in form.items() if isinstance(value, str)}
    username, password = given.get("username", "").strip(), given.get("password", "")
    back = local_path(given.get("next"))
    serving = serving_of(request)
    try:
        opened = await run_in_threadpool(
            serving.people.log_in,
            username,
            password,
            client=request.client.host if request.client else "unknown",
            now=serving.clock(),
        )
    except (AuthenticationError, ThrottledError) as error:
        status = 429 if isinstance(error, ThrottledError) else 401
        response = page(
            request, "login.html", status=status, back=back, error=str(error), username=username
        )
        if isinstance(error, ThrottledError):
            response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    response = go(request, back)
    set_cookie(request, response, opened.cookie, name=cookie_name(request))
    return response


@router.post("/logout", dependencies=[Depends(SessionGuard(EVERYONE))])
async def log_out(request: Request) -> Response:
    """End the session."""
    serving = serving_of(request)
    name = cookie_name(request)
    await run_in_threadpool(
        serving.people.log_out, request.cookies.get(name, ""), now=serving.clock()
    )
    response = go(request, "/login", flash="logged-out")
    response.delete_cookie(name, path="/", secure=serving.settings.secure_cookies, httponly=True)
    return response
