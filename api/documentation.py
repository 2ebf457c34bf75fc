"""`/docs` and `/openapi.json`: the documentation, served from here without any other site."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import fastapi_offline
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import BaseModel
from starlette.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from api.auth import GuardedRoute, Public
from api.errors import Problem
from api.rendering import render
from leadqual.services.outcomes import OutcomeOf

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

ASSETS: Final = "/static-docs"
_REFERENCES: Final = "#/components/schemas/{model}"
_NAMED: Final[tuple[type[BaseModel], ...]] = (Problem, OutcomeOf)
"""Models that the documentation refers to by name and no route declares as its own."""


class DocumentedApi(FastAPI):
    """FastAPI, with the schemas of problem documents and batch rows among its components."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in _NAMED:
            schema = model.model_json_schema(ref_template=_REFERENCES)
            for name, part in schema.pop("$defs", {}).items():
                schemas.setdefault(name, part)
            schemas.setdefault(model.__name__, schema)
        return document


def mount_assets(app: FastAPI) -> None:
    """Serve the files of Swagger UI that the fastapi-offline package carries."""
    folder = Path(fastapi_offline.__file__).parent / "static"
    app.mount(ASSETS, StaticFiles(directory=folder), name="docs-assets")


@router.get("/docs", dependencies=[Depends(Public("documentation holds no data"))])
async def show_docs(request: Request) -> Response:
    """Show the documentation; a script of our own starts it, so no inline code is needed."""
    return render(request, "docs.html", assets=ASSETS)


@router.get("/openapi.json", dependencies=[Depends(Public("documentation holds no data"))])
async def show_openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return JSONResponse(request.app.openapi())
