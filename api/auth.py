"""Who may call what. A route without a guard cannot be built, so nothing is open by mistake."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from functools import cached_property
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request, params
from fastapi.openapi.models import HTTPBearer as BearerModel
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from starlette.responses import Response

from api.answers import field_problems
from api.asgi import header_of
from api.direct import IDEMPOTENCY_KEY, handed_over
from api.errors import INVALID, WRONG_TYPE, ProblemError, count_fields
from api.keys import KeyRule, presented_key, verify_key
from api.limits import count_request
from api.strict import StrictRequest
from leadqual.errors import AuthenticationError
from leadqual.leads.schema import Rejected
from leadqual.services.calls import Call, Principal, Scope
from leadqual.services.idempotent import Once
from leadqual.services.serving import Serving

FORM_TYPE: Final = "application/x-www-form-urlencoded"
"""The only form encoding that is read: our pages use no other, and multipart parsers are large."""


def serving_of(request: Request) -> Serving:
    """Return the services that this application serves from."""
    serving: Serving = request.app.state.serving
    return serving


class Guard(ABC):
    """Decide whether a request may go on; each route depends on exactly one.

    `admit` runs before the body is read, so a stranger cannot make us parse one.
    """

    @abstractmethod
    async def admit(self, request: Request) -> None:
        """Put the principal into `request.state`, or raise."""

    async def __call__(self) -> Guard:
        """Return the guard: as a dependency it only declares itself, `admit` did the work."""
        return self


class Public(Guard):
    """Let everybody in, for a reason.

    Parameters
    ----------
    reason : str
        Why no credentials are asked for here.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def admit(self, request: Request) -> None:
        """Do nothing."""


class KeyGuard(Guard, SecurityBase):
    """Ask for an API key with one of the scopes (`Authorization: Bearer KEY`).

    Parameters
    ----------
    *scopes : Scope
        Any of them will do.
    takes_form_key : bool
        Whether a publishable form key may call this too; its limits are the route's business.
    """

    def __init__(self, *scopes: Scope, takes_form_key: bool = False) -> None:
        self.model = BearerModel(
            description="A secret key (`lq_sk_…`) with the scope that the call names. "
            "`POST /v1/leads` also takes a form key (`lq_pk_…`)."
        )
        self.scheme_name = "apiKey"
        self.rule = KeyRule(frozenset(scopes), takes_form_key)

    @classmethod
    def by(cls, rule: KeyRule) -> KeyGuard:
        """Return the guard for a rule."""
        return cls(*rule.scopes, takes_form_key=rule.takes_form_key)

    async def admit(self, request: Request) -> None:
        """Check the key and its scopes, and count the call.

        Raises
        ------
        AuthenticationError, PermissionDeniedError
        ProblemError
            429 when the key is over its rate.
        """
        presented = presented_key(header_of(request.scope, b"authorization"))
        if presented is None:
            raise AuthenticationError(
                "this call needs a key: send the header 'Authorization: Bearer KEY' "
                "(leadqual keys create makes one)"
            )
        principal = await verify_key(serving_of(request), presented)
        self.rule.check(principal)
        count_request(request.app.state.key_rate, principal.name)
        request.state.principal = principal


class GuardedRoute(APIRoute):
    """A route that admits the caller first, then reads the body strictly.

    Raises
    ------
    TypeError
        While the application is built, when not exactly one `Guard` is among `dependencies`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI behind the guard."""
        guard, takes_json = self.guard, self.body_field is not None and not _is_form(self)
        handle = super().get_route_handler()

        async def handle_guarded(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            await _admit(strict, guard)
            if takes_json:
                _require_json(strict)
            return await handle(strict)

        return handle_guarded

    @cached_property
    def guard(self) -> Guard:
        """Return the one guard of the route."""
        guards = [d.dependency for d in self.dependencies if isinstance(d.dependency, Guard)]
        if len(guards) != 1:
            raise TypeError(f"{self.path} has {len(guards)} guards; every route needs exactly one")
        return guards[0]


async def _admit(request: Request, guard: Guard) -> None:
    """Let the guard decide, unless `api.front` has asked its key already; raise what came of it."""
    handed = handed_over(request.scope)
    if handed is None or not isinstance(guard, KeyGuard) or handed.call.rule != guard.rule:
        await guard.admit(request)
    elif isinstance(handed.outcome, Rejected):
        raise unusable(handed.outcome)
    elif handed.outcome is not None:
        raise handed.outcome
    elif handed.principal is None:
        await guard.admit(request)
    else:
        request.state.principal = handed.principal


def unusable(rejected: Rejected, headers: Mapping[str, str] | None = None) -> ProblemError:
    """Return the problem for a lead that cannot be used."""
    fields = field_problems(rejected.reasons)
    return ProblemError(INVALID, count_fields(len(fields)), fields=fields, headers=headers)


def _is_form(route: APIRoute) -> bool:
    return any(isinstance(field.field_info, params.Form) for field in route.dependant.body_params)


def media_type_of(request: Request) -> str:
    """Return what the body is declared to be, without parameters; empty when it is not."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _require_json(request: Request) -> None:
    given = media_type_of(request)
    # Without a type FastAPI reads no body, and a required one is reported as missing.
    if given and given != "application/json" and not given.endswith("+json"):
        raise ProblemError(WRONG_TYPE, "send the header 'Content-Type: application/json'")


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=IDEMPOTENCY_KEY,
        description="Send the same key again when you did not get the answer: the first answer is "
        "repeated and nothing is done twice. Kept for 7 days.",
    ),
]


def make_call(request: Request, *, key: str | None = None, body: bytes = b"") -> Call:
    """Return who calls, when and under which idempotency key, which stands for one body."""
    principal: Principal = request.scope["state"]["principal"]
    once = None
    if key is not None:
        scope = f"{principal.name}:{request.method} {request.url.path}"
        once = Once.of(key, scope=scope, body=body)
    return Call(principal=principal, now=serving_of(request).clock(), once=once)


async def call_of(request: Request, idempotency_key: IdempotencyKey = None) -> Call:
    """Return the call of a request that changes something."""
    body = b"" if idempotency_key is None else await request.body()
    return make_call(request, key=idempotency_key, body=body)


async def read_call_of(request: Request) -> Call:
    """Return who calls and when, for calls that change nothing."""
    return make_call(request)


async def services_of(request: Request) -> Serving:
    """Return the services; a coroutine, because FastAPI runs plain functions in a thread."""
    return serving_of(request)


Services = Annotated[Serving, Depends(services_of)]
Writing = Annotated[Call, Depends(call_of)]
Reading = Annotated[Call, Depends(read_call_of)]
