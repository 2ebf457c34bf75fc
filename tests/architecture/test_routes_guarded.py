"""Nothing is open by mistake: every route says who may call it."""

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from api import application
from api.auth import Guard, GuardedRoute, KeyGuard, Public
from api.direct import DIRECT_CALLS
from api.forms import FormGuard
from api.health import Internal
from api.pages.session import SessionGuard
from leadqual.services.calls import Scope

PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/thanks"),
    ("GET", "/demo/form"),
}
SCOPES = {
    ("POST", "/v1/leads"): {Scope.LEADS_WRITE},
    ("POST", "/v1/leads/batch"): {Scope.LEADS_WRITE},
    ("POST", "/v1/score"): {Scope.LEADS_READ},
    ("GET", "/v1/leads/{lead_id}"): {Scope.LEADS_READ},
    ("GET", "/v1/leads/{lead_id}/history"): {Scope.LEADS_READ},
    ("DELETE", "/v1/leads/{lead_id}"): {Scope.ADMIN},
    ("GET", "/v1/queues"): {Scope.QUEUE_WORK},
    ("GET", "/v1/queues/{queue}"): {Scope.QUEUE_WORK},
    ("POST", "/v1/queues/{queue}/claim"): {Scope.QUEUE_WORK},
    ("POST", "/v1/leads/{lead_id}/claim"): {Scope.QUEUE_WORK},
    ("POST", "/v1/leads/{lead_id}/release"): {Scope.QUEUE_WORK},
    ("POST", "/v1/leads/{lead_id}/snooze"): {Scope.QUEUE_WORK},
    ("POST", "/v1/leads/{lead_id}/outcomes"): {Scope.OUTCOMES_WRITE},
    ("POST", "/v1/outcomes/batch"): {Scope.OUTCOMES_WRITE},
    ("GET", "/v1/reports/funnel"): {Scope.REPORTS_READ},
    ("GET", "/v1/models"): {Scope.MODELS_PROMOTE, Scope.REPORTS_READ},
    ("POST", "/v1/models/{version}/promote"): {Scope.MODELS_PROMOTE},
    ("POST", "/v1/models/rollback"): {Scope.MODELS_PROMOTE},
    ("GET", "/v1/standards"): {Scope.POLICY_WRITE},
    ("POST", "/v1/standards"): {Scope.POLICY_WRITE},
    ("POST", "/v1/standards/{version}/activate"): {Scope.POLICY_WRITE},
}
"""The matrix of DESIGN section 9: a change here is a decision, not a side effect."""


def app_without_services() -> FastAPI:
    app = FastAPI()
    for module in application.MODULES:
        app.include_router(module.router)
    return app


def routes() -> dict[tuple[str, str], Guard]:
    found = {}
    for context in iter_route_contexts(app_without_services().routes):
        route = context.original_route
        if not isinstance(route, APIRoute):
            continue
        guards = [d.dependency for d in route.dependencies if isinstance(d.dependency, Guard)]
        assert len(guards) == 1, route.path
        for method in route.methods or ():
            found[method, route.path] = guards[0]
    return found


ROUTES = routes()


@pytest.mark.parametrize(("route", "guard"), ROUTES.items(), ids=lambda value: str(value)[:60])
def test_route_declares_a_scope_a_role_or_is_listed_as_public(
    route: tuple[str, str], guard: Guard
) -> None:
    if route in PUBLIC:
        assert isinstance(guard, Public)
        assert guard.reason
    elif route[1].startswith("/v1/forms/"):
        assert isinstance(guard, FormGuard)
    elif route[1] == "/metrics":
        assert isinstance(guard, Internal)
    elif route[1].startswith("/v1/"):
        assert isinstance(guard, KeyGuard)
        assert guard.rule.scopes == SCOPES[route]
    else:
        assert isinstance(guard, SessionGuard)
        assert guard.roles


def test_only_creating_a_lead_takes_a_form_key() -> None:
    taking = {
        route
        for route, guard in ROUTES.items()
        if isinstance(guard, KeyGuard) and guard.rule.takes_form_key
    }

    assert taking == {("POST", "/v1/leads")}


def test_calls_that_skip_fastapi_ask_for_the_same_keys_as_their_routes() -> None:
    for call in DIRECT_CALLS:
        guard = ROUTES["POST", call.path]

        assert isinstance(guard, KeyGuard)
        assert guard.rule == call.rule


def test_every_listed_route_exists() -> None:
    assert set(ROUTES) >= PUBLIC | set(SCOPES)


def test_a_route_without_a_guard_cannot_be_built() -> None:
    router = APIRouter(route_class=GuardedRoute)

    with pytest.raises(TypeError, match="exactly one"):

        @router.get("/open")
        async def open_to_all() -> None: ...


def test_a_route_with_two_guards_cannot_be_built() -> None:
    router = APIRouter(route_class=GuardedRoute)
    both = [Depends(Public("a")), Depends(Public("b"))]

    with pytest.raises(TypeError, match="exactly one"):

        @router.get("/open", dependencies=both)
        async def open_to_all() -> None: ...
