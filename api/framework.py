"""Import FastAPI in less time."""

from __future__ import annotations

from pydantic import BaseModel


def import_fastapi() -> None:
    """Import FastAPI without building the forty models with which it describes OpenAPI documents.

    That takes a third of its import; so they are built with the first document that is asked for.
    """
    BaseModel.model_config["defer_build"] = True
    try:
        import fastapi  # noqa: F401 - for those that import it next
    finally:
        del BaseModel.model_config["defer_build"]
