import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, Body, Depends, Request, Response

from api.auth import KeyGuard, Reading
from api.direct import DirectRoute, JsonAnswer
from api.main import SWITCH_SECONDS
from leadqual.leads.schema import RawLead
from leadqual.services.calls import Call, Scope

GUARDED = [Depends(KeyGuard(Scope.LEADS_READ))]
Raw = Annotated[RawLead, Body()]


async def answer(*, raw: Raw, request: Request, call: Reading) -> Response:
    return JsonAnswer(f'"{raw.source} {request.method} {call.principal.name}"'.encode())


async def without_the_lead(*, request: Request, call: Reading) -> Response:
    return JsonAnswer(f'"{request.method} {call.principal.name}"'.encode())


async def with_a_call_of_its_own(*, raw: Raw, request: Request, call: Call) -> Response:
    return await answer(raw=raw, request=request, call=call)


def declare(path: str, endpoint: object = answer, **options: object) -> None:
    router = APIRouter(route_class=DirectRoute)
    router.add_api_route(path, endpoint, methods=["POST"], **options)  # type: ignore[arg-type]  # as a module would


def test_a_direct_route_without_a_guard_cannot_be_built() -> None:
    with pytest.raises(TypeError, match="exactly one"):
        declare("/open")


def test_a_direct_route_has_a_fixed_path_and_an_endpoint_that_takes_a_lead() -> None:
    declare("/fixed", dependencies=GUARDED)

    with pytest.raises(TypeError, match="fixed path"):
        declare("/leads/{lead_id}", dependencies=GUARDED)
    with pytest.raises(TypeError, match="arguments call, raw, request"):
        declare("/fixed", without_the_lead, dependencies=GUARDED)


def test_a_served_process_neither_collects_what_stays_nor_holds_the_interpreter(
    tmp_path: Path,
) -> None:
    code = (
        "import gc, sys; from api.main import app_from_environment; app_from_environment(); "
        "print(gc.get_freeze_count() > 50_000, sys.getswitchinterval())"
    )
    environment = {"LEADQUAL_HOME": str(tmp_path), "PATH": ""}
    root = Path(__file__).parents[3]

    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, check=True, stdout=subprocess.PIPE
    )

    assert out.stdout.split() == [b"True", str(SWITCH_SECONDS).encode()]
