"""Enums of texts that pydantic writes without asking each member for its value."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class TextEnum(StrEnum):
    """An enum whose members are written as the texts that they are.

    Pydantic writes a member of any enum by its `value`, a property in Python: for a score with
    five reasons that is twenty look-ups, three quarters of what writing it costs. Reading and
    the JSON schema are those of any enum.
    """

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the schema of an enum, written as text."""
        schema: dict[str, Any] = {**handler(source)}
        schema["serialization"] = core_schema.simple_ser_schema("str")
        return schema
