"""Problem documents (RFC 9457), and the one table from exception class to HTTP status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from api.rendering import render
from leadqual import errors

FORMS: Final = "/v1/forms/"
"""Where forms of websites post to: the one call of the API that people make with a browser."""

RETRY_AFTER_SECONDS: Final = 2
"""How long a caller waits before it tries again when the store does not answer."""

_MAX_LISTED: Final = 100
_SAFE_NAME: Final = re.compile(r"[\w .\-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """Status, stable name and title of one kind of problem.

    `is_ours` marks what the caller can do nothing about: its message stays in the log.
    """

    status: int
    slug: str
    title: str
    is_ours: bool = False


BROKEN: Final = ProblemKind(500, "internal", "Something broke on our side", is_ours=True)
_STORE_DOWN: Final = ProblemKind(
    503, "store-unavailable", "The database does not answer; try again", is_ours=True
)

KIND_OF: Final[Mapping[type[errors.LeadqualError], ProblemKind]] = {
    errors.LeadqualError: BROKEN,
    errors.ConfigError: BROKEN,
    errors.InputError: ProblemKind(422, "invalid-input", "The input cannot be used"),
    errors.FileFormatError: ProblemKind(422, "invalid-file", "The file cannot be read"),
    errors.MappingError: ProblemKind(422, "invalid-mapping", "The mapping cannot be used"),
    errors.StandardError: ProblemKind(422, "invalid-standard", "The standard cannot be used"),
    errors.LeakageError: ProblemKind(422, "leakage", "Columns are known only after the outcome"),
    errors.TrainingError: ProblemKind(409, "cannot-train", "The history cannot be learned from"),
    errors.NotEnoughDataError: ProblemKind(409, "not-enough-data", "Too few labelled leads"),
    errors.BundleError: ProblemKind(409, "bad-bundle", "The model bundle cannot be used"),
    errors.SignatureError: ProblemKind(409, "bad-signature", "The model bundle is not ours"),
    errors.UnknownVersionError: ProblemKind(404, "unknown-version", "No such model version"),
    errors.PromotionRefusedError: ProblemKind(409, "promotion-refused", "The gate refused"),
    errors.StoreError: _STORE_DOWN,
    errors.SchemaVersionError: ProblemKind(
        503, "schema-version", "The database has another schema version", is_ours=True
    ),
    errors.NotFoundError: ProblemKind(404, "not-found", "No such record"),
    errors.ConflictError: ProblemKind(409, "conflict", "The record's state does not allow this"),
    errors.StaleTokenError: ProblemKind(409, "stale-token", "The lease was lost"),
    errors.IdempotencyError: ProblemKind(
        422, "idempotency-key-reused", "The idempotency key was used with another body"
    ),
    errors.BusyError: ProblemKind(503, "busy", "Too much is waiting; try again"),
    errors.AccessError: ProblemKind(403, "access-refused", "You may not do this"),
    errors.AuthenticationError: ProblemKind(401, "not-authenticated", "No valid credentials"),
    errors.PermissionDeniedError: ProblemKind(403, "permission-denied", "You may not do this"),
    errors.ThrottledError: ProblemKind(429, "throttled", "Too many wrong attempts"),
}
"""Every class is listed, also where its parent would do: a new class needs a decision."""


class FieldProblem(BaseModel):
    """What is wrong with one field; never its value."""

    field: str = Field(examples=["contact.email"])
    reason: str = Field(examples=["not a valid e-mail address"])


class Problem(BaseModel):
    """Describe why a request was refused (RFC 9457, `application/problem+json`)."""

    type: str = Field(examples=["urn:leadqual:problem:invalid-input"])
    title: str = Field(examples=["The input cannot be used"])
    status: int = Field(examples=[422])
    detail: str | None = Field(default=None, examples=["1 field needs repair"])
    errors: list[FieldProblem] | None = Field(default=None, description="one entry per field")
    allowed: list[str] | None = Field(
        default=None, description="409: the outcome types that the present state allows"
    )
    request_id: str | None = Field(default=None, description="quote it when you report a fault")


class ProblemError(HTTPException):
    """Refuse a request with a problem document of our own."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        fields: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.status, detail=detail, headers=dict(headers or {}))
        self.kind = kind
        self.fields = tuple(fields)


INVALID: Final = ProblemKind(422, "invalid-input", "The input cannot be used")
MALFORMED: Final = ProblemKind(400, "malformed-json", "The body is not JSON")
TOO_MANY_FIELDS: Final = ProblemKind(400, "too-many-fields", "The form has too many fields")
TOO_LARGE: Final = ProblemKind(413, "body-too-large", "The body is too large")
TOO_SLOW: Final = ProblemKind(408, "body-too-slow", "The body did not arrive in time")
WRONG_TYPE: Final = ProblemKind(415, "wrong-type", "The body has the wrong Content-Type")
TOO_MANY: Final = ProblemKind(429, "too-many-requests", "Too many requests; slow down")


def kind_of(error: errors.LeadqualError) -> ProblemKind:
    """Return the kind of an exception: its own entry, else that of its nearest parent."""
    return next(KIND_OF[parent] for parent in type(error).__mro__ if parent in KIND_OF)


def field_path(location: Iterable[object]) -> str:
    """Return a dotted field path; parts that do not look like field names become `?`.

    Names of unknown fields come from the caller. Short plain words are worth repeating,
    anything else could be an e-mail address, a page of text or markup.
    """
    parts = [str(part) for part in location]
    if parts and parts[0] in {"body", "query", "path", "header"}:
        parts = parts[1:]
    return ".".join(part if _SAFE_NAME.match(part) else "?" for part in parts) or "body"


def is_posted_form(request: Request) -> bool:
    """Return whether a visitor of some website sent a form, rather than a script a JSON body."""
    is_json = request.headers.get("content-type", "").startswith("application/json")
    return request.method == "POST" and request.url.path.startswith(FORMS) and not is_json


def wants_page(request: Request) -> bool:
    """Return whether the caller is a browser looking at one of our pages, or posting a form."""
    is_page = not request.url.path.startswith("/v1/") or is_posted_form(request)
    return is_page and "text/html" in request.headers.get("accept", "")


def problem_answer(
    request: Request,
    kind: ProblemKind,
    *,
    detail: str | None,
    fields: Sequence[FieldProblem] = (),
    allowed: Sequence[str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer for one problem, with the headers that its status asks for."""
    problem = Problem(
        type=f"urn:leadqual:problem:{kind.slug}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        errors=list(fields[:_MAX_LISTED]) or None,
        allowed=None if allowed is None else list(allowed),
        request_id=request.scope.get("state", {}).get("request_id"),
    )
    extra = dict(headers or {})
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    if kind.status == HTTPStatus.UNAUTHORIZED:
        extra.setdefault("WWW-Authenticate", 'Bearer realm="leadqual"')
    if wants_page(request):
        template = "form_problem.html" if is_posted_form(request) else "problem.html"
        wait = extra.get("Retry-After")
        page = render(request, template, status=kind.status, problem=problem, wait=wait)
        page.headers.update(extra)
        return page
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status_code=kind.status,
        headers=extra,
        media_type="application/problem+json",
    )


async def answer_leadqual_error(request: Request, error: Exception) -> Response:
    """Answer an exception of the library by the table."""
    assert isinstance(error, errors.LeadqualError)  # noqa: S101 - narrows what Starlette hands over
    kind = kind_of(error)
    allowed = error.allowed if isinstance(error, errors.ConflictError) else None
    detail = None if kind.is_ours else str(error)
    headers = None
    if isinstance(error, errors.ThrottledError):
        headers = {"Retry-After": str(error.retry_after_seconds)}
    return problem_answer(request, kind, detail=detail, allowed=allowed, headers=headers)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer what routing and the limits refuse (404, 405, 413, 429 and our own problems)."""
    assert isinstance(error, HTTPException)  # noqa: S101 - narrows what Starlette hands over
    if isinstance(error, ProblemError):
        return problem_answer(
            request, error.kind, detail=error.detail, fields=error.fields, headers=error.headers
        )
    if error.status_code == HTTPStatus.SEE_OTHER:
        return Response(status_code=error.status_code, headers=error.headers)
    status = HTTPStatus(error.status_code)
    kind = ProblemKind(status, status.name.lower().replace("_", "-"), status.phrase)
    return problem_answer(request, kind, detail=_HTTP_DETAIL.get(status), headers=error.headers)


_HTTP_DETAIL: Final[Mapping[int, str]] = {
    400: "the body cannot be read",
    404: "there is nothing at this address",
    405: "this address does not take that method; see the Allow header",
}


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Answer a request that does not fit its model: which fields and why, never the values."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - narrows what Starlette hands over
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return problem_answer(request, MALFORMED, detail="send one JSON document in UTF-8")
    fields = [_field_problem(item) for item in found]
    return problem_answer(request, INVALID, detail=count_fields(len(fields)), fields=fields)


def count_fields(n_fields: int) -> str:
    """Return `1 field needs repair` or `N fields need repair`."""
    return "1 field needs repair" if n_fields == 1 else f"{n_fields} fields need repair"


def _field_problem(item: Mapping[str, Any]) -> FieldProblem:
    return FieldProblem(field=field_path(item["loc"]), reason=_reason(item))


def _reason(item: Mapping[str, Any]) -> str:
    """Return why, from the rule alone: messages of pydantic may quote what was sent."""
    kind, context = item["type"], item.get("ctx", {})
    if kind in _REASONS:
        return _REASONS[kind].format(**context)
    if kind == "value_error":
        return str(context.get("error", "cannot be used"))
    return str(item["msg"]).replace("Input should", "should")


_REASONS: Final[Mapping[str, str]] = {
    "missing": "is required",
    "extra_forbidden": "is not a known field; see /docs for the list",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "datetime_from_date_parsing": "must be a time such as 2026-11-20T10:15:00Z",
    "datetime_parsing": "must be a time such as 2026-11-20T10:15:00Z",
    "timezone_aware": "must name its time zone, such as 2026-11-20T10:15:00Z",
}


async def answer_error(request: Request, error: errors.LeadqualError | HTTPException) -> Response:
    """Answer what an endpoint or a limit raised, where no layer of FastAPI stands around it."""
    answer = answer_http_error if isinstance(error, HTTPException) else answer_leadqual_error
    return await answer(request, error)


def install(app: FastAPI) -> None:
    """Register the handlers on an application."""
    app.add_exception_handler(errors.LeadqualError, answer_leadqual_error)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(RequestValidationError, answer_invalid)
