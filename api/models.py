"""`/v1/models`: which versions there are, which one serves; promote and roll back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.answers import problems
from api.auth import GuardedRoute, KeyGuard, Reading, Services, Writing
from leadqual.leads.schema import Text
from leadqual.services.calls import Scope
from leadqual.services.models import AliasView
from leadqual.services.promotion import Aliases, ModelView

router = APIRouter(route_class=GuardedRoute, tags=["models"])

Version = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["2026-11-21-1"])
]


class ModelsAnswer(BaseModel):
    """Every version, newest first, and what this server scores with right now."""

    models: list[ModelView]
    aliases: list[AliasView]
    serving_version: str = Field(description="`rules` while no model is live")
    problem: str | None = Field(description="why the champion does not serve; null when it does")


class Promotion(BaseModel):
    """Why a version is promoted although the gate refused it."""

    model_config = ConfigDict(extra="forbid")

    force_reason: Text | None = None


@router.get(
    "/v1/models",
    operation_id="listModels",
    summary="List model versions with their metrics and aliases",
    dependencies=[Depends(KeyGuard(Scope.MODELS_PROMOTE, Scope.REPORTS_READ))],
    responses=problems(),
)
async def list_models(serving: Services, call: Reading) -> ModelsAnswer:
    """Return what can serve and what does."""
    versions = await run_in_threadpool(serving.model_versions.list, call=call)
    live = await run_in_threadpool(serving.models.live, call=call)
    return ModelsAnswer(
        models=list(versions),
        aliases=list(live.aliases),
        serving_version=live.serving_version,
        problem=live.problem,
    )


@router.post(
    "/v1/models/{version}/promote",
    operation_id="promoteModel",
    summary="Make a version the champion",
    dependencies=[Depends(KeyGuard(Scope.MODELS_PROMOTE))],
    responses=problems(404, 409, has_body=True),
)
async def promote_model(
    *,
    version: Version,
    serving: Services,
    call: Writing,
    promotion: Annotated[Promotion | None, Body()] = None,
) -> Aliases:
    """Check the bundle and point the champion alias at it; 409 when the gate refused it."""
    answer = await run_in_threadpool(
        serving.model_versions.promote,
        version,
        call=call,
        force_reason=None if promotion is None else promotion.force_reason,
    )
    return answer.value


@router.post(
    "/v1/models/rollback",
    operation_id="rollbackModel",
    summary="Go back to the champion before this one",
    dependencies=[Depends(KeyGuard(Scope.MODELS_PROMOTE))],
    responses=problems(409),
)
async def rollback_model(serving: Services, call: Writing) -> Aliases:
    """Make the previous champion the champion; every server follows within two seconds."""
    answer = await run_in_threadpool(serving.model_versions.rollback, call=call)
    return answer.value
