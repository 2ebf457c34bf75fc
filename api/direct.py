"""The calls that websites wait for: what they do, whoever reads their requests.

`api.front` answers plain requests by these; the routes of FastAPI document them and answer all
others, by the same functions.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final, Protocol

from pydantic_core import to_json

from api.asgi import Message, Scope
from api.keys import KeyRule
from leadqual.leads.schema import RawLead, Rejected
from leadqual.services import calls
from leadqual.services.calls import Call, Principal, PrincipalKind
from leadqual.services.intake import IntakeStatus
from leadqual.services.serving import Serving

IDEMPOTENCY_KEY: Final = r"^[\x21-\x7e]{1,200}$"

Answer = tuple[int, bytes]
"""A status, and a body that is JSON already."""

_HANDED: Final = "leadqual.handed"
"""Where a request's scope says what was done about it already; callers cannot set it."""


class Action(Protocol):
    """What a call does with a lead."""

    async def __call__(
        self, serving: Serving, raw: RawLead, *, call: Call, origin: str | None
    ) -> Answer | Rejected:
        """Return the answer, or why the lead cannot be used; `origin` is the header."""


@dataclass(frozen=True, slots=True)
class DirectCall:
    """A POST of one lead that needs nothing of a web framework.

    `is_writing` says whether an idempotency key means anything.
    """

    path: str
    rule: KeyRule
    act: Action
    is_writing: bool


@dataclass(slots=True)
class Handed:
    """What was done about a request before it was handed over to FastAPI.

    It began at `started` (`time.perf_counter`). A `principal` was admitted and counted. The
    `messages` were read of it. With an `outcome` all that is left is to say so.
    """

    call: DirectCall
    started: float
    principal: Principal | None = None
    messages: list[Message] = field(default_factory=list)
    outcome: Exception | Rejected | None = None


def hand_over(scope: Scope, handed: Handed) -> None:
    """Note in a request what was done about it."""
    scope[_HANDED] = handed


def handed_over(scope: Scope) -> Handed | None:
    """Return what was done about a request, None when nothing was."""
    handed: Handed | None = scope.get(_HANDED)
    return handed


async def take_lead(
    serving: Serving, raw: RawLead, *, call: Call, origin: str | None
) -> Answer | Rejected:
    """Store, score and route one lead; a form key is told its id and nothing else.

    Raises
    ------
    PermissionDeniedError, BusyError, IdempotencyError, StoreError
    """
    if call.principal.kind is PrincipalKind.FORM_KEY:
        fields = raw.model_dump(mode="json", exclude_unset=True)
        receipt = await asyncio.wrap_future(serving.forms.submit(fields, call=call, origin=origin))
        if isinstance(receipt, Rejected):
            return receipt
        return 201, to_json({"lead_id": receipt.lead_id, "status": receipt.status})
    result = await serving.intake.take(raw, call=call)
    if isinstance(result, Rejected):
        return result
    return 201 if result.status is IntakeStatus.CREATED else 200, result.json


async def score_lead(
    serving: Serving,
    raw: RawLead,
    *,
    call: Call,
    origin: str | None = None,  # noqa: ARG001 - any may ask
) -> Answer | Rejected:
    """Return what a lead would get, without storing it.

    Raises
    ------
    PermissionDeniedError, StoreError
    """
    preview = await serving.previews.ask(raw, call=call)
    return preview if isinstance(preview, Rejected) else (200, preview.as_json())


TAKE_LEAD: Final = DirectCall(
    "/v1/leads",
    KeyRule(frozenset({calls.Scope.LEADS_WRITE}), takes_form_key=True),
    take_lead,
    is_writing=True,
)
SCORE_LEAD: Final = DirectCall(
    "/v1/score", KeyRule(frozenset({calls.Scope.LEADS_READ})), score_lead, is_writing=False
)
DIRECT_CALLS: Final = (TAKE_LEAD, SCORE_LEAD)
