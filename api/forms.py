"""`/v1/forms/{form_id}`: web forms on public pages post here; the answer tells nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from api.answers import FormAccepted, problems
from api.auth import (
    FORM_TYPE,
    Guard,
    GuardedRoute,
    Services,
    Writing,
    media_type_of,
    serving_of,
    unusable,
)
from api.errors import INVALID, TOO_MANY_FIELDS, WRONG_TYPE, ProblemError
from api.keys import verify_key
from api.limits import count_request
from api.strict import load_json
from leadqual.errors import AuthenticationError, PermissionDeniedError
from leadqual.leads.schema import Rejected
from leadqual.services.calls import Principal, PrincipalKind
from leadqual.services.forms import FormReceipt

router = APIRouter(route_class=GuardedRoute, tags=["forms"])

MAX_FIELDS: Final = 100
THANKS: Final = "/thanks"
DEMO_MARK: Final = "_demo"
"""A field of our own form to try; its visitors are offered to send another one."""

FormId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_-]{1,200}$", description="a form key (`lq_pk_…`)")
]


class FormGuard(Guard):
    """Ask for a form key in the address, and count posts per address of the sender."""

    async def admit(self, request: Request) -> None:
        """Check the key and the rate.

        Raises
        ------
        AuthenticationError, PermissionDeniedError
        ProblemError
            429 when this sender posts too often.
        """
        host = request.client.host if request.client else "unknown"
        count_request(request.app.state.form_rate, host)
        try:
            principal = await verify_key(serving_of(request), request.path_params["form_id"])
        except AuthenticationError as error:
            raise _no_form() from error
        if principal.kind is not PrincipalKind.FORM_KEY:
            raise _no_form()
        request.state.principal = principal


def _no_form() -> AuthenticationError:
    return AuthenticationError(
        "the address that this form posts to has no valid form key: it is unknown, expired or "
        "revoked; put one of `leadqual keys create --form` there"
    )


@router.options(
    "/v1/forms/{form_id}",
    operation_id="preflightForm",
    summary="Tell a browser whether a page may post here",
    status_code=204,
    dependencies=[Depends(FormGuard())],
    responses=problems(),
)
async def preflight_form(
    form_id: FormId,  # noqa: ARG001 - declared for the documentation; the guard reads it
    request: Request,
) -> Response:
    """Answer the preflight of a script on another origin."""
    headers = _cross_origin(request) | {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


@router.post(
    "/v1/forms/{form_id}",
    operation_id="submitForm",
    summary="Post a web form",
    status_code=201,
    response_model=FormAccepted,
    dependencies=[Depends(FormGuard())],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                name: {
                    "schema": {"type": "object", "additionalProperties": True},
                    "example": {
                        "email": "ada@hafen-logistik.example",
                        "full_name": "Ada Beispiel",
                        "company": "Hafen Logistik",
                        "message": "Please call me",
                    },
                }
                for name in ("application/x-www-form-urlencoded", "application/json")
            },
        }
    },
    responses={
        303: {"description": "A browser is sent to a thanks page"},
        **problems(has_body=True),
    },
)
async def submit_form(
    *,
    form_id: FormId,
    request: Request,
    serving: Services,
    call: Writing,
) -> Response:
    """Take one posted form. Browsers are sent on with 303, scripts get 201.

    Fields are those of a lead, flat (`email`, `full_name`, `company`, `utm_source`) or dotted
    (`company.name`); others become attributes. A filled honeypot field is answered alike.
    """
    is_json, fields = await _read_fields(request)
    receipt = await asyncio.wrap_future(
        serving.forms.submit(fields, call=call, origin=request.headers.get("origin"))
    )
    if isinstance(receipt, Rejected):
        raise unusable(receipt, _cross_origin(request))
    if not is_json:
        thanks = f"{THANKS}?demo={form_id}" if DEMO_MARK in fields else THANKS
        return RedirectResponse(thanks, status_code=HTTPStatus.SEE_OTHER)
    return _created(receipt, _cross_origin(request))


def _created(receipt: FormReceipt, headers: Mapping[str, str]) -> Response:
    answer = FormAccepted(lead_id=receipt.lead_id, status=receipt.status)
    return JSONResponse(answer.model_dump(), status_code=201, headers=dict(headers))


async def _read_fields(request: Request) -> tuple[bool, Mapping[str, object]]:
    """Return whether the body is JSON, and its fields."""
    media_type = media_type_of(request)
    if media_type == "application/json":
        tree = load_json(await request.body())
        if not isinstance(tree, dict):
            raise ProblemError(INVALID, "send one JSON object")
        return True, tree
    if media_type != FORM_TYPE:
        raise ProblemError(WRONG_TYPE, "send application/x-www-form-urlencoded or application/json")
    try:
        form = await request.form(max_fields=MAX_FIELDS)
    except HTTPException as error:  # all that Starlette has against a form of this encoding
        text = f"a form may have up to {MAX_FIELDS} fields; leave some out"
        raise ProblemError(TOO_MANY_FIELDS, text) from error
    return False, {name: value for name, value in form.items() if isinstance(value, str)}


def _cross_origin(request: Request) -> dict[str, str]:
    """Return the headers that let the page's script read the answer, for a listed origin."""
    origin = request.headers.get("origin")
    if origin is None:
        return {}
    principal: Principal = request.state.principal
    if principal.origins and origin not in principal.origins:
        raise PermissionDeniedError("this origin is not listed for the form key")
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
