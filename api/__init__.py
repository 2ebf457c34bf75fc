"""The HTTP shell: parse, call a service, answer."""

from pydantic import BaseModel

# FastAPI describes OpenAPI documents with forty models. Built while it is imported they take a
# third of its time; so they are built with the first document that is asked for.
BaseModel.model_config["defer_build"] = True
import fastapi as fastapi  # noqa: E402 - within the setting above

del BaseModel.model_config["defer_build"]
